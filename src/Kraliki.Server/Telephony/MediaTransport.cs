using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Kraliki.Voice.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace Kraliki.Server.Telephony;

/// <summary>The web server's TCP transport with the <see cref="MediaDoor"/> in front: audio goes to the call path, everything else to Kestrel.</summary>
/// <remarks>
/// Through Kestrel a call costs about twice the processor time (docs/performance.md): its pipes and the thread pool stand
/// between the sockets. One port serves both, so nothing changes for carriers and proxies.
/// </remarks>
internal sealed partial class MediaTransport(IServiceProvider services, TimeProvider time, ILoggerFactory loggers) : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    public bool CanBind(EndPoint endpoint) => endpoint is IPEndPoint;

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var address = (IPEndPoint)endpoint;
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            // "Any" of IPv6 means both families to Kestrel's users.
            if (address.Address.Equals(IPAddress.IPv6Any))
            {
                socket.DualMode = true;
            }

            socket.Bind(address);
            socket.Listen(512);
            return ValueTask.FromResult<IConnectionListener>(new Listener(socket, services.GetRequiredService<MediaCalls>(), time, loggers));
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw e.SocketErrorCode == SocketError.AddressAlreadyInUse ? new AddressInUseException(e.Message, e) : e;
        }
    }

    private sealed partial class Listener : IConnectionListener
    {
        private readonly Socket _socket;
        private readonly MediaCalls _calls;
        private readonly MediaDoor _door;
        private readonly ILogger _logger;
        private readonly SocketConnectionContextFactory _connections;
        private readonly ConcurrentDictionary<Task, byte> _running = new();
        private readonly Task _accepting;

        // As many as the system's own backlog holds; who comes beyond that is refused, as it would be there.
        private readonly Channel<Socket> _others = Channel.CreateBounded<Socket>(new BoundedChannelOptions(512) { FullMode = BoundedChannelFullMode.Wait, SingleReader = true });

        public Listener(Socket socket, MediaCalls calls, TimeProvider time, ILoggerFactory loggers)
        {
            _socket = socket;
            _calls = calls;
            _logger = loggers.CreateLogger<MediaTransport>();
            _connections = new SocketConnectionContextFactory(new SocketConnectionFactoryOptions(), _logger);
            _door = new MediaDoor(MediaEndpoint.Path, MediaSocketOptions.Carrier, time, OnMedia, OnOther);
            EndPoint = socket.LocalEndPoint!;
            _accepting = AcceptLoopAsync();
        }

        public EndPoint EndPoint { get; }

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
            => await _others.Reader.WaitToReadAsync(cancellationToken) && _others.Reader.TryRead(out var socket) ? _connections.Create(socket) : null;

        public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            _socket.Dispose();
            await _accepting.WaitAsync(cancellationToken);
        }

        /// <summary>The stopping server has told every call to end; each is waited for, so that its end is in the journal.</summary>
        public async ValueTask DisposeAsync()
        {
            await UnbindAsync();
            await Task.WhenAll(_running.Keys);
            _connections.Dispose();
        }

        private async Task AcceptLoopAsync()
        {
            while (true)
            {
                try
                {
                    var accepted = await _socket.AcceptAsync();
                    accepted.NoDelay = true;
                    _door.Enter(accepted);
                }
                catch (Exception e) when (e is ObjectDisposedException or SocketException { SocketErrorCode: SocketError.OperationAborted })
                {
                    _others.Writer.TryComplete();
                    return;
                }
                catch (SocketException e)
                {
                    // The peer was gone before it was accepted, or descriptors are short for the moment.
                    LogAcceptFailed(e.SocketErrorCode);
                }
            }
        }

        private void OnOther(Socket socket)
        {
            if (!_others.Writer.TryWrite(socket))
            {
                socket.Dispose();
            }
        }

        private void OnMedia(MediaSocket socket, IPAddress? address)
        {
            // Off the media thread: attaching a call to its session takes locks and services of the server.
            var call = Task.Run(() => RunCallAsync(socket, address));
            _running[call] = 0;
            call.ContinueWith(_ => _running.TryRemove(call, out var _), TaskScheduler.Default);
        }

        private async Task RunCallAsync(MediaSocket socket, IPAddress? address)
        {
            try
            {
                await _calls.RunAsync(socket, address);
            }
            catch (Exception e)
            {
                // The edge of a call's life on this node; there is no request that would report it.
                LogCallFailed(e);
            }
        }
    }
}
