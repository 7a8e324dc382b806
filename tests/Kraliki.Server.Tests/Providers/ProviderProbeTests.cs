using System.Text;
using Kraliki.Contracts;
using Kraliki.Server.Providers;
using Kraliki.Voice.Providers;
using Microsoft.Extensions.Time.Testing;

namespace Kraliki.Server.Tests.Providers;

/// <summary>What a probe makes of providers that are made up, on a virtual clock.</summary>
public sealed class ProviderProbeTests
{
    // 160 samples of full scale, and of silence.
    private static readonly byte[] Loud = Encoding.ASCII.GetBytes(Convert.ToBase64String(Enumerable.Repeat((byte)0x80, 160).ToArray()));
    private static readonly byte[] Silent = Encoding.ASCII.GetBytes(Convert.ToBase64String(Enumerable.Repeat((byte)0xFF, 160).ToArray()));

    private static readonly TimeSpan FrameTime = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan Step = 5 * FrameTime;

    private readonly FakeTimeProvider _time = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Audio_after_the_question_passes()
    {
        var probe = await RunAsync(new MadeUp { AfterFrames = (frame, events) => Answer(frame, events, Loud) });
        Assert.True(probe.Passed, probe.Detail);
        Assert.Null(probe.Failure);
    }

    [Fact]
    public async Task Silence_for_an_answer_is_a_stall()
    {
        var probe = await RunAsync(new MadeUp { AfterFrames = (frame, events) => Answer(frame, events, Silent) });
        Assert.Equal((false, ProviderFailure.Stalled, "madeup gave no audible answer within 12 seconds."), (probe.Passed, probe.Failure, probe.Detail));
    }

    [Fact]
    public async Task A_greeting_of_a_provider_that_hears_nothing_is_no_answer()
    {
        var probe = await RunAsync(new MadeUp { AfterFrames = (_, events) => events.AnswerAudio("a1", Loud) });
        Assert.Equal(ProviderFailure.Stalled, probe.Failure);
    }

    [Fact]
    public async Task A_provider_that_never_gets_ready_is_given_up()
    {
        var probe = await RunAsync(new MadeUp { Begin = _ => { } });
        Assert.Equal((ProviderFailure.ConnectTimeout, null), (probe.Failure, probe.ConnectMs));
    }

    [Fact]
    public async Task A_refused_key_and_the_reason_of_an_error_are_told()
    {
        var refused = await RunAsync(new MadeUp { Begin = events => events.Closed(ProviderEnd.Unauthorized, "No such key.") });
        Assert.Equal((ProviderFailure.Unauthorized, "No such key."), (refused.Failure, refused.Detail));

        var broken = await RunAsync(new MadeUp
        {
            AfterFrames = (_, events) =>
            {
                events.AnswerFailed("rate_limit", "Too many tokens.");
                events.Closed(ProviderEnd.Error, "Closed.");
            },
        });
        Assert.Equal((ProviderFailure.Error, "Too many tokens."), (broken.Failure, broken.Detail));
    }

    private static void Answer(int frame, IProviderEvents events, byte[] audio)
    {
        if (frame == 20)
        {
            events.SpeechStarted("c1");
        }
        else if (frame > 150)
        {
            events.AnswerAudio("a1", audio);
        }
    }

    private async Task<ProbeView> RunAsync(MadeUp provider)
    {
        var running = ProviderProbe.RunAsync(provider, _time, Cancel);
        for (var passed = TimeSpan.Zero; !running.IsCompleted;)
        {
            passed += Step;
            _time.Advance(Step);

            // The clock stands still until what is due by it was said, or a slow machine would take the provider for a silent one.
            do
            {
                await Task.Yield();
            }
            while (provider.Hears && provider.Frames < passed / FrameTime && !running.IsCompleted);
        }

        return await running;
    }

    private sealed class MadeUp : IVoiceProvider
    {
        private static readonly Action<IProviderEvents> Ready = events => events.Connected("s1", null);

        private int _frames;

        public string Name => "madeup";

        public ProviderCapabilities Capabilities { get; } = new([VoiceStrategy.Realtime], true, true, true);

        public Action<IProviderEvents> Begin { get; init; } = Ready;

        public Action<int, IProviderEvents> AfterFrames { get; init; } = (_, _) => { };

        /// <summary>It gets ready, and then hears.</summary>
        public bool Hears => Begin == Ready;

        /// <summary>Heard so far.</summary>
        public int Frames => Volatile.Read(ref _frames);

        public void Hear(IProviderEvents events)
        {
            AfterFrames(_frames + 1, events);
            Volatile.Write(ref _frames, _frames + 1);
        }

        public IProviderConnection Connect(ProviderSetup setup, IProviderEvents events)
        {
            Begin(events);
            return new Connection(this, events);
        }
    }

    private sealed class Connection(MadeUp provider, IProviderEvents events) : IProviderConnection
    {
        public bool SendAudio(ReadOnlySpan<byte> base64Mulaw)
        {
            provider.Hear(events);
            return true;
        }

        public void Close() => events.Closed(ProviderEnd.Requested, "Closed.");

        public void Greet() => throw new NotSupportedException("A probe does not ask for it.");

        public void PickUp(string words, PickUpRest rest) => throw new NotSupportedException("A probe does not ask for it.");

        public void Remember(IReadOnlyList<SessionFact> happened) => throw new NotSupportedException("A probe does not ask for it.");

        public void CancelAnswer() => throw new NotSupportedException("A probe does not ask for it.");

        public void Truncate(string turnId, int heardMs) => throw new NotSupportedException("A probe does not ask for it.");

        public void HoldAnswers() => throw new NotSupportedException("A probe does not ask for it.");

        public void ResumeAnswers(bool answerNow) => throw new NotSupportedException("A probe does not ask for it.");

        public void Instruct(string text) => throw new NotSupportedException("A probe does not ask for it.");

        public void OfferTools(IReadOnlyList<CallTool> tools) => throw new NotSupportedException("A probe does not ask for it.");

        public void ProvideToolResult(ToolCalled call) => throw new NotSupportedException("A probe does not ask for it.");
    }
}
