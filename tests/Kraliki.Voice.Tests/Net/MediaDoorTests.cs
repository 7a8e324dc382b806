using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using System.Threading.Channels;
using Kraliki.Voice.Net;
using Microsoft.Extensions.Time.Testing;

namespace Kraliki.Voice.Tests.Net;

public sealed class MediaDoorTests : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly FakeTimeProvider _time = new();

    // Unbounded: a test opens one connection.
    private readonly Channel<MediaSocket> _media = Channel.CreateUnbounded<MediaSocket>();
    private readonly Channel<Socket> _others = Channel.CreateUnbounded<Socket>();
    private readonly MediaDoor _door;

    public MediaDoorTests()
    {
        _listener.Start();
        _door = new MediaDoor(
            "/media", MediaSocketOptions.Carrier, _time, (socket, _) => _media.Writer.TryWrite(socket), socket => _others.Writer.TryWrite(socket));
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public ValueTask DisposeAsync()
    {
        _listener.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_request_for_the_media_path_becomes_a_media_socket()
    {
        using var client = new ClientWebSocket();
        var connecting = client.ConnectAsync(new Uri($"ws://127.0.0.1:{Port}/media"), Cancel);
        await AcceptAsync();
        await connecting.WaitAsync(Patience, Cancel);
        var socket = await _media.Reader.ReadAsync(Cancel).AsTask().WaitAsync(Patience, Cancel);

        socket.Open(new Echo(socket));
        await client.SendAsync("hello"u8.ToArray(), WebSocketMessageType.Text, true, Cancel);
        var buffer = new byte[100];
        var answer = await client.ReceiveAsync(buffer, Cancel).WaitAsync(Patience, Cancel);
        Assert.Equal("hello", Encoding.UTF8.GetString(buffer, 0, answer.Count));
    }

    [Theory]
    [InlineData("GET /media HTTP/1.1\r\nHost: x\r\n\r\n")]
    [InlineData("GET /media?x=1 HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")]
    [InlineData("GET /media HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")]
    [InlineData("GET /media HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n")]
    [InlineData("POST /api/v1/sessions HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")]
    [InlineData("\u0016\u0003\u0001\u0002\u0000\u0001")]
    public async Task Any_other_beginning_is_passed_on_with_every_byte(string beginning)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, Port, Cancel);
        await client.Client.SendAsync(Encoding.Latin1.GetBytes(beginning), Cancel);
        await AcceptAsync();

        using var passed = await _others.Reader.ReadAsync(Cancel).AsTask().WaitAsync(Patience, Cancel);
        var buffer = new byte[1000];
        int count = await passed.ReceiveAsync(buffer, Cancel).AsTask().WaitAsync(Patience, Cancel);
        Assert.Equal(beginning, Encoding.Latin1.GetString(buffer, 0, count));
    }

    [Fact]
    public async Task Who_says_nothing_is_passed_on_after_two_seconds()
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, Port, Cancel);
        await AcceptAsync();
        Assert.False(_others.Reader.TryRead(out _));

        _time.Advance(TimeSpan.FromSeconds(2));
        using var passed = await _others.Reader.ReadAsync(Cancel).AsTask().WaitAsync(Patience, Cancel);
        Assert.True(passed.Connected);
    }

    private async Task AcceptAsync() => _door.Enter(await _listener.AcceptSocketAsync(Cancel));

    private sealed class Echo(MediaSocket socket) : IMediaReceiver
    {
        public void OnMessage(ReadOnlySpan<byte> message) => socket.Send(message);

        public void OnFault(Exception exception) => Assert.Fail(exception.ToString());

        public void OnClosed(SocketEnd end, ushort code, string reason)
        {
        }
    }
}
