using System.Text;
using Kraliki.Contracts;
using Kraliki.Voice.Calls;
using Kraliki.Voice.Net;
using Kraliki.Voice.Providers;
using Kraliki.Voice.Providers.OpenAI;
using Microsoft.Extensions.Logging.Abstractions;

namespace Kraliki.Benchmarks;

/// <summary>
/// One answered call with everything between the two operating-system sockets and nothing else: WebSocket framing, Twilio
/// link, call loop, answer player, OpenAI connection. Bytes go in as they would be received and come out as they would be sent.
/// </summary>
internal sealed class FramePath
{
    private const int FrameBytes = 160;
    private const int FramesPerMark = 10;

    private readonly Clock _clock = new();
    private readonly Wire _carrierWire = new();
    private readonly Wire _providerWire = new();
    private readonly MediaSocket _carrier;
    private readonly byte[] _scratch = new byte[4096];
    private readonly byte[] _callerFrame;
    private readonly byte[][] _answerDeltas;
    private int _framesAnswered;
    private long _played;
    private MediaSocket _provider = null!;

    public FramePath()
    {
        _carrier = new MediaSocket(_carrierWire, isServer: true, MediaSocketOptions.Carrier, _clock);
        var setup = new ProviderSetup(Guid.CreateVersion7(), "Be kind.", ConversationContext.Empty, []);
        var admission = new CallAdmission(new NoSink(), ProviderOrder.Only(new Provider(this)), setup);
        var loop = new CallLoop(_carrier, (_, _) => Task.FromResult<CallAdmission?>(admission), new CallOptions(), _clock, NullLogger<CallLoop>.Instance);
        _ = loop.RunAsync(CancellationToken.None);

        string payload = Convert.ToBase64String(Enumerable.Repeat((byte)0x55, FrameBytes).ToArray());
        _callerFrame = Framed(
            $$$"""{"event":"media","sequenceNumber":"12345","media":{"track":"inbound","chunk":"12344","timestamp":"246880","payload":"{{{payload}}}"},"streamSid":"MZ00000000000000000000000000000001"}""", mask: 0x12345678);

        // Two in turn: one and the same sound over and over is no answer.
        _answerDeltas = [AnswerDelta(payload), AnswerDelta(Convert.ToBase64String(Enumerable.Repeat((byte)0x56, FrameBytes).ToArray()))];
        var sessionUpdated = Framed("""{"type":"session.updated","event_id":"event_0","session":{"type":"realtime","id":"sess_1","model":"gpt-realtime"}}""", mask: null);

        Receive(_carrier, Framed("""{"event":"start","sequenceNumber":"1","start":{"accountSid":"AC1","streamSid":"MZ00000000000000000000000000000001","callSid":"CA1","tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},"customParameters":{}},"streamSid":"MZ00000000000000000000000000000001"}""", mask: 1));
        Receive(_provider, Framed("""{"type":"session.created","event_id":"event_0","session":{"type":"realtime","id":"sess_1","model":"gpt-realtime"}}""", mask: null));
        Receive(_provider, sessionUpdated);
    }

    /// <summary>Bytes that left toward the provider so far.</summary>
    public long ToProvider => _providerWire.Sent;

    /// <summary>Bytes that left toward the carrier so far.</summary>
    public long ToCarrier => _carrierWire.Sent;

    /// <summary>20 ms of the caller: carrier's frame in, provider's frame out.</summary>
    public void CallerFrame() => Receive(_carrier, _callerFrame);

    /// <summary>20 ms of an answer: provider's delta in, carrier's frame out; time passes, and every 200 ms the carrier's mark comes back.</summary>
    public void AnswerFrame()
    {
        _clock.Pass(20);
        Receive(_provider, _answerDeltas[_framesAnswered % 2]);
        if (++_framesAnswered % FramesPerMark == 0)
        {
            _played += FramesPerMark * FrameBytes;
            Mark();
        }
    }

    private void Mark()
    {
        // {"event":"mark",…,"mark":{"name":"<epoch>:<position>"}}, framed here without a string so that only the call's own allocations count.
        Span<byte> message = stackalloc byte[192];
        int length = Put(message, "{\"event\":\"mark\",\"sequenceNumber\":\"77\",\"streamSid\":\"MZ00000000000000000000000000000001\",\"mark\":{\"name\":\"0:"u8);
        _played.TryFormat(message[length..], out int digits);
        length += digits;
        length += Put(message[length..], "\"}}"u8);
        int header = FrameWriter.WriteHeader(_scratch, Opcode.Text, length, maskKey: 0);
        message[..length].CopyTo(_scratch.AsSpan(header));
        _carrier.OnBytes(_scratch.AsSpan(0, header + length));
    }

    private static int Put(Span<byte> destination, ReadOnlySpan<byte> text)
    {
        text.CopyTo(destination);
        return text.Length;
    }

    private static byte[] AnswerDelta(string payload) => Framed(
        $$$"""{"type":"response.output_audio.delta","event_id":"event_1","response_id":"resp_1","item_id":"item_1","output_index":0,"content_index":0,"delta":"{{{payload}}}"}""", mask: null);

    private void Receive(MediaSocket socket, byte[] framed)
    {
        // The reader unmasks in place, as in a receive buffer.
        framed.CopyTo(_scratch, 0);
        socket.OnBytes(_scratch.AsSpan(0, framed.Length));
    }

    private static byte[] Framed(string message, uint? mask)
    {
        var text = Encoding.UTF8.GetBytes(message);
        var frame = new byte[FrameWriter.MaxHeader + text.Length];
        int header = FrameWriter.WriteHeader(frame, Opcode.Text, text.Length, mask);
        text.CopyTo(frame, header);
        if (mask is { } key)
        {
            FrameReader.Mask(frame.AsSpan(header, text.Length), key);
        }

        return frame[..(header + text.Length)];
    }

    /// <summary>Takes what is sent, as a socket that is always writable.</summary>
    private sealed class Wire : ByteTransport
    {
        private MediaSocket? _owner;
        private byte[] _spare = new byte[4096];

        public long Sent { get; private set; }

        public override void Start(MediaSocket owner) => _owner = owner;

        public override void Flush() => Sent += _owner!.TakeOutgoing(ref _spare);

        public override void FlushAndClose() => Flush();

        public override void Close()
        {
            // The benchmark's call does not end.
        }
    }

    private sealed class Provider(FramePath path) : IVoiceProvider
    {
        public string Name => "openai";

        public ProviderCapabilities Capabilities { get; } = new([VoiceStrategy.Realtime], DetectsTurns: true, Truncates: true, SpeaksFirst: false);

        public IProviderConnection Connect(ProviderSetup setup, IProviderEvents events)
        {
            var connection = new OpenAiConnection(new OpenAiOptions { ApiKey = "none" }, setup, events, path._clock);
            path._provider = new MediaSocket(path._providerWire, isServer: false, MediaSocketOptions.Provider, path._clock);
            connection.Attach(path._provider);
            return connection;
        }
    }

    private sealed class NoSink : ICallSink
    {
        public void Fact(SessionFact fact)
        {
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

    /// <summary>Time passes when told; no timer ever fires.</summary>
    private sealed class Clock : TimeProvider
    {
        private long _milliseconds;

        public override long TimestampFrequency => 1000;

        public void Pass(int milliseconds) => _milliseconds += milliseconds;

        public override long GetTimestamp() => _milliseconds;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => new NoTimer();

        private sealed class NoTimer : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) => true;

            public void Dispose()
            {
            }

            public ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }
    }
}
