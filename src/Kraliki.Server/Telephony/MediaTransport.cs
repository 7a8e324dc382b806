using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Kraliki.Server.Cluster;
using Kraliki.Voice.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;

namespace Kraliki.Server.Telephony;

/// <summary>
/// The web server's way to listen, with the <see cref="MediaDoor"/> before it: media sockets go to the call path, every other
/// connection to Kestrel as always. Where the door is not supported the web server listens by itself.
/// </summary>
internal sealed partial class MediaTransport(MediaCalls calls, NodeExit exit, IOptions<SocketTransportOptions> options, TimeProvider time, ILoggerFactory logs)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    public bool CanBind(EndPoint endpoint) => MediaDoor.Supported && endpoint is IPEndPoint;

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        try
        {
            var socket = options.Value.CreateBoundListenSocket(endpoint);
            socket.Listen(options.Value.Backlog);
            return ValueTask.FromResult<IConnectionListener>(new Listener(socket, calls, exit, time, logs));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw new AddressInUseException(e.Message, e);
        }
    }

    private sealed class Listener : IConnectionListener
    {
        private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(50);

        // Connections that Kestrel has not fetched yet; it fetches at once. Full: the newest is closed, as a full backlog would.
        private readonly Channel<Socket> _others = Channel.CreateBounded<Socket>(512);
        private readonly ConcurrentDictionary<Task, bool> _running = new();
        private readonly SocketConnectionContextFactory _connections;
        private readonly Socket _socket;
        private readonly MediaDoor _door;
        private readonly MediaCalls _calls;
        private readonly NodeExit _exit;
        private readonly ILogger _log;
        private readonly TimeProvider _time;
        private volatile bool _stopped;
        private readonly Task _accepting;

        public Listener(Socket socket, MediaCalls calls, NodeExit exit, TimeProvider time, ILoggerFactory logs)
        {
            _socket = socket;
            _calls = calls;
            _exit = exit;
            _time = time;
            _log = logs.CreateLogger<MediaTransport>();
            EndPoint = socket.LocalEndPoint!;
            _connections = new SocketConnectionContextFactory(new SocketConnectionFactoryOptions(), logs.CreateLogger("Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets"));
            _door = new MediaDoor(MediaCalls.Path, MediaSocketOptions.Carrier, time, OnMedia, OnOther);
            _accepting = AcceptAllAsync();
        }

        public EndPoint EndPoint { get; }

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            try
            {
                return _connections.Create(await _others.Reader.ReadAsync(cancellationToken));
            }
            catch (ChannelClosedException)
            {
                // How Kestrel is told that nobody comes any more.
                return null;
            }
        }

        /// <summary>No new connections, and the calls here come to their ends: the server is stopping, which each of them knows.</summary>
        public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            _stopped = true;
            _socket.Dispose();
            await _accepting;
            _others.Writer.TryComplete();
            await Task.WhenAll(_running.Keys).WaitAsync(cancellationToken);
        }

        public ValueTask DisposeAsync()
        {
            _stopped = true;
            _socket.Dispose();
            _connections.Dispose();
            return ValueTask.CompletedTask;
        }

        private async Task AcceptAllAsync()
        {
            while (!_stopped)
            {
                try
                {
                    var connection = await _socket.AcceptAsync();
                    connection.NoDelay = true;
                    if (_exit.Draining.IsCancellationRequested)
                    {
                        // The web server refuses media sockets with an answer, which sends a proxy to the next node.
                        OnOther(connection);
                    }
                    else
                    {
                        _door.Enter(connection);
                    }
                }
                catch (Exception e) when (e is SocketException or IOException or ObjectDisposedException)
                {
                    if (_stopped)
                    {
                        return;
                    }

                    // That one was gone before it came in, or there is no room for now. Listening must not end for it, and
                    // at once would be a busy loop.
                    LogAcceptFailed(_log, e);
                    await Task.Delay(RetryAfter, _time);
                }
            }
        }

        private void OnMedia(MediaSocket socket, IPAddress? address)
        {
            var call = _calls.RunAsync(socket, address);
            _running[call] = true;
            call.ContinueWith(static (ended, running) => ((ConcurrentDictionary<Task, bool>)running!).TryRemove(ended, out _), _running, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }

        private void OnOther(Socket connection)
        {
            if (!_others.Writer.TryWrite(connection))
            {
                connection.Dispose();
            }
        }
    }
}
