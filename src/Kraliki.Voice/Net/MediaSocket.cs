using System.Buffers.Binary;
using System.Numerics;
using System.Text;

namespace Kraliki.Voice.Net;

/// <summary>How a media socket came to its end.</summary>
public enum SocketEnd
{
    /// <summary>We asked for the close.</summary>
    Requested,

    /// <summary>The peer closed with a close frame.</summary>
    PeerClosed,

    /// <summary>The connection ended or broke without a close frame.</summary>
    Lost,

    /// <summary>The peer sent something that is not acceptable WebSocket.</summary>
    ProtocolError,

    /// <summary>The peer stopped reading and the queue toward it reached its limit.</summary>
    TooSlow,

    /// <summary>The receiver threw: a bug of ours, told by <see cref="IMediaReceiver.OnFault"/> before.</summary>
    Fault,
}

/// <summary>Takes what a <see cref="MediaSocket"/> receives. Called from any thread, one call at a time per socket; must not block.</summary>
public interface IMediaReceiver
{
    /// <summary>One whole message; valid during the call only.</summary>
    void OnMessage(ReadOnlySpan<byte> message);

    /// <summary>The same for a binary message, for protocols in which that makes a difference.</summary>
    void OnBinary(ReadOnlySpan<byte> message) => OnMessage(message);

    /// <summary><see cref="OnMessage"/> threw this. The socket is closed; the process and the other calls go on.</summary>
    void OnFault(Exception exception);

    /// <summary>The last call, exactly once.</summary>
    /// <param name="code">The peer's close code (RFC 6455 §7.4); 1005 when it gave none, 1006 when the connection broke.</param>
    void OnClosed(SocketEnd end, ushort code, string reason);
}

/// <param name="MaxMessageBytes">Largest incoming message; a larger one closes the socket with 1009.</param>
/// <param name="MaxQueuedBytes">Limit of what waits to be sent; reaching it means the peer stopped reading.</param>
/// <param name="CloseTimeout">How long a closing handshake may take before the connection is cut.</param>
public sealed record MediaSocketOptions(int MaxMessageBytes, int MaxQueuedBytes, TimeSpan CloseTimeout)
{
    /// <summary>Carrier: messages are small; up to four minutes of agent audio may wait.</summary>
    public static MediaSocketOptions Carrier { get; } = new(64 * 1024, 4 * 1024 * 1024, TimeSpan.FromSeconds(2));

    /// <summary>Provider: audio deltas and whole-response events are large; we send little.</summary>
    public static MediaSocketOptions Provider { get; } = new(16 * 1024 * 1024, 1024 * 1024, TimeSpan.FromSeconds(2));
}

/// <summary>A WebSocket for the call path: pushes whole messages to its receiver and sends without blocking.</summary>
/// <remarks>
/// <para>Sending appends one framed message to the outgoing buffer; a flush hands the buffer to the transport. Messages sent
/// while received bytes are being handled (of this or another socket on the same thread) leave together when that handling
/// ends: one system call for many messages. See docs/adr/0002.</para>
/// <para>Send and close are safe from any thread.</para>
/// </remarks>
public sealed class MediaSocket
{
    private readonly Lock _outGate = new();
    private readonly MediaSocketOptions _options;
    private readonly TimeProvider _time;
    private readonly ByteTransport _transport;
    private readonly bool _isServer;
    private readonly FrameReader _reader;
    private readonly FrameReader.Deliver _deliver;
    private IMediaReceiver? _receiver;
    private ITimer? _closeTimer;
    private uint _maskState;
    private byte[] _out = new byte[4096];
    private int _outLength;
    private int _flushClaimed;
    private bool _closeSent;
    private volatile bool _open;
    private bool _finished;
    private bool _faulted;
    private SocketEnd _end = SocketEnd.Lost;
    private ushort _closeCode = 1006;
    private string _closeReason = "";

    internal MediaSocket(ByteTransport transport, bool isServer, MediaSocketOptions options, TimeProvider time)
    {
        _transport = transport;
        _isServer = isServer;
        _options = options;
        _time = time;
        _reader = new FrameReader(isServer, options.MaxMessageBytes);
        _deliver = Deliver;
        _maskState = (uint)Random.Shared.Next(1, int.MaxValue);
    }

    /// <summary>A server's socket over a connection whose upgrade was already answered with 101.</summary>
    public static MediaSocket Serve(Stream upgraded, MediaSocketOptions options, TimeProvider time)
        => new(new StreamTransport(upgraded), isServer: true, options, time);

    /// <summary>Bytes that wait to be handed to the operating system; a rough measure of a slow peer.</summary>
    public int QueuedBytes
    {
        get
        {
            lock (_outGate)
            {
                return _outLength;
            }
        }
    }

    /// <summary>Starts to receive, and to send what was queued before. Once.</summary>
    public void Open(IMediaReceiver receiver)
    {
        _receiver = receiver;
        _transport.Start(this);
        _open = true;
        FlushScope.Request(this);
    }

    /// <summary>Sends one text message given in up to three parts. After the end it does nothing.</summary>
    public void Send(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second = default, ReadOnlySpan<byte> third = default)
        => Send(Opcode.Text, first, second, third);

    /// <summary>Sends one binary message. After the end it does nothing.</summary>
    public void SendBinary(ReadOnlySpan<byte> message) => Send(Opcode.Binary, message, default, default);

    private void Send(Opcode opcode, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, ReadOnlySpan<byte> third)
    {
        bool tooSlow;
        lock (_outGate)
        {
            if (_closeSent || _finished)
            {
                return;
            }

            AppendFrame(opcode, first, second, third);
            tooSlow = _outLength > _options.MaxQueuedBytes;
        }

        if (tooSlow)
        {
            Fail(SocketEnd.TooSlow, 1006, "the peer does not read");
        }
        else
        {
            FlushScope.Request(this);
        }
    }

    /// <summary>Starts the closing handshake; <see cref="IMediaReceiver.OnClosed"/> follows within <see cref="MediaSocketOptions.CloseTimeout"/>.</summary>
    /// <param name="reason">At most 120 bytes of UTF-8.</param>
    public void Close(ushort code, string reason)
    {
        lock (_outGate)
        {
            if (_closeSent || _finished)
            {
                return;
            }

            _end = SocketEnd.Requested;
            _closeCode = code;
            _closeReason = reason;
            AppendClose(code, reason);
        }

        FlushScope.Request(this);
    }

    /// <summary>Cuts the connection without a word.</summary>
    public void Abort() => _transport.Close();

    /// <summary>Before it is open nothing leaves: the transport does not know yet whose bytes it sends.</summary>
    internal void Flush()
    {
        if (_open)
        {
            _transport.Flush();
        }
    }

    /// <summary>For <see cref="FlushScope"/>: false when another scope, of this or another thread, already has this socket to flush.</summary>
    internal bool TryClaimFlush() => Interlocked.Exchange(ref _flushClaimed, 1) == 0;

    /// <summary>The claim ends before the queue is taken: what is appended after that is claimed anew, so nothing is left lying.</summary>
    internal void FlushClaimed()
    {
        Interlocked.Exchange(ref _flushClaimed, 0);
        Flush();
    }

    /// <summary>Swaps the outgoing buffer for an empty one. Called by the transport, one flush at a time.</summary>
    /// <param name="spare">An empty buffer to fill next; receives the one to send.</param>
    /// <returns>Bytes to send from <paramref name="spare"/>; 0 when there is nothing.</returns>
    internal int TakeOutgoing(ref byte[] spare)
    {
        lock (_outGate)
        {
            int length = _outLength;
            if (length > 0)
            {
                (_out, spare) = (spare, _out);
                _outLength = 0;
            }

            return length;
        }
    }

    /// <summary>Bytes arrived. Called by the transport, one call at a time.</summary>
    internal void OnBytes(Span<byte> bytes)
    {
        using (FlushScope.Enter())
        {
            if (_faulted)
            {
                return;
            }

            FrameFault fault;
            try
            {
                fault = _reader.Feed(bytes, _deliver);
            }
            catch (Exception e)
            {
                // The edge between a socket's thread, which others share, and the code of one call.
                _faulted = true;
                _receiver!.OnFault(e);
                Fail(SocketEnd.Fault, 1006, "a fault of ours");
                return;
            }

            if (fault != FrameFault.None)
            {
                _faulted = true;
                Fail(SocketEnd.ProtocolError, (ushort)fault, fault == FrameFault.TooBig ? "message too big" : "not a valid WebSocket frame");
            }
        }
    }

    /// <summary>The connection ended. Called by the transport, once.</summary>
    internal void OnTransportEnd()
    {
        lock (_outGate)
        {
            _finished = true;
            _closeTimer?.Dispose();
        }

        using (FlushScope.Enter())
        {
            _receiver!.OnClosed(_end, _closeCode, _closeReason);
        }
    }

    private void Deliver(Opcode opcode, ReadOnlySpan<byte> payload)
    {
        switch (opcode)
        {
            case Opcode.Text:
                _receiver!.OnMessage(payload);
                break;

            case Opcode.Binary:
                _receiver!.OnBinary(payload);
                break;

            case Opcode.Ping:
                lock (_outGate)
                {
                    // Who does not read needs no answers.
                    if (!_closeSent && _outLength <= _options.MaxQueuedBytes)
                    {
                        AppendFrame(Opcode.Pong, payload, default, default);
                    }
                }

                FlushScope.Request(this);
                break;

            case Opcode.Close:
                OnCloseFrame(payload);
                break;
        }
    }

    private void OnCloseFrame(ReadOnlySpan<byte> payload)
    {
        lock (_outGate)
        {
            if (!_closeSent)
            {
                _end = SocketEnd.PeerClosed;
                _closeCode = payload.Length < 2 ? (ushort)1005 : BinaryPrimitives.ReadUInt16BigEndian(payload);
                _closeReason = payload.Length <= 2 ? "" : Encoding.UTF8.GetString(payload[2..]);
                AppendClose(_closeCode == 1005 ? (ushort)1000 : _closeCode, "");
            }
        }

        _transport.FlushAndClose();
    }

    private void Fail(SocketEnd end, ushort code, string reason)
    {
        lock (_outGate)
        {
            if (_finished)
            {
                return;
            }

            _end = end;
            _closeCode = code;
            _closeReason = reason;
            if (!_closeSent && code != 1006)
            {
                AppendClose(code, reason);
            }

            // Nothing more is queued, even should the transport take its time to end.
            _closeSent = true;
        }

        if (code == 1006)
        {
            _transport.Close();
        }
        else
        {
            _transport.FlushAndClose();
        }
    }

    private void AppendClose(ushort code, string reason)
    {
        _closeSent = true;
        _closeTimer = _time.CreateTimer(static state => ((MediaSocket)state!)._transport.Close(), this, _options.CloseTimeout, Timeout.InfiniteTimeSpan);
        Span<byte> payload = stackalloc byte[125];
        BinaryPrimitives.WriteUInt16BigEndian(payload, code);

        // An encoder stops at the last whole character that fits the control frame's limit.
        Encoding.UTF8.GetEncoder().Convert(reason, payload[2..], flush: true, out _, out int written, out _);
        AppendFrame(Opcode.Close, payload[..(2 + written)], default, default);
    }

    private void AppendFrame(Opcode opcode, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, ReadOnlySpan<byte> third)
    {
        int length = first.Length + second.Length + third.Length;
        int needed = _outLength + FrameWriter.MaxHeader + length;
        if (_out.Length < needed)
        {
            Array.Resize(ref _out, (int)BitOperations.RoundUpToPowerOf2((uint)needed));
        }

        uint key = _isServer ? 0 : NextMask();
        _outLength += FrameWriter.WriteHeader(_out.AsSpan(_outLength), opcode, length, _isServer ? null : key);
        var payload = _out.AsSpan(_outLength, length);
        first.CopyTo(payload);
        second.CopyTo(payload[first.Length..]);
        third.CopyTo(payload[(first.Length + second.Length)..]);
        if (!_isServer)
        {
            FrameReader.Mask(payload, key);
        }

        _outLength += length;
    }

    // Masking protects proxies from chosen bytes (RFC 6455 §10.3); the peer here is a provider that the operator chose,
    // so a fast generator is enough: xorshift32.
    private uint NextMask()
    {
        _maskState ^= _maskState << 13;
        _maskState ^= _maskState >> 17;
        _maskState ^= _maskState << 5;
        return _maskState;
    }
}
