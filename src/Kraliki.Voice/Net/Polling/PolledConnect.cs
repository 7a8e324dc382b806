using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;

namespace Kraliki.Voice.Net.Polling;

/// <summary>One attempt to open a client WebSocket on the poll loop: connect, ask, read the answer.</summary>
[SupportedOSPlatform("linux")]
internal sealed class PolledConnect : Polled
{
    private readonly TaskCompletionSource<byte[]> _received = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Socket _socket;
    private readonly int _fd;
    private readonly byte[] _request;
    private readonly string _key;
    private readonly string _host;
    private readonly byte[] _head = new byte[Handshake.MaxHead];
    private int _length;
    private bool _asked;

    private PolledConnect(Socket socket, byte[] request, string key, string host)
    {
        _socket = socket;
        _fd = (int)socket.Handle;
        _request = request;
        _key = key;
        _host = host;
    }

    /// <exception cref="HandshakeException">The server refused.</exception>
    /// <exception cref="SocketException">It cannot be reached.</exception>
    public static async Task<ByteTransport> ConnectAsync(
        Uri uri, IReadOnlyList<KeyValuePair<string, string>> headers, CancellationToken cancellationToken)
    {
        var addresses = IPAddress.TryParse(uri.Host.Trim('[', ']'), out var literal)
            ? [literal]
            : await Dns.GetHostAddressesAsync(uri.IdnHost, cancellationToken).ConfigureAwait(false);
        for (int i = 0; ; i++)
        {
            try
            {
                return await ConnectAsync(new IPEndPoint(addresses[i], uri.Port), uri, headers, cancellationToken).ConfigureAwait(false);
            }
            catch (SocketException) when (i + 1 < addresses.Length)
            {
                // A host with several addresses: the next one may be reachable.
            }
        }
    }

    public override void OnReady(uint events, Span<byte> scratch)
    {
        try
        {
            if (_asked ? Read() : Ask())
            {
                int end = _head.AsSpan(0, _length).IndexOf(Handshake.EndOfHead);
                Handshake.CheckResponse(_head.AsSpan(0, end), _key, _host);
                PollLoop.Shared.Remove(_fd);
                _received.TrySetResult(_head.AsSpan(end + 4, _length - end - 4).ToArray());
            }
        }
        catch (Exception e) when (e is SocketException or HandshakeException or IOException)
        {
            PollLoop.Shared.Remove(_fd);
            _received.TrySetException(e);
        }
    }

    private static async Task<ByteTransport> ConnectAsync(
        IPEndPoint address, Uri uri, IReadOnlyList<KeyValuePair<string, string>> headers, CancellationToken cancellationToken)
    {
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, Blocking = false };
        try
        {
            try
            {
                // The synchronous call on a non-blocking socket only starts it, and keeps the runtime's own engine out.
                socket.Connect(address);
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
            {
            }

            var (request, key) = Handshake.Request(uri, headers);
            var attempt = new PolledConnect(socket, request, key, uri.Host);
            PollLoop.Shared.Add(attempt._fd, attempt, Libc.EpollOut);
            await using var cancelled = cancellationToken.Register(() => PollLoop.Shared.Post(attempt.GiveUp)).ConfigureAwait(false);
            return new PolledTransport(socket, await attempt._received.Task.ConfigureAwait(false));
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private bool Ask()
    {
        int error = (int)_socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.Error)!;
        if (error != 0)
        {
            throw new SocketException(error);
        }

        // A few hundred bytes into the empty buffer of a fresh connection: it takes them all or is broken.
        if (Libc.Send(_fd, _request) != _request.Length)
        {
            throw new IOException("the connection broke in the middle of the WebSocket handshake");
        }

        _asked = true;
        PollLoop.Shared.Change(_fd, Libc.EpollIn | Libc.EpollRdHup);
        return false;
    }

    private bool Read()
    {
        int count = Libc.Receive(_fd, _head.AsSpan(_length), 0);
        if (count == -Libc.EAgain)
        {
            return false;
        }

        if (count <= 0)
        {
            throw new IOException("the connection ended in the middle of the WebSocket handshake");
        }

        _length += count;
        return _head.AsSpan(0, _length).IndexOf(Handshake.EndOfHead) >= 0;
    }

    private void GiveUp()
    {
        PollLoop.Shared.Remove(_fd);
        _received.TrySetCanceled();
    }
}
