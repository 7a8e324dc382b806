using Kraliki.Contracts;
using Kraliki.Voice.Calls;
using Kraliki.Voice.Providers;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Kraliki.Voice.Tests.Calls;

/// <summary>Every call ends, once, whatever fails on the way.</summary>
public sealed class CallEndTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly RecordingSink _sink = new();

    [Fact]
    public async Task A_provider_that_cannot_even_be_asked_ends_the_call()
    {
        var (carrier, outcome) = Run((_, _) => Task.FromResult<CallAdmission?>(
            new(_sink, ProviderOrder.Only(new BrokenProvider()), new ProviderSetup(Guid.CreateVersion7(), "", ConversationContext.Empty, CallTool.All))));
        carrier.Start();
        Assert.Equal(EndReason.TalkServerFault, (await Ended(outcome)).Reason);
        Assert.IsType<MediaEnded>(_sink.Facts[^1]);
    }

    [Fact]
    public async Task A_look_up_that_never_answers_is_given_up()
    {
        var (carrier, outcome) = Run(async (_, cancel) =>
        {
            await new TaskCompletionSource().Task.WaitAsync(cancel);
            return null;
        });
        carrier.Start();
        for (int passed = 0; passed < 12_000; passed += 100)
        {
            _time.Advance(TimeSpan.FromMilliseconds(100));
            carrier.SendFrame();
        }

        Assert.Contains("close 1008", carrier.Received);
        Assert.Equal(EndReason.ConnectCarrierRefused, (await Ended(outcome)).Reason);
    }

    [Fact]
    public async Task A_carrier_and_a_provider_that_never_close_are_left_after_the_deadline_with_one_end()
    {
        var call = TestCall.Answered();
        call.After(200);
        call.Provider.Events.CallerPartial("none", "ignored");
        call.StopCallerAudio();
        call.After(15_200 + 5_200);
        Assert.Equal(EndReason.TalkCarrierIdle, (await Ended(call.Outcome)).Reason);
        Assert.IsType<MediaEnded>(call.Sink.Facts[^1]);
        _ = call.Sink.Ended;

        call.Provider.Events.CallerFinal("late", "too late", 0.9);
        call.Provider.Events.Notice("late", "too late");
        Assert.IsType<MediaEnded>(call.Sink.Facts[^1]);
    }

    [Fact]
    public void A_call_that_must_end_is_heard_out_and_says_goodbye()
    {
        var call = TestCall.Answered().AgentSays("a1", "We are open from nine to five.", 2_000).After(500);
        call.Loop.Post(Goodbye);
        call.After(200);
        Assert.Equal("instruct Say goodbye.", call.Provider.Asked[^1]);
        call.After(2_500);
        Assert.False(call.Outcome.IsCompleted);

        call.AgentSays("a2", "I have to end the call. Goodbye!", 1_500).After(1_000);
        Assert.DoesNotContain("close 1000", call.Carrier.Received);
        call.After(1_000);
        Assert.Contains("close 1000", call.Carrier.Received);
        Assert.Equal(3_500 * 8, call.Carrier.BytesPlayed);
        call.Provider.Events.Closed(ProviderEnd.Requested, "closed");
        Assert.Equal((EndReason.CostCapReached, "Too dear."), (call.Sink.Ended.Reason, call.Sink.Ended.Detail));
    }

    [Fact]
    public void A_caller_in_the_middle_of_a_sentence_is_answered_before_the_goodbye()
    {
        var call = TestCall.Answered().AgentSays("a1", "Hello.", 500).After(1_000).CallerStarts("c1").After(500);
        call.Loop.Post(Goodbye);
        call.After(1_000);
        Assert.DoesNotContain("instruct Say goodbye.", call.Provider.Asked);
        call.CallerStops("c1", "When are you open?").After(200);
        Assert.DoesNotContain("instruct Say goodbye.", call.Provider.Asked);
        call.AgentSays("a2", "From nine to five.", 1_000).After(100);
        Assert.Equal("instruct Say goodbye.", call.Provider.Asked[^1]);
        call.AgentSays("a3", "Goodbye!", 500).After(2_000);
        Assert.Contains("close 1000", call.Carrier.Received);
    }

    [Fact]
    public void A_caller_who_interrupts_the_goodbye_is_answered_once_more()
    {
        var call = TestCall.Answered().AgentSays("a1", "Hello.", 500).After(1_000);
        call.Loop.Post(Goodbye);
        call.After(100).AgentSays("a2", "I have to end the call here.", 3_000).After(1_000).CallerStarts("c1").After(1_500);
        call.CallerStops("c1", "But what does it cost?").After(200);
        Assert.DoesNotContain("close 1000", call.Carrier.Received);
        call.AgentSays("a3", "Ten euros. Goodbye!", 1_000).After(800);
        Assert.DoesNotContain("close 1000", call.Carrier.Received);
        call.After(1_000);
        Assert.Contains("close 1000", call.Carrier.Received);
    }

    [Fact]
    public void A_caller_who_talks_without_end_does_not_keep_the_call()
    {
        var call = TestCall.Answered().AgentSays("a1", "Hello.", 500).After(1_000).CallerStarts("c1").CallerSpeaks(500);
        call.Loop.Post(Goodbye);
        call.CallerSpeaks(59_000);
        Assert.DoesNotContain("close 1000", call.Carrier.Received);
        call.CallerSpeaks(1_500);
        Assert.Contains("close 1000", call.Carrier.Received);
    }

    private static EndAfterGoodbye Goodbye => new(EndReason.CostCapReached, "Too dear.", "Say goodbye.");

    [Fact]
    public void Who_hangs_up_in_the_middle_of_a_sentence_is_still_understood()
    {
        var call = TestCall.Answered().CallerStarts("c1").After(500);
        int heard = call.Provider.FramesHeard;
        call.Carrier.HangUp();

        // A provider ends a turn by silence, and from a closed line none comes.
        Assert.Equal(50, call.Provider.FramesHeard - heard);
        Assert.Equal("hold", call.Provider.Asked[^1]);
    }

    [Fact]
    public void Nothing_is_asked_of_the_provider_after_the_end()
    {
        var call = TestCall.Answered();
        call.CallerStarts("c1").After(100).CallerStops("c1");
        call.Carrier.Send("""{"event":"dtmf","dtmf":{"digit":"1"}}""");
        call.Carrier.HangUp();
        call.Loop.Post(new InstructProvider("too late"));
        call.Loop.Post(new ProvideToolResult("t", "too late"));
        call.StopCallerAudio();
        call.After(1900);
        Assert.DoesNotContain(call.Provider.Asked, asked => asked.StartsWith("instruct", StringComparison.Ordinal) || asked.StartsWith("tool", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_provider_that_takes_no_audio_for_long_ends_the_call()
    {
        var call = TestCall.Answered();
        call.Provider.ClosedByLoop = () => call.Provider.Events.Closed(ProviderEnd.Requested, "");
        call.Provider.AcceptsAudio = false;
        call.After(10_500);
        Assert.Equal(EndReason.TalkProviderStalled, (await Ended(call.Outcome)).Reason);
    }

    private (MemoryCarrier Carrier, Task<CallOutcome> Outcome) Run(AdmitCall admit)
    {
        var carrier = new MemoryCarrier(_time);
        var loop = new CallLoop(carrier.Socket, admit, new CallOptions(), _time, NullLogger<CallLoop>.Instance);
        return (carrier, loop.RunAsync(TestContext.Current.CancellationToken));
    }

    private static async Task<CallOutcome> Ended(Task<CallOutcome> outcome)
    {
        try
        {
            return await outcome.WaitAsync(TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException("The call never ended.");
        }
    }

    private sealed class BrokenProvider : IVoiceProvider
    {
        public string Name => "broken";

        public ProviderCapabilities Capabilities { get; } = new([VoiceStrategy.Realtime], true, true, true);

        public IProviderConnection Connect(ProviderSetup setup, IProviderEvents events) => throw new InvalidOperationException("boom");
    }
}
