using System.Text;
using Kraliki.Voice.Net;

namespace Kraliki.Voice.Tests.Net;

/// <summary>The other end of a media socket, in memory: messages that leave are kept when asked for.</summary>
internal sealed class SinkTransport : ByteTransport
{
    private readonly bool _isServer;
    private readonly FrameReader _reader;
    private MediaSocket? _owner;
    private byte[] _spare = new byte[4096];
    private bool _ended;

    /// <param name="isServer">Whether the socket under test is the server's.</param>
    public SinkTransport(bool isServer, TimeProvider time)
    {
        _isServer = isServer;
        _reader = new FrameReader(!isServer, 16 * 1024 * 1024);
        Socket = new MediaSocket(this, isServer, isServer ? MediaSocketOptions.Carrier : MediaSocketOptions.Provider, time);
    }

    public MediaSocket Socket { get; }

    /// <summary>Messages that left; null: they are not kept.</summary>
    public List<string>? Sent { get; init; }

    /// <summary>The peer's socket buffer is full.</summary>
    public bool Stuck { get; set; }

    public override void Start(MediaSocket owner) => _owner = owner;

    public void Receive(string message) => Socket.OnBytes(Frame(Opcode.Text, Encoding.UTF8.GetBytes(message)));

    /// <summary>A frame as it comes from the peer. A mask of zeros leaves the payload as it is, however often the bytes are used.</summary>
    public byte[] Frame(Opcode opcode, byte[] payload)
    {
        var frame = new byte[FrameWriter.MaxHeader + payload.Length];
        int head = FrameWriter.WriteHeader(frame, opcode, payload.Length, _isServer ? 0u : null);
        payload.CopyTo(frame, head);
        return frame[..(head + payload.Length)];
    }

    public override void Flush()
    {
        if (Stuck)
        {
            return;
        }

        int length = Socket.TakeOutgoing(ref _spare);
        if (Sent is not null)
        {
            _reader.Feed(_spare.AsSpan(0, length).ToArray(), (opcode, payload) => Sent.Add(opcode == Opcode.Close ? "close" : Encoding.UTF8.GetString(payload)));
        }
    }

    public override void FlushAndClose()
    {
        Flush();
        if (!Stuck)
        {
            Close();
        }
    }

    public override void Close()
    {
        if (!_ended)
        {
            _ended = true;
            _owner?.OnTransportEnd();
        }
    }
}
