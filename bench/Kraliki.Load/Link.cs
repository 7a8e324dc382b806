using System.Net.Sockets;

namespace Kraliki.Load;

/// <summary>One WebSocket on the loop's thread: reads whole messages, writes without waiting.</summary>
/// <remarks>Everything runs on the thread of <see cref="LoadLoop"/>; nothing here is safe from another.</remarks>
internal abstract class Link
{
    private readonly Epoll _epoll;
    private readonly byte[] _scratch;
    private readonly bool _client;
    private byte[] _rest = [];
    private int _restLength;
    private byte[] _unsent = [];
    private int _unsentLength;
    private readonly MemoryStream _fragments = new();

    /// <param name="scratch">Receive buffer shared by every link of the loop: only the rest of an incomplete frame is kept per link.</param>
    /// <param name="client">Frames that we send are masked.</param>
    protected Link(Socket socket, Epoll epoll, byte[] scratch, bool client)
    {
        Socket = socket;
        _epoll = epoll;
        _scratch = scratch;
        _client = client;
        socket.Blocking = false;
        socket.NoDelay = true;
        epoll.Watch(socket, Ready);
    }

    public bool Closed { get; private set; }

    /// <summary>The opening handshake is over: frames follow.</summary>
    protected bool Open { get; set; }

    protected Socket Socket { get; }

    public void Close(string why)
    {
        if (Closed) return;
        Closed = true;
        _epoll.Forget(Socket);
        Socket.Dispose();
        OnClosed(why);
    }

    protected abstract void OnText(Span<byte> message);

    protected abstract void OnClosed(string why);

    /// <summary>Takes the opening handshake, while <see cref="Open"/> is false; sets it.</summary>
    /// <returns>Bytes taken; 0 to wait for more.</returns>
    protected virtual int OnHandshake(ReadOnlySpan<byte> received) => 0;

    protected void SendText(ReadOnlySpan<byte> message)
    {
        Span<byte> frame = stackalloc byte[WebSocketFrame.MaxHeader + 1024];
        frame = message.Length > 1024 ? new byte[WebSocketFrame.MaxHeader + message.Length] : frame;
        var header = WebSocketFrame.WriteHeader(frame, Opcode.Text, message.Length, _client);
        message.CopyTo(frame[header..]);
        SendBytes(frame[..(header + message.Length)]);
    }

    /// <summary>Sends bytes that are framed already.</summary>
    protected void SendBytes(ReadOnlySpan<byte> bytes)
    {
        if (Closed) return;
        if (_unsentLength == 0)
        {
            var sent = Socket.Send(bytes, SocketFlags.None, out var error);
            if (error is not (SocketError.Success or SocketError.WouldBlock))
            {
                Close($"send: {error}");
                return;
            }

            if (error == SocketError.Success) bytes = bytes[sent..];
            if (bytes.IsEmpty) return;
            _epoll.WantWrite(Socket, true);
        }

        if (_unsent.Length < _unsentLength + bytes.Length) Array.Resize(ref _unsent, (_unsentLength + bytes.Length) * 2);
        bytes.CopyTo(_unsent.AsSpan(_unsentLength));
        _unsentLength += bytes.Length;
    }

    private void Ready(uint events)
    {
        if ((events & Epoll.Writable) != 0) Flush();
        if (!Closed && (events & ~Epoll.Writable) != 0) Receive();
    }

    private void Flush()
    {
        var sent = Socket.Send(_unsent.AsSpan(0, _unsentLength), SocketFlags.None, out var error);
        if (error is not (SocketError.Success or SocketError.WouldBlock))
        {
            Close($"send: {error}");
            return;
        }

        _unsent.AsSpan(sent, _unsentLength - sent).CopyTo(_unsent);
        _unsentLength -= sent;
        if (_unsentLength == 0) _epoll.WantWrite(Socket, false);
    }

    private void Receive()
    {
        _rest.AsSpan(0, _restLength).CopyTo(_scratch);
        var count = Socket.Receive(_scratch.AsSpan(_restLength), SocketFlags.None, out var error);
        if (error == SocketError.WouldBlock) return;
        if (error != SocketError.Success || count == 0)
        {
            Close(error == SocketError.Success ? "closed by the other side" : $"receive: {error}");
            return;
        }

        var received = _scratch.AsSpan(0, _restLength + count);
        if (!Open) received = received[OnHandshake(received)..];
        while (Open && !Closed && WebSocketFrame.TryRead(received, out var opcode, out var final, out var payload) is var length and > 0)
        {
            received = received[length..];
            Take(opcode, final, payload);
        }

        if (received.Length == _scratch.Length) Close("a message larger than the receive buffer");
        if (_rest.Length < received.Length) _rest = new byte[received.Length * 2];
        received.CopyTo(_rest);
        _restLength = received.Length;
    }

    private void Take(Opcode opcode, bool final, Span<byte> payload)
    {
        switch (opcode)
        {
            case Opcode.Text or Opcode.Binary when final:
                OnText(payload);
                break;
            case Opcode.Text or Opcode.Binary or Opcode.Continuation:
                _fragments.Write(payload);
                if (!final) break;
                var whole = _fragments.GetBuffer().AsSpan(0, (int)_fragments.Length);
                OnText(whole);
                _fragments.SetLength(0);
                break;
            case Opcode.Ping:
                Span<byte> pong = stackalloc byte[WebSocketFrame.MaxHeader + 125];
                var header = WebSocketFrame.WriteHeader(pong, Opcode.Pong, payload.Length, _client);
                payload.CopyTo(pong[header..]);
                SendBytes(pong[..(header + payload.Length)]);
                break;
            case Opcode.Close:
                var reason = payload.Length > 2 ? System.Text.Encoding.UTF8.GetString(payload[2..]) : "";
                Close($"close {(payload.Length >= 2 ? (payload[0] << 8) | payload[1] : 1005)} {reason}");
                break;
        }
    }
}
