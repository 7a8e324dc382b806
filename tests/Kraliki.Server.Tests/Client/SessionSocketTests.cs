using System.Net.WebSockets;
using System.Text.Json;
using Kraliki.Client;
using Kraliki.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace Kraliki.Server.Tests.Client;

/// <summary>The client's socket against a server that does as the test says, on the client's virtual clock.</summary>
public sealed class SessionSocketTests : IAsyncLifetime
{
    private static readonly Guid Id = Guid.CreateVersion7();

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 11, 22, 12, 0, 0, TimeSpan.Zero));
    private readonly System.Threading.Channels.Channel<WebSocket> _connections = System.Threading.Channels.Channel.CreateBounded<WebSocket>(10);
    private WebApplication _server = null!;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _server = builder.Build();
        _server.UseWebSockets();
        _server.Run(async context =>
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            await _connections.Writer.WriteAsync(socket, Cancelled);
            var closed = new TaskCompletionSource();
            using var _ = context.RequestAborted.Register(closed.SetResult);
            await closed.Task;
        });
        await _server.StartAsync(Cancelled);
    }

    public async ValueTask DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task Latency_makes_the_quality_and_a_missing_pong_makes_it_poor_and_then_lost()
    {
        await using var socket = Open();
        var changes = Watch(socket);
        var reading = ReadAllAsync(socket);
        var server = await AcceptAsync(lastSeq: 0);
        await UntilAsync(changes, metrics => metrics.ConnectedAt is not null, "connected");

        _time.Advance(TimeSpan.FromSeconds(0.5));
        await AnswerAsync(server, TimeSpan.FromMilliseconds(40));
        Assert.Equal(40, (await UntilAsync(changes, metrics => metrics.Quality == ConnectionQuality.Excellent && metrics.LastPongAt is not null, "excellent")).LatencyMs);
        await BeatAsync(server, TimeSpan.FromMilliseconds(180));
        await UntilAsync(changes, metrics => metrics.Quality == ConnectionQuality.Good, "good");
        await BeatAsync(server, TimeSpan.FromMilliseconds(400));
        await UntilAsync(changes, metrics => metrics.Quality == ConnectionQuality.Fair, "fair");
        await BeatAsync(server, TimeSpan.FromMilliseconds(900));
        Assert.Equal((40 + 180 + 400 + 900) / 4.0, (await UntilAsync(changes, metrics => metrics.Quality == ConnectionQuality.Poor, "poor")).AverageLatencyMs);

        await BeatAsync(server, TimeSpan.Zero);
        await UntilAsync(changes, metrics => metrics.Quality == ConnectionQuality.Excellent, "excellent again");
        _time.Advance(TimeSpan.FromSeconds(10));
        await ReceiveAsync<Ping>(server);
        _time.Advance(TimeSpan.FromSeconds(10));
        await UntilAsync(changes, metrics => metrics.Quality == ConnectionQuality.Poor, "poor for want of a pong");
        _time.Advance(TimeSpan.FromSeconds(10));
        var lost = await UntilAsync(changes, metrics => metrics.Quality == ConnectionQuality.Disconnected, "disconnected");
        Assert.Equal((1, null), (lost.TotalDisconnections, lost.ConnectedAt));

        _time.Advance(TimeSpan.FromSeconds(1.3));
        await AcceptAsync(lastSeq: 0);
        Assert.Equal(0, (await UntilAsync(changes, metrics => metrics.ConnectedAt is not null, "connected again")).ReconnectAttempts);
        await socket.DisposeAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);
    }

    [Fact]
    public async Task After_a_loss_it_resumes_after_the_last_event_and_keeps_listening()
    {
        await using var socket = Open();
        var changes = Watch(socket);
        var reading = ReadAllAsync(socket);
        var first = await AcceptAsync(lastSeq: 2);
        await SendAsync(first, Happened(1));
        await SendAsync(first, Happened(2));
        await UntilAsync(changes, metrics => metrics.ConnectedAt is not null, "connected");
        await socket.ListenAsync(true, Cancelled);
        await ReceiveAsync<Listen>(first);
        first.Abort();
        await UntilAsync(changes, metrics => metrics.RetryAt is not null, "waiting for the next try");
        _time.Advance(TimeSpan.FromSeconds(1.3));

        var second = await AcceptAsync(lastSeq: 3, expectAfterSeq: 2);
        Assert.True((await ReceiveAsync<Listen>(second)).Enabled);
        await SendAsync(second, Happened(2));
        await SendAsync(second, Happened(3));
        await second.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "session_over", Cancelled);

        Assert.Equal([1, 2, 3], (await reading.WaitAsync(Sessions.SessionServer.Patience, Cancelled)).OfType<EventMessage>().Select(message => message.Seq));
        Assert.Equal(1, socket.Metrics.TotalDisconnections);
    }

    [Fact]
    public async Task A_gap_or_a_resync_makes_it_fetch_what_is_missing()
    {
        await using var socket = Open();
        var changes = Watch(socket);
        var reading = ReadAllAsync(socket);
        var first = await AcceptAsync(lastSeq: 5);
        await SendAsync(first, Happened(1));
        await SendAsync(first, Happened(4));
        await UntilAsync(changes, metrics => metrics.RetryAt is not null, "waiting after the gap");
        _time.Advance(TimeSpan.FromSeconds(1.3));

        var second = await AcceptAsync(lastSeq: 5, expectAfterSeq: 1);
        await SendAsync(second, Happened(2));
        await SendAsync(second, new Resync(5));
        await UntilAsync(changes, metrics => metrics.TotalDisconnections == 2 && metrics.RetryAt is not null, "waiting after the resync");
        _time.Advance(TimeSpan.FromSeconds(1.3));

        var third = await AcceptAsync(lastSeq: 5, expectAfterSeq: 2);
        foreach (var seq in (long[])[3, 4, 5])
        {
            await SendAsync(third, Happened(seq));
        }

        await third.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "session_over", Cancelled);
        Assert.Equal([1, 2, 3, 4, 5], (await reading.WaitAsync(Sessions.SessionServer.Patience, Cancelled)).OfType<EventMessage>().Select(message => message.Seq));
    }

    [Fact]
    public async Task A_message_of_a_newer_server_is_passed_over()
    {
        await using var socket = Open();
        var reading = ReadAllAsync(socket);
        var server = await AcceptAsync(lastSeq: 0);

        await server.SendAsync("""{"type":"hologram","x":1}"""u8.ToArray(), WebSocketMessageType.Text, true, Cancelled);
        await SendAsync(server, Happened(1));
        await server.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "session_over", Cancelled);

        Assert.Equal(["Ready", "EventMessage"], (await reading.WaitAsync(Sessions.SessionServer.Patience, Cancelled)).Select(message => message.GetType().Name));
    }

    private static EventMessage Happened(long seq) => new(seq, DateTimeOffset.UnixEpoch, new DtmfReceived("1", seq));

    private static async Task<List<ServerMessage>> ReadAllAsync(SessionSocket socket)
    {
        var messages = new List<ServerMessage>();
        await foreach (var message in socket.ReadAsync(Cancelled))
        {
            messages.Add(message);
        }

        return messages;
    }

    private static System.Threading.Channels.Channel<SocketMetrics> Watch(SessionSocket socket)
    {
        var changes = System.Threading.Channels.Channel.CreateBounded<SocketMetrics>(1_000);
        socket.MetricsChanged += metrics => changes.Writer.TryWrite(metrics);
        return changes;
    }

    private static async Task<SocketMetrics> UntilAsync(System.Threading.Channels.Channel<SocketMetrics> changes, Func<SocketMetrics, bool> wanted, string what)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        limit.CancelAfter(Sessions.SessionServer.Patience);
        try
        {
            await foreach (var metrics in changes.Reader.ReadAllAsync(limit.Token))
            {
                if (wanted(metrics))
                {
                    return metrics;
                }
            }
        }
        catch (OperationCanceledException) when (!Cancelled.IsCancellationRequested)
        {
        }

        throw new TimeoutException($"The socket was never {what}.");
    }

    private static Task SendAsync(WebSocket socket, ServerMessage message) =>
        socket.SendAsync(JsonSerializer.SerializeToUtf8Bytes(message, ContractsJson.Default.ServerMessage), WebSocketMessageType.Text, true, Cancelled);

    private static async Task<T> ReceiveAsync<T>(WebSocket socket)
        where T : ClientMessage
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        limit.CancelAfter(Sessions.SessionServer.Patience);
        var buffer = new byte[4096];
        var part = await socket.ReceiveAsync(buffer.AsMemory(), limit.Token);
        return Assert.IsType<T>(JsonSerializer.Deserialize(buffer.AsSpan(0, part.Count), ContractsJson.Default.ClientMessage));
    }

    private SessionSocket Open() => new(
        new Uri($"{_server.Urls.First().Replace("http", "ws", StringComparison.Ordinal)}/ws"),
        _ => Task.FromResult("ticket"),
        options: new SessionSocketOptions { HeartbeatInterval = TimeSpan.FromSeconds(10) },
        time: _time);

    /// <summary>Lets the client's next beat come and answers it after a while.</summary>
    private async Task BeatAsync(WebSocket server, TimeSpan latency)
    {
        _time.Advance(TimeSpan.FromSeconds(10));
        await AnswerAsync(server, latency);
    }

    private async Task AnswerAsync(WebSocket server, TimeSpan latency)
    {
        var ping = await ReceiveAsync<Ping>(server);
        _time.Advance(latency);
        await SendAsync(server, new Pong(ping.Timestamp, _time.GetUtcNow(), Id));
    }

    private async Task<WebSocket> AcceptAsync(long lastSeq, long? expectAfterSeq = null)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        limit.CancelAfter(Sessions.SessionServer.Patience);
        var socket = await _connections.Reader.ReadAsync(limit.Token);
        await SendAsync(socket, new Hello(Id, 10_000, 10_000, _time.GetUtcNow()));
        var identify = await ReceiveAsync<Identify>(socket);
        Assert.Equal(expectAfterSeq ?? 0, identify.AfterSeq);
        var view = new SessionView(
            Id, SessionState.Active, "local", VoiceStrategy.Realtime, "twilio", null, new Dictionary<string, string>(), _time.GetUtcNow(), _time.GetUtcNow(), null, null, null, null, lastSeq, "ws://x");
        await SendAsync(socket, new Ready(view, lastSeq, identify.AfterSeq));
        return socket;
    }
}
