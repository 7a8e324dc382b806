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

        _time.Advance(TimeSpan.FromSeconds(0.5));
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
        _time.Advance(TimeSpan.FromSeconds(0.5));

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
        _time.Advance(TimeSpan.FromSeconds(0.5));

        var second = await AcceptAsync(lastSeq: 5, expectAfterSeq: 1);
        await SendAsync(second, Happened(2));
        await SendAsync(second, new Resync(5));
        await UntilAsync(changes, metrics => metrics.TotalDisconnections == 2 && metrics.RetryAt is not null, "waiting after the resync");
        _time.Advance(TimeSpan.FromSeconds(0.5));

        var third = await AcceptAsync(lastSeq: 5, expectAfterSeq: 2);
        foreach (var seq in (long[])[3, 4, 5])
        {
            await SendAsync(third, Happened(seq));
        }

        await third.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "session_over", Cancelled);
        Assert.Equal([1, 2, 3, 4, 5], (await reading.WaitAsync(Sessions.SessionServer.Patience, Cancelled)).OfType<EventMessage>().Select(message => message.Seq));
    }

    [Fact]
    public async Task Asked_to_leave_it_opens_the_next_connection_before_it_gives_the_old_one_up()
    {
        await using var socket = Open();
        var changes = Watch(socket);
        var reading = ReadAllAsync(socket);
        var first = await AcceptAsync(lastSeq: 3);
        await SendAsync(first, Happened(1));
        await SendAsync(first, new Reconnect(10_000));
        await SendAsync(first, Happened(2));
        await UntilAsync(changes, metrics => metrics.ConnectedAt is not null, "connected");
        await UntilSeqAsync(socket, 2);

        _time.Advance(TimeSpan.FromSeconds(10));
        var second = await _connections.Reader.ReadAsync(Cancelled);

        // The next one is not ready: what comes on the old one counts, and comes again on the next.
        await SendAsync(first, Happened(3));
        await UntilSeqAsync(socket, 3);

        await EnterAsync(second, lastSeq: 4, expectAfterSeq: 2);
        await SendAsync(second, Happened(3));
        await SendAsync(second, Happened(4));
        await second.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "session_over", Cancelled);

        Assert.Equal([1, 2, 3, 4], (await reading.WaitAsync(Sessions.SessionServer.Patience, Cancelled)).OfType<EventMessage>().Select(message => message.Seq));
        Assert.Equal(0, socket.Metrics.TotalDisconnections);
    }

    [Fact]
    public async Task Asked_to_leave_by_a_server_that_is_gone_before_it_comes_back_as_after_any_loss()
    {
        await using var socket = Open();
        var changes = Watch(socket);
        var reading = ReadAllAsync(socket);
        var first = await AcceptAsync(lastSeq: 1);
        await SendAsync(first, new Reconnect(10_000));
        await SendAsync(first, Happened(1));
        await UntilSeqAsync(socket, 1);

        first.Abort();
        await UntilAsync(changes, metrics => metrics.RetryAt is not null, "waiting for the next try");
        _time.Advance(TimeSpan.FromSeconds(0.5));
        var second = await AcceptAsync(lastSeq: 1, expectAfterSeq: 1);
        await second.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "session_over", Cancelled);

        Assert.Equal([1], (await reading.WaitAsync(Sessions.SessionServer.Patience, Cancelled)).OfType<EventMessage>().Select(message => message.Seq));
        Assert.Equal(1, socket.Metrics.TotalDisconnections);
    }

    [Fact]
    public async Task It_comes_no_earlier_than_a_server_with_too_much_to_do_asks_for()
    {
        var busy = new KralikiException(System.Net.HttpStatusCode.TooManyRequests, new Problem(null, "Too Many Requests", 429, null, "rate_limited", null), TimeSpan.FromSeconds(7));
        var asked = 0;
        await using var socket = Open(_ => asked++ == 0 ? Task.FromException<string>(busy) : Task.FromResult("ticket"));
        var changes = Watch(socket);
        var reading = ReadAllAsync(socket);
        var waiting = await UntilAsync(changes, metrics => metrics.RetryAt is not null, "waiting for the next try");
        Assert.InRange(waiting.RetryAt!.Value - _time.GetUtcNow(), TimeSpan.FromSeconds(7), TimeSpan.FromSeconds(7.5));

        _time.Advance(TimeSpan.FromSeconds(7.5));
        var server = await AcceptAsync(lastSeq: 0);
        await server.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "session_over", Cancelled);
        await reading.WaitAsync(Sessions.SessionServer.Patience, Cancelled);
    }

    [Fact]
    public async Task What_is_not_saved_yet_reaches_the_reader()
    {
        await using var socket = Open();
        var reading = ReadAllAsync(socket);
        var server = await AcceptAsync(lastSeq: 0);
        await SendAsync(server, new Unsaved([new TurnFinished("t1", LegRole.Caller, "Hello?", 0, 900)], 1, DateTimeOffset.UnixEpoch, "The database does not answer."));
        await server.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "session_over", Cancelled);

        var unsaved = Assert.Single((await reading.WaitAsync(Sessions.SessionServer.Patience, Cancelled)).OfType<Unsaved>());
        Assert.Equal("Hello?", Assert.IsType<TurnFinished>(Assert.Single(unsaved.Facts)).Text);
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

    private static async Task UntilSeqAsync(SessionSocket socket, long seq)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (socket.LastSeq < seq)
        {
            Assert.True(TimeProvider.System.GetElapsedTime(start) < Sessions.SessionServer.Patience, $"Event {seq} did not reach the reader.");
            await Task.Yield();
        }
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

    private SessionSocket Open(Func<CancellationToken, Task<string>>? ticket = null) => new(
        new Uri($"{_server.Urls.First().Replace("http", "ws", StringComparison.Ordinal)}/ws"),
        ticket ?? (_ => Task.FromResult("ticket")),
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
        await EnterAsync(socket, lastSeq, expectAfterSeq);
        return socket;
    }

    private async Task EnterAsync(WebSocket socket, long lastSeq, long? expectAfterSeq)
    {
        await SendAsync(socket, new Hello(Id, 10_000, 10_000, _time.GetUtcNow()));
        var identify = await ReceiveAsync<Identify>(socket);
        Assert.Equal(expectAfterSeq ?? 0, identify.AfterSeq);
        var view = new SessionView(
            Id, SessionState.Active, "local", VoiceStrategy.Realtime, "twilio", null, new Dictionary<string, string>(), _time.GetUtcNow(), _time.GetUtcNow(), null, null, null, null, lastSeq, "ws://x");
        await SendAsync(socket, new Ready(view, lastSeq, identify.AfterSeq));
    }
}
