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
