using Kraliki.Client;
using Kraliki.Contracts;
using Kraliki.Server.Tests.Telephony;
using Kraliki.Simulators.OpenAI;

namespace Kraliki.Server.Tests.Assistants;

/// <summary>What an assistant says and may do in real calls: carrier's socket, our loop, the provider's socket.</summary>
public sealed class AssistantsInCallsTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_call_keeps_its_version_over_edits_and_a_lost_line()
    {
        await using var server = await CarrierServer.StartAsync("go_on", Cancelled);
        using var supervisor = await server.Sessions.SignInAsync(Cancelled, RunningServer.Supervisor);
        var assistant = await MakeDefaultAsync(supervisor, new("Desk", "You are the first version.", WelcomeBack: "Here we are again."));
        var (call, session) = await server.TalkAsync(Cancelled, silent: true);
        bool spoken = false;
        await server.Sessions.UntilFactAsync<TurnFinished>(
            session, turn => (spoken |= turn.Speaker == LegRole.Caller) && turn is { Speaker: LegRole.Ai, Interrupted: false }, "the answer was not heard to its end", Cancelled);
        await supervisor.SaveAssistantAsync(assistant.Id, new(new("Desk", "You are the second version.")), 1, Cancelled);
        int asked = server.OpenAI.Asked.Count;

        server.Cut(call);

        await CarrierServer.BackAsync(call, Cancelled);
        Assert.All(server.OpenAI.Asked, question => Assert.Contains("You are the first version.", question.Instructions, StringComparison.Ordinal));
        Assert.Contains("Here we are again.", server.OpenAI.Asked[asked].Instructions, StringComparison.Ordinal);
        Assert.Equal((assistant.Id, 1), await server.Sessions.RowAsync(session, Cancelled) is var row ? (row.AssistantId, row.AssistantVersion) : default);
    }

    [Fact]
    public async Task An_assistant_greets_in_its_own_words_is_told_its_language_and_may_use_its_own_tools()
    {
        await using var server = await TelephonyServer.StartAsync(Cancelled);
        using var supervisor = await server.Sessions.SignInAsync(Cancelled, RunningServer.Supervisor);
        await MakeDefaultAsync(supervisor, new("Desk", "Be brief.", "Welcome to the night desk.", Language: "cs-CZ", Tools: ["current_time", "end_call"]));
        using var carrier = server.Carrier();

        var (stream, session) = await server.TalkAsync(carrier, Cancelled);

        await using var _ = stream;
        var greeting = server.OpenAI.Asked[0];
        Assert.EndsWith("Say: Welcome to the night desk.", greeting.Instructions, StringComparison.Ordinal);
        Assert.StartsWith("Speak the language with the BCP 47 tag cs-CZ unless the caller cannot.\n\nBe brief.", greeting.Instructions, StringComparison.Ordinal);
        Assert.Equal(["end_call", "current_time"], greeting.Tools.Select(tool => tool.Name));
        Assert.Equal("openai", (await server.Sessions.RowAsync(session, Cancelled)).Provider);

        // What it asks for all the same is refused.
        server.OpenAI.Mind = asked => asked.Turns[^1].Role == MindRole.Tool ? new MindReply("Then not.") : new MindReply("", new MindCall("request_callback", "{}"));
        await stream.SpeakAsync(Cancelled);
        Assert.True((await server.Sessions.UntilFactAsync<ToolCalled>(session, _ => true, "the tool call is not in the journal", Cancelled)).Refused);
    }

    [Fact]
    public async Task An_assistant_that_waits_no_longer_for_a_silent_caller_says_goodbye()
    {
        await using var server = await TelephonyServer.StartAsync(Cancelled);
        using var supervisor = await server.Sessions.SignInAsync(Cancelled, RunningServer.Supervisor);
        await MakeDefaultAsync(supervisor, new("Desk", "Be brief.", Limits: new(MaxSilenceSeconds: 10)));
        using var carrier = server.Carrier();
        var (stream, session) = await server.TalkAsync(carrier, Cancelled);
        await using var _ = stream;

        var ended = await server.UntilAsync(session, SessionState.Completed, Cancelled);

        Assert.Equal((EndReason.AssistantEnded, "Nobody said anything for 10 seconds."), (ended.EndReason!.Value, ended.EndDetail));
        Assert.Contains(server.OpenAI.Asked[^1].Turns, turn => turn.Text.Contains("Nobody has said anything", StringComparison.Ordinal));
    }

    private static async Task<AssistantView> MakeDefaultAsync(KralikiClient supervisor, AssistantContent content)
    {
        var made = await supervisor.CreateAssistantAsync(new(content), Cancelled);
        return await supervisor.MakeAssistantDefaultAsync(made.Id, Cancelled);
    }
}
