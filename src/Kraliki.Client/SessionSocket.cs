using System.Net;
using System.Net.WebSockets;
using System.Runtime.CompilerServices;
using Kraliki.Contracts;

namespace Kraliki.Client;

/// <summary>The live socket of one session. Reconnects and resumes by itself, so that its reader sees every event once and in order.</summary>
/// <remarks>
/// <list type="number">
/// <item>A fresh ticket is fetched, the socket connects, answers <c>hello</c> with <c>identify</c> and waits for <c>ready</c>.</item>
/// <item>Messages are handed to the reader; the last event's seq is remembered.</item>
/// <item>A heartbeat runs beside it; two intervals without a pong count as a lost connection.</item>
/// <item>After a loss it waits (<see cref="SessionSocketOptions.Backoff"/>) and begins again at 1, after the remembered seq.</item>
/// <item>Asked by a server that is about to stop (<see cref="Reconnect"/>) it opens the next connection, which reaches another
/// one, before it gives the old one up.</item>
/// </list>
/// One reader; the sending methods may be called from any thread. Works in .NET and in the browser.
/// </remarks>
public sealed class SessionSocket : IAsyncDisposable
{
    /// <summary>The server's word for "nothing will ever follow", in the description of a normal closure.</summary>
    private const string SessionOver = "session_over";

    /// <summary>The server's word for "whoever opened this is signed out".</summary>
    private const string SignedOutReason = "signed_out";

    private readonly Uri _url;
    private readonly Func<CancellationToken, Task<string>> _ticket;
    private readonly SessionSocketOptions _options;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _disposed = new();
    private SocketConnection? _connection;
    private TimeSpan _serverAsks;
    private int _reading;

    /// <param name="ticket">Fetches a fresh single-use ticket for each connection.</param>
    /// <param name="afterSeq">The last event already known; 0 for all.</param>
    public SessionSocket(
        Uri url, Func<CancellationToken, Task<string>> ticket, long afterSeq = 0, SessionSocketOptions? options = null, TimeProvider? time = null)
    {
        _url = url;
        _ticket = ticket;
        LastSeq = afterSeq;
        _options = options ?? new();
        _time = time ?? TimeProvider.System;
    }

    /// <summary>The last event that was handed to the reader.</summary>
    public long LastSeq { get; private set; }

    public SocketMetrics Metrics { get; private set; } = SocketMetrics.None;

    /// <summary>Raised after each change of <see cref="Metrics"/>, from the socket's own tasks.</summary>
    public event Action<SocketMetrics>? MetricsChanged;

    /// <summary>Receives the audio frames while listening (<see cref="ListenAsync"/>); the payload is valid during the call only.</summary>
    public Action<AudioFrameHeader, ReadOnlyMemory<byte>>? AudioReceived { get; set; }

    /// <summary>Called before <see cref="ReadAsync"/> throws because the sign-in has ended.</summary>
    internal Action? SignedOut { get; init; }

    /// <summary>Whether audio is asked for; kept across reconnections.</summary>
    public bool Listening { get; private set; }

    /// <summary>
    /// All messages of the session, across reconnections. <see cref="Ready"/> comes once per connection; each
    /// <see cref="EventMessage"/> comes once, in order of seq. Of <see cref="Unsaved"/> the newest counts, until the next
    /// <see cref="Ready"/>. Ends when the session is over and everything was read.
    /// </summary>
    /// <exception cref="KralikiException">The ticket was refused for good (no such session, no permission, signed out).</exception>
    public async IAsyncEnumerable<ServerMessage> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        if (Interlocked.Exchange(ref _reading, 1) != 0)
        {
            throw new InvalidOperationException("A session socket has one reader.");
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _disposed.Token);
        SocketConnection? next = null;
        for (var attempt = 0; ; attempt++)
        {
            if (attempt > 0 && next is null)
            {
                var delay = _serverAsks + _options.Backoff.Delay(attempt, Random.Shared.NextDouble());
                var pause = Task.Delay(delay, _time, stop.Token);
                Report(Metrics with { ReconnectAttempts = attempt, RetryAt = _time.GetUtcNow() + delay });
                await pause.ConfigureAwait(false);
                Report(Metrics with { RetryAt = null });
            }

            var connection = next ?? await ConnectAsync(stop.Token).ConfigureAwait(false);
            next = null;
            if (connection is null)
            {
                continue;
            }

            using var leaving = CancellationTokenSource.CreateLinkedTokenSource(stop.Token);
            Task<SocketConnection?>? moving = null;
            try
            {
                while (await connection.ReceiveAsync(stop.Token).ConfigureAwait(false) is { } message)
                {
                    if (message is Reconnect { WithinMs: var within })
                    {
                        moving ??= MoveAsync(connection, TimeSpan.FromMilliseconds(Math.Max(within, 0)), leaving.Token);
                        continue;
                    }

                    if (message is Ready)
                    {
                        attempt = 0;
                    }

                    if (message is EventMessage { Seq: var seq })
                    {
                        if (seq <= LastSeq)
                        {
                            continue;
                        }

                        if (seq != LastSeq + 1)
                        {
                            // A gap is the server's mistake, or dropped messages: resuming by seq repairs it.
                            break;
                        }

                        LastSeq = seq;
                    }

                    yield return message;

                    if (message is Resync)
                    {
                        break;
                    }
                }
            }
            finally
            {
                await leaving.CancelAsync().ConfigureAwait(false);
                next = moving is null ? null : await moving.ConfigureAwait(false);
                Interlocked.CompareExchange(ref _connection, null, connection);
                await connection.DisposeAsync().ConfigureAwait(false);
            }

            var over = connection.CloseDescription == SessionOver;
            if (next is not null && !over)
            {
                continue;
            }

            Report(Metrics with
            {
                Quality = ConnectionQuality.Disconnected,
                ConnectedAt = null,
                TotalDisconnections = Metrics.TotalDisconnections + (over ? 0 : 1),
            });
            if (over)
            {
                if (next is not null)
                {
                    await next.DisposeAsync().ConfigureAwait(false);
                }

                yield break;
            }

            if (connection.CloseDescription == SignedOutReason)
            {
                // No use in coming back: every ticket would be refused.
                SignedOut?.Invoke();
                throw new KralikiException(
                    HttpStatusCode.Unauthorized, new Problem(null, "Unauthorized", 401, "You were signed out; sign in again.", SignedOutReason, null));
            }
        }
    }

    /// <summary>A line for the AI to follow and answer.</summary>
    /// <returns>False when there is no connection at this moment: nothing was sent.</returns>
    public Task<bool> SendTextAsync(string text, CancellationToken cancellationToken = default) => SendAsync(new TextMessage(text), cancellationToken);

    public Task<bool> SendFunctionResultAsync(string callId, string output, CancellationToken cancellationToken = default) =>
        SendAsync(new FunctionResult(callId, output), cancellationToken);

    public Task<bool> SendSuggestionActionAsync(string suggestionId, string action, string? text = null, CancellationToken cancellationToken = default) =>
        SendAsync(new SuggestionAction(suggestionId, action, text), cancellationToken);

    /// <summary>Starts or stops audio. Without a connection the wish is kept for the next one.</summary>
    public Task ListenAsync(bool enabled, CancellationToken cancellationToken = default)
    {
        Listening = enabled;
        return SendAsync(new Listen(enabled), cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await _disposed.CancelAsync().ConfigureAwait(false);
        if (_connection is { } connection)
        {
            await connection.DisposeAsync().ConfigureAwait(false);
        }
    }

    private async Task<bool> SendAsync(ClientMessage message, CancellationToken cancellationToken) =>
        _connection is { } connection && await connection.SendAsync(message, cancellationToken).ConfigureAwait(false);

    /// <summary>Make before break: what the old connection still brings is read until the new one is ready.</summary>
    /// <param name="within">The others who are asked to leave do it in the same time; each takes a moment of its own.</param>
    /// <param name="cancellationToken">The old connection has ended by itself.</param>
    /// <returns>Null when the old one ended first.</returns>
    private async Task<SocketConnection?> MoveAsync(SocketConnection old, TimeSpan within, CancellationToken cancellationToken)
    {
        try
        {
            await Task.Delay(within * Random.Shared.NextDouble(), _time, cancellationToken).ConfigureAwait(false);
            for (var attempt = 1; ; attempt++)
            {
                if (await ConnectAsync(cancellationToken).ConfigureAwait(false) is { } next)
                {
                    old.Abandon();
                    return next;
                }

                await Task.Delay(_serverAsks + _options.Backoff.Delay(attempt, Random.Shared.NextDouble()), _time, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or KralikiException)
        {
            // A refusal for good is met again, and told, once the old connection is gone.
            return null;
        }
    }

    /// <returns>Null when it did not work and another try may.</returns>
    private async Task<SocketConnection?> ConnectAsync(CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var timer = _time.CreateTimer(static state => ((CancellationTokenSource)state!).Cancel(), limit, _options.ConnectTimeout, Timeout.InfiniteTimeSpan);
        try
        {
            var ticket = await _ticket(limit.Token).ConfigureAwait(false);
            var connection = await SocketConnection.OpenAsync(
                _url, new Identify(ticket, LastSeq, _options.ClientId), Listening, _options, _time, OnConnectionChanged, OnAudio, limit.Token).ConfigureAwait(false);
            _connection = connection;
            _serverAsks = TimeSpan.Zero;
            return connection;
        }
        catch (KralikiException e) when (e.Status is null or HttpStatusCode.TooManyRequests || (int)e.Status >= 500)
        {
            _serverAsks = e.RetryAfter ?? TimeSpan.Zero;
            return null;
        }
        catch (WebSocketException)
        {
            return null;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }

    private void OnAudio(AudioFrameHeader header, ReadOnlyMemory<byte> payload) => AudioReceived?.Invoke(header, payload);

    private void OnConnectionChanged(SocketConnection connection) => Report(Metrics with
    {
        Quality = connection.Quality,
        ConnectedAt = connection.ReadyAt,
        LastPingAt = connection.LastPingAt,
        LastPongAt = connection.LastPongAt,
        LatencyMs = connection.LatencyMs,
        AverageLatencyMs = connection.AverageLatencyMs,
        ReconnectAttempts = 0,
        RetryAt = null,
    });

    private void Report(SocketMetrics metrics)
    {
        Metrics = metrics;
        MetricsChanged?.Invoke(metrics);
    }
}
