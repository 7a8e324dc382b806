using System.Net.WebSockets;
using System.Text.Json;
using Kraliki.Contracts;

namespace Kraliki.Client;

/// <summary>One WebSocket from hello to close: framing, the handshake of the session socket and the heartbeat.</summary>
/// <remarks>Two tasks: the reader (whoever calls <see cref="ReceiveAsync"/>) and the heartbeat. Sends are serialised here.</remarks>
internal sealed class SocketConnection : IAsyncDisposable
{
    private const int LatencySamples = 20;

    private static readonly TimeSpan FirstBeat = TimeSpan.FromMilliseconds(500);

    private readonly ClientWebSocket _socket = new();
    private readonly TimeProvider _time;
    private readonly Action<SocketConnection> _changed;
    private readonly Action<AudioFrameHeader, ReadOnlyMemory<byte>> _audio;
    private readonly SemaphoreSlim _sending = new(1, 1);
    private readonly CancellationTokenSource _closed = new();
    private readonly Queue<double> _latencies = new(LatencySamples);
    private byte[] _buffer = new byte[16 * 1024];
    private TimeSpan _heartbeat;
    private Task _heart = Task.CompletedTask;
    private Ready? _ready;
    private long _pingSentAt;
    private bool _pongMissing;

    private SocketConnection(TimeProvider time, Action<SocketConnection> changed, Action<AudioFrameHeader, ReadOnlyMemory<byte>> audio)
    {
        _time = time;
        _changed = changed;
        _audio = audio;
    }

    public DateTimeOffset? ReadyAt { get; private set; }

    public DateTimeOffset? LastPingAt { get; private set; }

    public DateTimeOffset? LastPongAt { get; private set; }

    public double? LatencyMs { get; private set; }

    public double? AverageLatencyMs { get; private set; }

    public ConnectionQuality Quality => SocketMetrics.QualityOf(LatencyMs, _pongMissing);

    /// <summary>Why the server closed, when it said so.</summary>
    public string? CloseDescription => _socket.CloseStatusDescription;

    /// <exception cref="WebSocketException">It did not connect, or the server did not let us in.</exception>
    public static async Task<SocketConnection> OpenAsync(
        Uri url,
        Identify identify,
        bool listen,
        SessionSocketOptions options,
        TimeProvider time,
        Action<SocketConnection> changed,
        Action<AudioFrameHeader, ReadOnlyMemory<byte>> audio,
        CancellationToken cancellationToken)
    {
        var connection = new SocketConnection(time, changed, audio);
        try
        {
            await connection._socket.ConnectAsync(url, cancellationToken).ConfigureAwait(false);
            await connection.EnterAsync(identify, listen, options, cancellationToken).ConfigureAwait(false);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <returns>Null when the connection is over, however it ended.</returns>
    public async Task<ServerMessage?> ReceiveAsync(CancellationToken cancellationToken)
    {
        if (_ready is { } ready)
        {
            _ready = null;
            return ready;
        }

        while (await NextAsync(cancellationToken).ConfigureAwait(false) is { } message)
        {
            if (message is not Pong pong)
            {
                return message;
            }

            OnPong(pong);
        }

        return null;
    }

    public async Task<bool> SendAsync(ClientMessage message, CancellationToken cancellationToken)
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(message, ContractsJson.Default.ClientMessage);
        await _sending.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // Once begun, a frame is sent whole: cancelling it would abort the socket.
            await _socket.SendAsync(json, WebSocketMessageType.Text, endOfMessage: true, _closed.Token).ConfigureAwait(false);
            return true;
        }
        catch (Exception e) when (IsLoss(e))
        {
            return false;
        }
        finally
        {
            _sending.Release();
        }
    }

    /// <summary>Whoever reads gets no more messages; to be disposed by them.</summary>
    public void Abandon() => _socket.Abort();

    public async ValueTask DisposeAsync()
    {
        await _closed.CancelAsync().ConfigureAwait(false);
        _socket.Abort();
        await _heart.ConfigureAwait(false);
        _socket.Dispose();
    }

    /// <summary>A socket that was aborted here reports itself as cancelled.</summary>
    private static bool IsLoss(Exception e) => e is WebSocketException or ObjectDisposedException or InvalidOperationException or OperationCanceledException;

    private async Task EnterAsync(Identify identify, bool listen, SessionSocketOptions options, CancellationToken cancellationToken)
    {
        if (await NextAsync(cancellationToken).ConfigureAwait(false) is not Hello hello)
        {
            throw new WebSocketException("The server did not say hello.");
        }

        _heartbeat = options.HeartbeatInterval ?? TimeSpan.FromMilliseconds(Math.Max(hello.HeartbeatIntervalMs, 1_000));
        await SendAsync(identify, cancellationToken).ConfigureAwait(false);
        var answer = await NextAsync(cancellationToken).ConfigureAwait(false);
        _ready = answer as Ready ?? throw new WebSocketException($"The server did not let us in: {(answer as SocketError)?.Code ?? "closed"}.");
        if (listen)
        {
            await SendAsync(new Listen(true), cancellationToken).ConfigureAwait(false);
        }

        ReadyAt = _time.GetUtcNow();
        _heart = BeatAsync(_closed.Token);
        _changed(this);
    }

    /// <summary>The next text message; audio goes to its receiver on the way.</summary>
    private async Task<ServerMessage?> NextAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var length = 0;
            ValueWebSocketReceiveResult part;
            try
            {
                do
                {
                    if (length == _buffer.Length)
                    {
                        Array.Resize(ref _buffer, _buffer.Length * 2);
                    }

                    part = await _socket.ReceiveAsync(_buffer.AsMemory(length), cancellationToken).ConfigureAwait(false);
                    length += part.Count;
                }
                while (!part.EndOfMessage);
            }
            catch (Exception e) when (IsLoss(e) && !cancellationToken.IsCancellationRequested)
            {
                return null;
            }

            switch (part.MessageType)
            {
                case WebSocketMessageType.Close:
                    return null;
                case WebSocketMessageType.Binary:
                    if (AudioFrameHeader.TryRead(_buffer.AsSpan(0, length), out var header))
                    {
                        _audio(header, _buffer.AsMemory(AudioFrameHeader.Size, length - AudioFrameHeader.Size));
                    }

                    break;
                default:
                    if (Parse(_buffer.AsSpan(0, length)) is { } message)
                    {
                        return message;
                    }

                    break;
            }
        }
    }

    /// <returns>Null for a message of a newer server that this client does not know.</returns>
    private static ServerMessage? Parse(ReadOnlySpan<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, ContractsJson.Default.ServerMessage);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private async Task BeatAsync(CancellationToken cancellationToken)
    {
        try
        {
            using var timer = new PeriodicTimer(_heartbeat, _time);

            // The first beat comes early, so that a quality is known; its random part keeps many clients from beating in step.
            await Task.Delay(FirstBeat * Random.Shared.NextDouble(), _time, cancellationToken).ConfigureAwait(false);
            do
            {
                if (!await BeatOnceAsync(cancellationToken).ConfigureAwait(false))
                {
                    return;
                }
            }
            while (await timer.WaitForNextTickAsync(cancellationToken).ConfigureAwait(false));
        }
        catch (OperationCanceledException)
        {
            // The connection is over.
        }
    }

    /// <returns>False when the connection is dead.</returns>
    private async Task<bool> BeatOnceAsync(CancellationToken cancellationToken)
    {
        if (_pingSentAt == 0)
        {
            _pingSentAt = _time.GetTimestamp();
            LastPingAt = _time.GetUtcNow();
            return await SendAsync(new Ping(_pingSentAt), cancellationToken).ConfigureAwait(false);
        }

        if (_pongMissing)
        {
            // Two intervals without a pong: the path is dead although the socket looks open.
            _socket.Abort();
            return false;
        }

        _pongMissing = true;
        _changed(this);
        return true;
    }

    private void OnPong(Pong pong)
    {
        if (pong.Timestamp != _pingSentAt)
        {
            return;
        }

        LatencyMs = _time.GetElapsedTime(_pingSentAt).TotalMilliseconds;
        if (_latencies.Count == LatencySamples)
        {
            _latencies.Dequeue();
        }

        _latencies.Enqueue(LatencyMs.Value);
        AverageLatencyMs = _latencies.Average();
        LastPongAt = _time.GetUtcNow();
        _pingSentAt = 0;
        _pongMissing = false;
        _changed(this);
    }
}
