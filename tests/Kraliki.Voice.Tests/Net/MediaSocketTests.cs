using System.Net;
using System.Net.Sockets;
using Kraliki.Voice.Net;
using Microsoft.Extensions.Time.Testing;

namespace Kraliki.Voice.Tests.Net;

public sealed class MediaSocketTests : IMediaReceiver
{
    private readonly FakeTimeProvider _time = new();
    private readonly List<(SocketEnd End, int Code)> _ends = [];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public void A_peer_that_does_not_read_is_cut_off_once_and_nothing_more_is_kept_for_it()
    {
        var transport = Open(out var socket);
        transport.Stuck = true;
        var message = new byte[64 * 1024];
        for (int i = 0; i < 100; i++)
        {
            socket.Send(message);
        }

        Assert.Equal((SocketEnd.TooSlow, 1006), Assert.Single(_ends));
        Assert.InRange(socket.QueuedBytes, 0, MediaSocketOptions.Carrier.MaxQueuedBytes + (128 * 1024));
    }

    [Fact]
    public void Pings_of_a_peer_that_does_not_read_are_not_answered_for_ever()
    {
        var transport = Open(out var socket);
        transport.Stuck = true;
        var ping = transport.Frame(Opcode.Ping, new byte[125]);
        for (int i = 0; i < 60_000; i++)
        {
            socket.OnBytes(ping);
        }

        Assert.InRange(socket.QueuedBytes, 0, MediaSocketOptions.Carrier.MaxQueuedBytes + 1024);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_peer_that_says_goodbye_or_nonsense_and_then_does_not_read_is_cut_off_in_time(bool goodbye)
    {
        var transport = Open(out var socket);
        transport.Stuck = true;
        socket.OnBytes(goodbye ? transport.Frame(Opcode.Close, [0x03, 0xE8]) : new byte[] { 0xFF, 0xFF });
        Assert.Empty(_ends);
        _time.Advance(MediaSocketOptions.Carrier.CloseTimeout);
        Assert.Equal(goodbye ? SocketEnd.PeerClosed : SocketEnd.ProtocolError, Assert.Single(_ends).End);
    }

    [Fact]
    public async Task A_stream_whose_disposal_leaves_its_read_waiting_ends_all_the_same()
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var socket = MediaSocket.Serve(new DeafStream(), MediaSocketOptions.Carrier, _time);
        socket.Open(new Ending(ended));
        socket.Abort();
        await ended.Task.WaitAsync(TimeSpan.FromSeconds(5), Cancel);
    }

    [Fact]
    public async Task A_server_that_never_finishes_the_tls_handshake_is_left_when_asked()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var connecting = MediaConnector.ConnectAsync(
            new Uri($"wss://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/"), [], MediaSocketOptions.Provider, TimeProvider.System, giveUp.Token);
        using var peer = await listener.AcceptSocketAsync(Cancel);
        Assert.True(await peer.ReceiveAsync(new byte[1000], Cancel) > 0, "no TLS hello came");
        await giveUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => connecting.WaitAsync(TimeSpan.FromSeconds(5), Cancel));
    }

    [Fact]
    public void What_is_sent_before_a_socket_is_open_leaves_with_its_opening_and_what_follows_leaves_too()
    {
        var stream = new DeafStream();
        var socket = MediaSocket.Serve(stream, MediaSocketOptions.Carrier, _time);
        socket.Send("first"u8);
        Assert.Equal(0, stream.Length);

        socket.Open(new Ending(new TaskCompletionSource()));
        long sent = stream.Length;
        Assert.True(sent > 0, "the first message did not leave");
        socket.Send("second"u8);
        Assert.True(stream.Length > sent, "the second message did not leave");
    }

    [Theory]
    [InlineData("key\r\nX-Other: 1")]
    [InlineData("key\n")]
    public async Task A_header_value_cannot_smuggle_in_another_header(string value)
    {
        var refused = await Assert.ThrowsAsync<HandshakeException>(() => MediaConnector.ConnectAsync(
            new Uri("ws://127.0.0.1:9/"), [new("Authorization", value)], MediaSocketOptions.Provider, TimeProvider.System, Cancel));
        Assert.Contains("header Authorization", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("key", refused.Message, StringComparison.Ordinal);
    }

    void IMediaReceiver.OnMessage(ReadOnlySpan<byte> message)
    {
    }

    void IMediaReceiver.OnFault(Exception exception) => throw exception;

    void IMediaReceiver.OnClosed(SocketEnd end, ushort code, string reason) => _ends.Add((end, code));

    private SinkTransport Open(out MediaSocket socket)
    {
        var transport = new SinkTransport(isServer: true, _time);
        socket = transport.Socket;
        socket.Open(this);
        return transport;
    }

    private sealed class Ending(TaskCompletionSource ended) : IMediaReceiver
    {
        public void OnMessage(ReadOnlySpan<byte> message)
        {
        }

        public void OnFault(Exception exception) => ended.TrySetException(exception);

        public void OnClosed(SocketEnd end, ushort code, string reason) => ended.TrySetResult();
    }

    /// <summary>Like a connection of the web server: only the token ends a pending read.</summary>
    private sealed class DeafStream : MemoryStream
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await new TaskCompletionSource().Task.WaitAsync(cancellationToken);
            return 0;
        }
    }
}
