using System.Text;
using Kraliki.Voice.Net;

namespace Kraliki.Voice.Tests.Net;

/// <summary>The other end of a media socket, in memory and without garbage of its own: bytes that leave are counted, and kept as messages when asked for.</summary>
internal sealed class SinkTransport : ByteTransport
{
    private readonly bool _isServer;
    private readonly FrameReader _reader;
    private readonly byte[] _mark = new byte[256];
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

    public long BytesSent { get; private set; }

    /// <summary>Messages that left; null: they are only counted.</summary>
    public List<string>? Sent { get; init; }

    /// <summary>Twilio's marks come back at once.</summary>
    public bool ReturnsMarks { get; set; }

    /// <summary>The peer's socket buffer is full.</summary>
    public bool Stuck { get; set; }

    public bool Closed => _ended;

    public override void Start(MediaSocket owner) => _owner = owner;

    public void Receive(string message) => Socket.OnBytes(Frame(message));

    /// <summary>A message as it comes from the peer. A mask of zeros leaves the payload as it is, however often the bytes are used.</summary>
    public byte[] Frame(string message) => Frame(Opcode.Text, Encoding.UTF8.GetBytes(message));

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
        BytesSent += length;
        var sent = _spare.AsSpan(0, length);
        if (Sent is not null)
        {
            _reader.Feed(sent.ToArray(), (opcode, payload) => Sent.Add(opcode == Opcode.Close ? "close" : Encoding.UTF8.GetString(payload)));
        }

        int mark = ReturnsMarks ? sent.IndexOf("\"mark\":{\"name\":\""u8) : -1;
        if (mark >= 0)
        {
            var tail = sent[mark..];
            tail = tail[..(tail.IndexOf("\"}}"u8) + 3)];
            var head = "{\"event\":\"mark\",\"sequenceNumber\":\"4\",\"streamSid\":\"MZ1\","u8;
            int start = FrameWriter.WriteHeader(_mark, Opcode.Text, head.Length + tail.Length, 0);
            head.CopyTo(_mark.AsSpan(start));
            tail.CopyTo(_mark.AsSpan(start + head.Length));
            Socket.OnBytes(_mark.AsSpan(0, start + head.Length + tail.Length));
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
