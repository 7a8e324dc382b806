using System.Net;
using System.Net.Sockets;

namespace Kraliki.Tests.Shared;

/// <summary>Where a connection ends: after so many bytes of one direction, in the middle of whatever they are; what comes first counts.</summary>
/// <param name="FromClient">Bytes that the client sends.</param>
/// <param name="FromServer">Bytes that the server sends.</param>
/// <param name="Reset">As a dead router does it (RST); otherwise as a process that ends (FIN).</param>
public readonly record struct Cut(long FromClient, long FromServer, bool Reset);

/// <summary>A TCP proxy on loopback that cuts connections at any byte. Knows nothing of what goes through it.</summary>
public sealed class CuttingProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stopped = new();
    private readonly HashSet<Link> _links = [];
    private readonly Lock _gate = new();
    private readonly Func<IPEndPoint> _target;
    private readonly Func<Cut?> _cutOfNext;
    private readonly Task _accepting;
    private int _cuts;
    private bool _silent;

    /// <param name="target">Asked for each connection.</param>
    /// <param name="cutOfNext">Asked for each connection; null lets it live. Not called by two at once.</param>
    public CuttingProxy(Func<IPEndPoint> target, Func<Cut?> cutOfNext)
    {
        _target = target;
        _cutOfNext = cutOfNext;
        _listener.Start(backlog: 2_048);
        _accepting = AcceptAllAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>What comes is taken and goes nowhere, in either direction: connections stay open and nobody hears anything.</summary>
    public bool Silent
    {
        get => Volatile.Read(ref _silent);
        set => Volatile.Write(ref _silent, value);
    }

    /// <summary>Connections that reached the byte at which they were to be cut.</summary>
    public int Cuts => Volatile.Read(ref _cuts);

    /// <summary>Cuts whatever is open now, all at the same moment.</summary>
    /// <returns>How many connections that were.</returns>
    public int CutAll(bool reset)
    {
        Link[] open;
        lock (_gate)
        {
            open = [.. _links];
        }

        Array.ForEach(open, link => link.Cut(reset));
        return open.Length;
    }

    public async ValueTask DisposeAsync()
    {
        await _stopped.CancelAsync();
        _listener.Stop();
        CutAll(reset: true);
        await _accepting;
        _stopped.Dispose();
    }

    private async Task AcceptAllAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptSocketAsync(_stopped.Token);
                _ = RunAsync(client, _cutOfNext());
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Stopped.
        }
    }

    private async Task RunAsync(Socket client, Cut? cut)
    {
        using var server = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using var _ = client;
        client.NoDelay = true;
        var link = new Link(client, server);
        lock (_gate)
        {
            _links.Add(link);
        }

        try
        {
            await server.ConnectAsync(_target(), _stopped.Token);
            var up = PumpAsync(client, server, link, cut?.FromClient ?? long.MaxValue, cut?.Reset ?? false);
            var down = PumpAsync(server, client, link, cut?.FromServer ?? long.MaxValue, cut?.Reset ?? false);
            await await Task.WhenAny(up, down);
            link.Cut(reset: false);
            await Task.WhenAll(up, down);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            link.Cut(reset: true);
        }
        finally
        {
            lock (_gate)
            {
                _links.Remove(link);
            }
        }
    }

    private async Task PumpAsync(Socket from, Socket to, Link link, long left, bool reset)
    {
        var buffer = new byte[16 * 1024];
        try
        {
            while (true)
            {
                var read = await from.ReceiveAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, Math.Max(left, 1))), SocketFlags.None, _stopped.Token);
                if (read == 0)
                {
                    return;
                }

                if (left > 0 && !Silent)
                {
                    await to.SendAsync(buffer.AsMemory(0, read), SocketFlags.None, _stopped.Token);
                }

                left -= read;
                if (left <= 0)
                {
                    Interlocked.Increment(ref _cuts);
                    link.Cut(reset);
                    return;
                }
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // The other side, or the other direction, ended it.
        }
    }

    private sealed class Link(Socket client, Socket server)
    {
        public void Cut(bool reset)
        {
            foreach (var socket in (Socket[])[client, server])
            {
                try
                {
                    if (reset)
                    {
                        // Closing with a linger time of zero sends RST and throws away what waits.
                        socket.LingerState = new LingerOption(true, 0);
                    }

                    socket.Dispose();
                }
                catch (SocketException)
                {
                    // It is closed already.
                }
                catch (ObjectDisposedException)
                {
                    // It is closed already.
                }
            }
        }
    }
}
