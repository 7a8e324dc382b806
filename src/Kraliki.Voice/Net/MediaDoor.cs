using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Kraliki.Voice.Net;

/// <summary>Stands in front of the web server: a connection whose first request opens a media socket stays here, every other goes on untouched.</summary>
/// <remarks>
/// Audio then never passes the web server's buffers and threads (docs/performance.md). Whatever is unusual, TLS, a proxy that
/// reuses a connection, a request that comes in pieces or from a web page, is passed on: the web server has the same
/// endpoint, and decides about origins.
/// </remarks>
/// <param name="path">The one path that is answered here, without a query.</param>
/// <param name="media">Takes the upgraded socket, not yet opened, and the peer's address. On a poller's thread: must not block.</param>
/// <param name="others">Takes a connection of which nothing was read. On a poller's or a timer's thread: must not block.</param>
public sealed class MediaDoor(string path, MediaSocketOptions options, TimeProvider time, Action<MediaSocket, IPAddress?> media, Action<Socket> others)
{
    // Who says nothing for so long is left to the web server, which has deadlines of its own for idle connections.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly MediaSocketOptions _options = options;
    private readonly TimeProvider _time = time;
    private readonly Action<MediaSocket, IPAddress?> _media = media;
    private readonly Action<Socket> _others = others;
    private readonly byte[] _start = Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\n");

    public static bool Supported => Poller.Supported;

    /// <summary>Takes a connection that was just accepted and never used with an async method. Any thread.</summary>
    public void Enter(Socket accepted) => new FirstLook(this, accepted).Begin();

    /// <summary>The client's key when <paramref name="request"/> is the whole head of a WebSocket request for our path (RFC 6455 §4.2.1).</summary>
    private string? KeyOf(ReadOnlySpan<byte> request, out int headLength)
    {
        int end = request.IndexOf("\r\n\r\n"u8);
        headLength = end + 4;
        if (end < 0 || !request.StartsWith(_start))
        {
            return null;
        }

        string? key = null;
        bool upgrade = false, version = false, page = false;
        foreach (string line in Encoding.ASCII.GetString(request[_start.Length..end]).Split("\r\n"))
        {
            int colon = line.IndexOf(':');
            string name = colon < 0 ? line : line[..colon];
            string value = colon < 0 ? "" : line[(colon + 1)..].Trim();
            upgrade |= name.Equals("Upgrade", StringComparison.OrdinalIgnoreCase) && value.Equals("websocket", StringComparison.OrdinalIgnoreCase);
            version |= name.Equals("Sec-WebSocket-Version", StringComparison.OrdinalIgnoreCase) && value == "13";
            page |= name.Equals("Origin", StringComparison.OrdinalIgnoreCase);
            key = name.Equals("Sec-WebSocket-Key", StringComparison.OrdinalIgnoreCase) ? value : key;
        }

        return upgrade && version && !page && key?.Length == 24 ? key : null;
    }

    private sealed class FirstLook(MediaDoor door, Socket socket) : IPolled
    {
        private readonly Lock _gate = new();
        private readonly Poller _poller = Poller.Next();
        private ITimer? _timer;
        private long _id;
        private bool _decided;

        public void Begin()
        {
            lock (_gate)
            {
                _id = _poller.Watch(socket, this, read: true, write: false);
                _timer = door._time.CreateTimer(static look => ((FirstLook)look!).PassOn(), this, Patience, Timeout.InfiniteTimeSpan);
            }
        }

        public void OnReady(bool readable, bool writable)
        {
            lock (_gate)
            {
                if (_decided)
                {
                    return;
                }

                // A read that fails, too, is the web server's to find out.
                Span<byte> head = stackalloc byte[4096];
                int count = socket.Receive(head, SocketFlags.Peek, out _);
                if (door.KeyOf(head[..count], out int headLength) is { } key && Decide())
                {
                    socket.Receive(head[..headLength], SocketFlags.None, out _);
                    socket.Send(
                        Encoding.ASCII.GetBytes(
                            $"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {MediaConnector.AcceptKey(key)}\r\n\r\n"),
                        SocketFlags.None,
                        out _);
                    var address = (socket.RemoteEndPoint as IPEndPoint)?.Address;
                    door._media(MediaSocket.Serve(new PolledStream(socket) { Inline = true }, door._options, door._time), address);
                    return;
                }
            }

            PassOn();
        }

        public void Dispose()
        {
            if (Decide())
            {
                socket.Dispose();
            }
        }

        private void PassOn()
        {
            if (Decide())
            {
                door._others(socket);
            }
        }

        // True for one caller only.
        private bool Decide()
        {
            lock (_gate)
            {
                if (_decided)
                {
                    return false;
                }

                _decided = true;
                _timer!.Dispose();
                _poller.Forget(socket, _id);
                return true;
            }
        }
    }
}
