using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using Kraliki.Voice.Net.Polling;

namespace Kraliki.Voice.Net;

/// <summary>
/// A listening socket in front of the web server: connections whose first bytes ask for the media path become media sockets
/// on the poll loop, all others are handed over untouched.
/// </summary>
/// <remarks>
/// A connection is judged once, by what its first packet holds, and nothing is consumed unless it is ours. Whatever does not
/// fit (a head in several packets, an earlier request on a kept-alive connection, TLS) reaches the web server, which serves
/// the same path by <see cref="MediaSocket.Serve"/>: slower, not different.
/// </remarks>
[SupportedOSPlatform("linux")]
public sealed class MediaListener : IDisposable
{
    // A connection that says nothing is the web server's to time out.
    private static readonly TimeSpan SilenceAllowed = TimeSpan.FromSeconds(2);

    private readonly ConcurrentDictionary<int, Newcomer> _newcomers = new();
    private readonly Socket _socket;
    private readonly byte[] _requestLine;
    private readonly Action<MediaSocket, EndPoint?> _onMedia;
    private readonly Action<Socket> _onOther;
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private int _disposed;

    /// <param name="mediaPath">The path that opens a media socket, without a query.</param>
    /// <param name="onMedia">Gets a socket that is not opened yet. Called on the poll loop: must not block.</param>
    /// <param name="onOther">Gets everybody else's connection. Called on the poll loop: must not block.</param>
    /// <exception cref="SocketException">The address cannot be bound.</exception>
    public MediaListener(IPEndPoint address, int backlog, string mediaPath, Action<MediaSocket, EndPoint?> onMedia, Action<Socket> onOther, TimeProvider time)
    {
        _requestLine = System.Text.Encoding.ASCII.GetBytes($"GET {mediaPath} HTTP/1.1\r\n");
        _onMedia = onMedia;
        _onOther = onOther;
        _time = time;
        _socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
        if (address.Address.Equals(IPAddress.IPv6Any))
        {
            _socket.DualMode = true;
        }

        _socket.Bind(address);
        _socket.Listen(backlog);
        _timer = time.CreateTimer(static state => ((MediaListener)state!).HandOverSilent(), this, SilenceAllowed, SilenceAllowed);
        PollLoop.Shared.Add((int)_socket.Handle, new Acceptor(this), Libc.EpollIn);
    }

    /// <summary>The bound address, with the port that was chosen.</summary>
    public EndPoint Address => _socket.LocalEndPoint!;

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _timer.Dispose();
            PollLoop.Shared.Remove((int)_socket.Handle);
            _socket.Dispose();
        }
    }

    private void AcceptAll()
    {
        while (_disposed == 0)
        {
            Socket connection;
            try
            {
                connection = _socket.Accept();
            }
            catch (SocketException)
            {
                // WouldBlock: everybody was let in. Others: this one is gone already, or no descriptors are left for now.
                return;
            }

            connection.NoDelay = true;
            var newcomer = new Newcomer(this, connection, _time.GetTimestamp());
            _newcomers[newcomer.Fd] = newcomer;
            PollLoop.Shared.Add(newcomer.Fd, newcomer, Libc.EpollIn | Libc.EpollRdHup);
        }
    }

    private void HandOverSilent() => PollLoop.Shared.Post(() =>
    {
        foreach (var newcomer in _newcomers.Values)
        {
            if (_time.GetElapsedTime(newcomer.Since) >= SilenceAllowed)
            {
                Release(newcomer);
                _onOther(newcomer.Connection);
            }
        }
    });

    private void Release(Newcomer newcomer)
    {
        PollLoop.Shared.Remove(newcomer.Fd);
        _newcomers.TryRemove(newcomer.Fd, out _);
    }

    private void Judge(Newcomer newcomer, Span<byte> scratch)
    {
        Release(newcomer);
        int seen = Libc.Receive(newcomer.Fd, scratch[..Handshake.MaxHead], Libc.MsgPeek);
        var head = scratch[..Math.Max(0, seen)];
        int end = head.IndexOf(Handshake.EndOfHead);
        if (end < 0 || !head.StartsWith(_requestLine) || Handshake.Accept(head[..end]) is not { } answer)
        {
            _onOther(newcomer.Connection);
            return;
        }

        // Ours: what was seen is taken; bytes behind the head are already frames.
        Libc.Receive(newcomer.Fd, scratch[..seen], 0);
        if (Libc.Send(newcomer.Fd, answer) != answer.Length)
        {
            newcomer.Connection.Dispose();
            return;
        }

        var transport = new PolledTransport(newcomer.Connection, scratch[(end + Handshake.EndOfHead.Length)..seen].ToArray());
        _onMedia(new MediaSocket(transport, isServer: true, MediaSocketOptions.Carrier, _time), newcomer.Connection.RemoteEndPoint);
    }

    private sealed class Acceptor(MediaListener listener) : Polled
    {
        public override void OnReady(uint events, Span<byte> scratch) => listener.AcceptAll();
    }

    private sealed class Newcomer(MediaListener listener, Socket connection, long since) : Polled
    {
        public Socket Connection => connection;

        public int Fd { get; } = (int)connection.Handle;

        public long Since => since;

        public override void OnReady(uint events, Span<byte> scratch) => listener.Judge(this, scratch);
    }
}
