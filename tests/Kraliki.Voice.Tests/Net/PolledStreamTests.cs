using System.Net;
using System.Net.Sockets;
using Kraliki.Voice.Net;

namespace Kraliki.Voice.Tests.Net;

public sealed class PolledStreamTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private PolledStream _stream = null!;
    private NetworkStream _peer = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _listener.Start();
        var accepting = _listener.AcceptSocketAsync(Cancel);
        _stream = await PolledStream.ConnectAsync("127.0.0.1", ((IPEndPoint)_listener.LocalEndpoint).Port, Cancel);
        _peer = new NetworkStream(await accepting, ownsSocket: true);
    }

    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        await _peer.DisposeAsync();
        _listener.Dispose();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Bytes_arrive_whole_and_in_order_although_the_peer_reads_late(bool inline)
    {
        _stream.Inline = inline;
        var sent = new byte[8 * 1024 * 1024];
        Random.Shared.NextBytes(sent);

        // More than the system's buffers hold, so the write must wait for the peer.
        var writing = _stream.WriteAsync(sent, Cancel);
        Assert.False(writing.IsCompleted);

        var received = new byte[sent.Length];
        await _peer.ReadExactlyAsync(received, Cancel).AsTask().WaitAsync(Patience, Cancel);
        await writing.AsTask().WaitAsync(Patience, Cancel);
        Assert.True(sent.AsSpan().SequenceEqual(received));

        var back = _peer.WriteAsync(sent, Cancel);
        Array.Clear(received);
        await _stream.ReadExactlyAsync(received, Cancel).AsTask().WaitAsync(Patience, Cancel);
        await back;
        Assert.True(sent.AsSpan().SequenceEqual(received));
    }

    [Fact]
    public async Task A_reader_learns_that_the_peer_closed()
    {
        var reading = _stream.ReadAsync(new byte[10], Cancel);
        await _peer.DisposeAsync();
        Assert.Equal(0, await reading.AsTask().WaitAsync(Patience, Cancel));
    }

    [Fact]
    public async Task What_came_before_the_peer_closed_is_still_read()
    {
        await _peer.WriteAsync("last words"u8.ToArray(), Cancel);
        await _peer.DisposeAsync();
        var buffer = new byte[100];
        Assert.Equal(10, await _stream.ReadAsync(buffer, Cancel).AsTask().WaitAsync(Patience, Cancel));
        Assert.Equal(0, await _stream.ReadAsync(buffer, Cancel).AsTask().WaitAsync(Patience, Cancel));
    }

    [Fact]
    public async Task Disposing_ends_a_pending_read()
    {
        var reading = _stream.ReadAsync(new byte[10], Cancel).AsTask();
        await _stream.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => reading.WaitAsync(Patience, Cancel));
    }

    [Fact]
    public async Task A_writer_learns_that_the_connection_broke()
    {
        var writing = _stream.WriteAsync(new byte[16 * 1024 * 1024], Cancel).AsTask();
        _peer.Socket.LingerState = new LingerOption(true, 0);
        await _peer.DisposeAsync();
        await Assert.ThrowsAsync<IOException>(() => writing.WaitAsync(Patience, Cancel));
    }

    [Fact]
    public async Task Hundreds_connect_at_once()
    {
        var port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        List<Socket> peers = [];
        var accepting = Task.Run(
            async () =>
            {
                while (peers.Count < 300)
                {
                    peers.Add(await _listener.AcceptSocketAsync(Cancel));
                    await peers[^1].SendAsync("x"u8.ToArray(), Cancel);
                }
            },
            Cancel);
        await Task.WhenAll(Enumerable.Range(0, 300).Select(async _ =>
        {
            await using var stream = await PolledStream.ConnectAsync("127.0.0.1", port, Cancel);
            Assert.Equal(1, await stream.ReadAsync(new byte[10], Cancel));
        })).WaitAsync(Patience, Cancel);
        await accepting;
        peers.ForEach(peer => peer.Dispose());
    }

    [Fact]
    public async Task A_port_where_nobody_listens_refuses()
    {
        int port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _listener.Stop();
        var refused = await Assert.ThrowsAsync<SocketException>(() => PolledStream.ConnectAsync("127.0.0.1", port, Cancel));
        Assert.Equal(SocketError.ConnectionRefused, refused.SocketErrorCode);
    }
}
