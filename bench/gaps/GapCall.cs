using System.Diagnostics;
using System.Text;
using Kraliki.Contracts;
using Kraliki.Tests.Shared;
using Kraliki.Voice.Calls;
using Kraliki.Voice.Net;
using Kraliki.Voice.Providers;
using Microsoft.Extensions.Logging.Abstractions;

namespace Kraliki.Gaps;

internal enum Handover
{
    /// <summary>An operator asks for it; nobody fails.</summary>
    Switch,

    /// <summary>The provider's connections are reset by their other side.</summary>
    Failover,

    /// <summary>They stay open, and from a moment before or within the caller's words nothing goes through them any more.</summary>
    Stall,
}

/// <summary>What one handover has shown.</summary>
/// <param name="GapMs">
/// Until the first frame of the caller that the next provider took: failover, from the cut; stall, from the end of the caller's
/// words, which is when an answer is due; switch, from the last frame of the one before; they come every 20 ms.
/// </param>
/// <param name="TookMs">As the product says it.</param>
/// <param name="Unheard">Frames of the caller that no provider took.</param>
internal sealed record GapSample(Handover Kind, string From, string To, double GapMs, int TookMs, int ReplayedMs, int Unheard);

/// <summary>One call over the real loop and the real adapters, and one handover in it. The carrier is memory: its frames come from <see cref="Line"/>.</summary>
internal sealed class GapCall : IAsyncDisposable
{
    /// <summary>The product's own (<c>Providers:StallLimit</c>).</summary>
    public static readonly TimeSpan StallLimit = TimeSpan.FromSeconds(6);

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    // Frames of the line: 0.8 s of a voice.
    private const int WordsFrom = 10;
    private const int WordsTo = 50;

    private readonly Wire _wire = new();
    private readonly MediaSocket _carrier;
    private readonly CallLoop _loop;
    private readonly Sink _sink = new();
    private readonly Lock _receiving = new();
    private readonly byte[] _framed = new byte[1024];
    private readonly bool _speaks;
    private long _timestamp;
    private int _frames;
    private long _wordsEnd;

    private GapCall(ProviderOrder order, bool speaks)
    {
        _speaks = speaks;
        _carrier = new MediaSocket(_wire, isServer: true, MediaSocketOptions.Carrier, TimeProvider.System);
        var id = Guid.CreateVersion7();

        // Somebody has spoken before: a greeting would only take time.
        var before = new ConversationContext([new TurnFinished("h1", LegRole.Ai, "Good morning.", 0, 900)]);
        var admission = new CallAdmission(_sink, order, new ProviderSetup(id, "You are the assistant of a travel agency.", before, CallTool.All));
        _loop = new CallLoop(_carrier, (_, _) => Task.FromResult<CallAdmission?>(admission), new CallOptions(), TimeProvider.System, NullLogger<CallLoop>.Instance);
    }

    /// <param name="speaks">The caller is in the middle of a word when it happens.</param>
    /// <param name="settle">From the first provider being ready until it happens.</param>
    public static async Task<GapSample> RunAsync(
        Vendors vendors, Line line, Handover kind, string from, string to, bool speaks, TimeSpan settle, CancellationToken cancellationToken)
    {
        await using var proxy = kind != Handover.Switch && vendors.EndPoint(from) is { } target ? new CuttingProxy(() => target, () => null) : null;
        var first = new WatchedProvider(vendors.Provider(from, proxy?.Port));
        var second = new WatchedProvider(vendors.Provider(to));
        var order = new ProviderOrder(kind == Handover.Switch ? [first] : [first, second], AllWell.Instance, StallLimit);
        await using var call = new GapCall(order, speaks);
        var outcome = call._loop.RunAsync(CancellationToken.None);
        call.Receive("""{"event":"start","sequenceNumber":"1","start":{"accountSid":"AC1","streamSid":"MZ1","callSid":"CA1","tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},"customParameters":{}},"streamSid":"MZ1"}""");
        using var beat = line.Add(call.Frame);
        await call._sink.Connected.WaitAsync(Patience, cancellationToken);
        await Task.Delay(settle, TimeProvider.System, cancellationToken);

        long began = Stopwatch.GetTimestamp();
        switch (kind)
        {
            case Handover.Switch:
                call._loop.Post(new SwitchProvider(second, "Measured.", "gaps"));
                break;
            case Handover.Failover when proxy is not null:
                proxy.CutAll(reset: true);
                break;
            case Handover.Failover:
                first.Cut();
                break;
            case Handover.Stall:
                if (proxy is null)
                {
                    first.FallSilent();
                }
                else
                {
                    proxy.Silent = true;
                }

                break;
        }

        var switched = await call._sink.Switched.WaitAsync(Patience, cancellationToken);

        // The frame that ends the gap may come a beat after the handover.
        while (second.FirstFrame == 0)
        {
            await Task.Delay(Line.Beat, TimeProvider.System, cancellationToken);
        }

        long since = kind switch
        {
            Handover.Switch => first.LastFrame,
            Handover.Failover => began,
            _ => Volatile.Read(ref call._wordsEnd),
        };
        if (kind == Handover.Stall && since == 0)
        {
            throw new InvalidOperationException($"{from} was replaced before the caller had ended, and not for its silence: {switched.Reason}");
        }

        double gap = Stopwatch.GetElapsedTime(since, second.FirstFrame).TotalMilliseconds;
        beat.Dispose();
        call._loop.Post(new EndCall(EndReason.CallerHungUp, "Measured."));
        call._wire.Close();
        await outcome.WaitAsync(Patience, cancellationToken);
        return new(kind, from, to, Math.Max(0, gap), switched.TookMs, switched.ReplayedMs, (int)call._sink.Ended.FramesDropped);
    }

    public ValueTask DisposeAsync()
    {
        _wire.Close();
        return ValueTask.CompletedTask;
    }

    /// <summary>20 ms of the caller: line noise, or a voice.</summary>
    private void Frame()
    {
        _timestamp += 20;
        bool voice = _speaks && _frames is >= WordsFrom and < WordsTo;
        if (_frames++ == WordsTo)
        {
            Volatile.Write(ref _wordsEnd, Stopwatch.GetTimestamp());
        }

        Receive($$"""{"event":"media","sequenceNumber":"3","media":{"track":"inbound","chunk":"1","timestamp":"{{_timestamp}}","payload":"{{(voice ? Sounds.Voice : Sounds.Noise)}}"},"streamSid":"MZ1"}""");
    }

    private void Receive(string message)
    {
        var text = Encoding.UTF8.GetBytes(message);
        lock (_receiving)
        {
            int head = FrameWriter.WriteHeader(_framed, Opcode.Text, text.Length, 0x12345678);
            text.CopyTo(_framed, head);
            FrameReader.Mask(_framed.AsSpan(head, text.Length), 0x12345678);
            _carrier.OnBytes(_framed.AsSpan(0, head + text.Length));
        }
    }

    /// <summary>Takes what is sent, as a socket that is always writable, and ends when it is told to.</summary>
    private sealed class Wire : ByteTransport
    {
        private MediaSocket? _owner;
        private readonly Lock _sending = new();
        private byte[] _spare = new byte[4096];
        private int _closed;

        public override void Start(MediaSocket owner) => _owner = owner;

        public override void Flush()
        {
            lock (_sending)
            {
                _owner!.TakeOutgoing(ref _spare);
            }
        }

        public override void FlushAndClose()
        {
            Flush();
            Close();
        }

        public override void Close()
        {
            if (_owner is not null && Interlocked.Exchange(ref _closed, 1) == 0)
            {
                // Never inside the call that closes us.
                ThreadPool.QueueUserWorkItem(_ => _owner.OnTransportEnd());
            }
        }
    }

    private sealed class Sink : ICallSink
    {
        private readonly TaskCompletionSource _connected = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource<ProviderSwitched> _switched = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Connected => _connected.Task;

        public Task<ProviderSwitched> Switched => _switched.Task;

        public MediaEnded Ended { get; private set; } = null!;

        public void Fact(SessionFact fact)
        {
            switch (fact)
            {
                case ProviderConnected:
                    _connected.TrySetResult();
                    break;
                case ProviderSwitched switched:
                    _switched.TrySetResult(switched);
                    break;
                case MediaEnded ended:
                    Ended = ended;
                    break;
            }
        }

        public bool IsUrgent(IReadOnlyList<ModelUsage> used) => false;

        public void Ending(CallOutcome outcome)
        {
        }

        public void Partial(PartialTranscript partial)
        {
        }

        public void Meters(CallMeters meters)
        {
        }

        public void Audio(LegRole leg, AudioFrameKind kind, uint mediaMs, ReadOnlySpan<byte> mulaw)
        {
        }
    }

    /// <summary>No breaker stands between the measured and the measurement.</summary>
    private sealed class AllWell : IProviderHealth
    {
        public static readonly AllWell Instance = new();

        public bool Allows(IVoiceProvider provider) => true;

        public void Answered(IVoiceProvider provider, TimeSpan connectTime)
        {
        }

        public void Failed(IVoiceProvider provider, ProviderFailure failure, string detail)
        {
        }
    }
}
