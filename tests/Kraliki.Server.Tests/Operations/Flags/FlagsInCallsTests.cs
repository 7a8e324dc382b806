using System.Net;
using Kraliki.Contracts;
using Kraliki.Server.Tests.Telephony;
using Kraliki.Simulators.OpenAI;

namespace Kraliki.Server.Tests.Operations.Flags;

/// <summary>Each flag is switched by the admin's request while a real call runs: carrier's socket, our loop, the provider's socket.</summary>
public sealed class FlagsInCallsTests(FlagsInCallsTests.Shared shared) : IClassFixture<FlagsInCallsTests.Shared>
{
    private readonly TelephonyServer _server = shared.Server;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Without_function_calling_the_model_gets_no_tools_and_what_it_asks_for_all_the_same_is_refused()
    {
        using var carrier = _server.Carrier();
        var (stream, session) = await _server.TalkAsync(carrier, Cancelled);
        await using var _ = stream;
        Assert.Equal(["end_call"], _server.OpenAI.Asked[^1].Tools.Select(tool => tool.Name));

        await SwitchAsync("enable_function_calling", false);
        _server.OpenAI.Mind = asked => asked.Turns[^1].Role == MindRole.Tool ? new MindReply("Then I stay.") : new MindReply("Goodbye!", new MindCall("end_call", "{}"));
        await stream.SpeakAsync(Cancelled);
        var refused = await _server.Sessions.UntilFactAsync<ToolCalled>(session, _ => true, "the tool call is not in the journal", Cancelled);
        Assert.True(refused.Refused);
        Assert.Contains("switched off", refused.Result, StringComparison.Ordinal);
        Assert.Empty(_server.OpenAI.Asked.Last(asked => asked.Turns[^1].Role == MindRole.User).Tools);

        await _server.UntilSaidAsync(session, "Then I stay.", Cancelled);
        await SwitchAsync("enable_function_calling", true);
        await stream.SpeakAsync(Cancelled);
        Assert.Equal(EndReason.AssistantEnded, (await _server.UntilAsync(session, SessionState.Completed, Cancelled)).EndReason);
    }

    private async Task SwitchAsync(string flag, bool enabled)
    {
        using var answer = await shared.Admin.SwitchAsync(flag, enabled, "*", Cancelled);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    public sealed class Shared : IAsyncLifetime
    {
        internal TelephonyServer Server { get; private set; } = null!;

        internal HttpClient Admin { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            Server = await TelephonyServer.StartAsync(TestContext.Current.CancellationToken);
            Admin = await Server.Sessions.Host.SignInAsync(TestContext.Current.CancellationToken, RunningServer.Admin);
        }

        public async ValueTask DisposeAsync()
        {
            Admin.Dispose();
            await Server.DisposeAsync();
        }
    }
}
