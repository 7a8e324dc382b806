using Kraliki.Contracts;
using Kraliki.Voice.Calls;
using Kraliki.Voice.Providers;

namespace Kraliki.Voice.Tests.Calls;

/// <summary>The assistant says goodbye by itself when the conversation lasts too long, or is none any more.</summary>
public sealed class LimitsTests
{
    private static readonly CallLimits Silence = new(Call: null, TimeSpan.FromSeconds(20));

    [Fact]
    public async Task A_silent_caller_is_told_goodbye_and_the_goodbye_is_heard_out()
    {
        var call = TestCall.Answered(limits: Silence).AgentSays("a1", "Hello.", 1_000).After(19_000);
        Assert.Equal(["greet"], call.Provider.Asked);

        call.After(2_200);
        Assert.StartsWith("instruct Nobody has said anything", call.Provider.Asked[^1], StringComparison.Ordinal);
        call.AgentSays("a2", "I hear nobody. Goodbye.", 2_000).After(1_000);
        Assert.False(call.Outcome.IsCompleted, "The goodbye was cut off.");
        call.After(1_500);

        await EndsAsync(call, "Nobody said anything for 20 seconds.");
        Assert.Equal("I hear nobody. Goodbye.", call.Sink.Turns.Last().Text);
        Assert.Equal(3_000 * 8, call.Carrier.BytesPlayed);
    }

    [Fact]
    public void A_caller_who_speaks_up_is_not_sent_away()
    {
        var call = TestCall.Answered(limits: Silence).AgentSays("a1", "Hello.", 1_000).After(21_500);
        Assert.StartsWith("instruct Nobody", call.Provider.Asked[^1], StringComparison.Ordinal);

        call.CallerStarts("c1").After(1_000).CallerStops("c1", "I am here.").After(200).AgentSays("a2", "Good.", 1_000).After(15_000);

        Assert.False(call.Outcome.IsCompleted);
    }

    [Fact]
    public async Task A_caller_who_speaks_up_does_not_call_off_an_end_that_was_decided_meanwhile()
    {
        var call = TestCall.Answered(limits: Silence).AgentSays("a1", "Hello.", 1_000).After(21_500);
        Assert.StartsWith("instruct Nobody", call.Provider.Asked[^1], StringComparison.Ordinal);
        call.Loop.Post(new EndAfterGoodbye(EndReason.CostCapReached, "Too dear.", "Say goodbye."));

        call.CallerStarts("c1").After(1_000).CallerStops("c1", "I am here.").After(200).AgentSays("a2", "I have to end the call. Goodbye.", 1_000).After(2_500);

        await EndsAsync(call, "Too dear.", EndReason.CostCapReached);
    }

    [Fact]
    public void Silence_is_counted_from_the_last_word_of_either()
    {
        var call = TestCall.Answered(limits: Silence).AgentSays("a1", "Hello.", 1_000).After(15_000);
        call.CallerStarts("c1").After(2_000).CallerStops("c1", "One moment.").After(200).AgentSays("a2", "Take your time.", 1_500).After(18_000);
        Assert.DoesNotContain(call.Provider.Asked, asked => asked.StartsWith("instruct", StringComparison.Ordinal));
    }

    [Fact]
    public void Silence_is_not_counted_while_a_tool_works_or_an_answer_is_due()
    {
        var setup = new ProviderSetup(Guid.CreateVersion7(), "Be kind.", ConversationContext.Empty, [new("look_up", "Looks it up.")]);
        var call = new TestCall(limits: Silence, setup: setup);
        call.Carrier.Start();
        call.Provider.Events.Connected("sess_1", "model-1");
        call.AgentSays("a1", "One moment.", 1_000).After(2_000);
        call.Provider.Events.ToolCall("t1", "look_up", "{}");
        call.After(25_000);
        call.Loop.Post(new ProvideToolResult("t1", "{}"));
        call.After(25_000);
        Assert.Equal(["greet", "tool t1 {}"], call.Provider.Asked);

        call.AgentSays("a2", "Here it is.", 1_000).After(19_000);
        Assert.Equal(2, call.Provider.Asked.Count);
        call.After(2_200);
        Assert.StartsWith("instruct Nobody", call.Provider.Asked[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void A_caller_on_hold_is_not_sent_away_and_silence_counts_anew_when_he_is_back()
    {
        var call = TestCall.Answered(limits: new(TimeSpan.FromSeconds(120), TimeSpan.FromSeconds(20))).AgentSays("a1", "Hello.", 1_000).After(21_500);
        Assert.StartsWith("instruct Nobody", call.Provider.Asked[^1], StringComparison.Ordinal);
        int asked = call.Provider.Asked.Count;

        call.Loop.Post(new HoldCall(OnHold: true));
        call.AgentSays("a2", "I hear nobody. Goodbye.", 1_000).After(60_000);
        Assert.Equal(asked, call.Provider.Asked.Count);
        call.Loop.Post(new HoldCall(OnHold: false));
        call.After(19_000);
        Assert.Equal(asked, call.Provider.Asked.Count);
        call.After(2_200);
        Assert.StartsWith("instruct Nobody", call.Provider.Asked[^1], StringComparison.Ordinal);
        Assert.Equal(asked + 1, call.Provider.Asked.Count);
    }

    [Fact]
    public async Task A_call_that_reaches_its_limit_ends_after_the_sentence_and_a_goodbye()
    {
        var call = TestCall.Answered(limits: new(TimeSpan.FromSeconds(60), Silence: null)).AgentSays("a1", "Hello.", 1_000).After(58_000);
        call.AgentSays("a2", "This takes a while to explain.", 6_000, done: false).After(4_000);
        Assert.DoesNotContain(call.Provider.Asked, asked => asked.StartsWith("instruct", StringComparison.Ordinal));

        call.Provider.Events.AnswerDone("a2", "This takes a while to explain.", cancelled: false);
        call.After(200);
        Assert.StartsWith("instruct The call has reached the longest time", call.Provider.Asked[^1], StringComparison.Ordinal);
        call.AgentSays("a3", "Our time is over. Goodbye.", 1_500).After(3_000);
        Assert.False(call.Outcome.IsCompleted, "The goodbye was cut off.");
        call.After(1_500);

        await EndsAsync(call, "The call has reached its limit of 1 min.");
        Assert.Equal("Our time is over. Goodbye.", call.Sink.Turns.Last().Text);
    }

    [Fact]
    public async Task The_time_before_a_break_of_the_line_counts()
    {
        var call = TestCall.Answered(
            history: [new("t1", LegRole.Ai, "Hello.", 0, 900)],
            comeback: new(Planned: true, "Sorry.", "Back.", AtMs: 55_000),
            limits: new(TimeSpan.FromSeconds(60), Silence: null)).After(6_000);
        Assert.StartsWith("instruct The call has reached", call.Provider.Asked[^1], StringComparison.Ordinal);

        // A provider that does not even say goodbye does not keep the line.
        call.After(61_000);
        await EndsAsync(call, "The call has reached its limit of 1 min.");
    }

    [Fact]
    public void A_voice_is_the_one_of_the_provider_that_has_the_call()
    {
        var other = new ScriptedProvider { Name = "other" };
        var setup = new ProviderSetup(Guid.CreateVersion7(), "Be kind.", ConversationContext.Empty, CallTool.All)
        {
            Voices = new Dictionary<string, string> { ["other"] = "low" },
            Greeting = "Welcome.",
        };
        var call = new TestCall(setup: setup, providers: first => ProviderOrder.Only(first) with { Providers = [first, other], Failover = true });
        call.Carrier.Start();
        Assert.Null(call.Provider.Setup!.Voice);

        call.Provider.Events.Closed(ProviderEnd.Refused, "full");

        Assert.Equal(("low", "Welcome."), (other.Setup!.Voice, other.Setup.Greeting));
    }

    private static async Task EndsAsync(TestCall call, string detail, EndReason reason = EndReason.AssistantEnded)
    {
        call.Carrier.HangUp();
        call.Provider.Events.Closed(ProviderEnd.Requested, "");
        call.After(200);
        var outcome = await call.Outcome.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
        Assert.Equal((reason, detail), (outcome.Reason, outcome.Detail));
    }
}
