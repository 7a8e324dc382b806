using System.Buffers;
using System.Net.WebSockets;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Kraliki.Simulators.Faults;

namespace Kraliki.Simulators;

/// <summary>What a simulated session does with its socket. Called by the socket's reader, one message at a time.</summary>
internal interface ISocketSession
{
    void OnText(ReadOnlySpan<byte> utf8);

    void OnBinary(ReadOnlySpan<byte> bytes);

    /// <summary>The service's own error message.</summary>
    void InjectError(Fault fault);

    /// <summary>The service's own end of life.</summary>
    void Expire();
}

/// <summary>The socket of one simulated session: messages in and out, and the faults in between.</summary>
/// <remarks>One reader, one writer. The first to end decides; the other is stopped and both are awaited.</remarks>
internal sealed class SimulatedSocket(WebSocket socket, Action abort, TimeProvider time)
{
    private const int LargestMessageBytes = 4 * 1024 * 1024;

    private static readonly JsonSerializerOptions Wire = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(5);

    // Minutes of an answer in pieces. A client that leaves that much unread is gone: it is cut off, nothing is dropped.
    private readonly Channel<Outgoing> _outgoing = Channel.CreateBounded<Outgoing>(
        new BoundedChannelOptions(4_096) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });

    private readonly CancellationTokenSource _over = new();
    private FaultTrack? _faults;
    private volatile TaskCompletionSource? _frozen;
    private volatile bool _closing;
    private TimeSpan _delay;
    private int? _delaysLeft;

    /// <summary>What faults make of the audio that is sent here.</summary>
    public DegradedAudio Degraded { get; } = new();

    /// <summary>Ends with the connection.</summary>
    public CancellationToken Over => _over.Token;

    /// <summary>Serves the connection until it ends.</summary>
    /// <param name="opened">Runs before the first message is read.</param>
    public async Task RunAsync(string id, ISocketSession session, FaultKit faults, Action opened, CancellationToken cancellationToken)
    {
        using var stop = cancellationToken.Register(abort);
        using var track = faults.Open(id, fault => Apply(fault, session));
        _faults = track;
        opened();
        var reading = ReadAsync(session);
        var writing = WriteAsync();
        var first = await Task.WhenAny(reading, writing).ConfigureAwait(false);
        if (first == writing)
        {
            // We closed: the client has a moment to answer the close frame.
            await Task.WhenAny(reading, Task.Delay(CloseTimeout, time, CancellationToken.None)).ConfigureAwait(false);
            abort();
        }

        _closing = true;
        await _over.CancelAsync().ConfigureAwait(false);
        _outgoing.Writer.TryComplete();
        await Task.WhenAll(reading, writing).ConfigureAwait(false);
    }

    /// <summary>Queues a server event, whose <c>type</c> is its name for faults. Never blocks.</summary>
    public void Send(JsonObject message)
    {
        Queue(new(JsonSerializer.SerializeToUtf8Bytes(message, Wire), WebSocketMessageType.Text));
        _faults?.Event((string)message["type"]!);
    }

    /// <summary>Queues audio; for faults an event named <c>audio</c>.</summary>
    public void SendAudio(byte[] audio)
    {
        Queue(new(audio, WebSocketMessageType.Binary));
        _faults?.Event("audio");
    }

    /// <summary>Queues a JSON message of a service that may put it into binary frames.</summary>
    /// <param name="name">Its name for faults.</param>
    public void Send(JsonObject message, string name, bool binary)
    {
        Queue(new(JsonSerializer.SerializeToUtf8Bytes(message, Wire), binary ? WebSocketMessageType.Binary : WebSocketMessageType.Text));
        _faults?.Event(name);
    }

    /// <summary>Queues the end: what was sent before still arrives.</summary>
    public void SendClose(int code, string reason)
    {
        Queue(new(default, WebSocketMessageType.Close) { CloseCode = (WebSocketCloseStatus)code, CloseReason = reason });
        _closing = true;
        _outgoing.Writer.TryComplete();
    }

    /// <summary>A client's message was handled; for faults.</summary>
    public void Handled(string type) => _faults?.Event(type);

    /// <summary>A frame of audio passed; for faults.</summary>
    public void Frame() => _faults?.Frame();

    private async Task ReadAsync(ISocketSession session)
    {
        var message = new ArrayBufferWriter<byte>(8_192);
        try
        {
            while (true)
            {
                await ThawedAsync().ConfigureAwait(false);
                var received = await socket.ReceiveAsync(message.GetMemory(4_096), CancellationToken.None).ConfigureAwait(false);
                message.Advance(received.Count);
                if (received.MessageType == WebSocketMessageType.Close)
                {
                    if (socket.State == WebSocketState.CloseReceived)
                        await socket.CloseOutputAsync(socket.CloseStatus ?? WebSocketCloseStatus.NormalClosure, null, CancellationToken.None).ConfigureAwait(false);
                    return;
                }

                if (message.WrittenCount > LargestMessageBytes)
                {
                    SendClose(1009, "BIG-0000 The message is too large.");
                    message.Clear();
                }

                if (!received.EndOfMessage)
                    continue;
                if (received.MessageType == WebSocketMessageType.Binary)
                    session.OnBinary(message.WrittenSpan);
                else
                    session.OnText(message.WrittenSpan);
                message.Clear();
            }
        }
        catch (Exception gone) when (IsGone(gone))
        {
            // The client left without a word; the session ends with the connection.
        }
    }

    private async Task WriteAsync()
    {
        try
        {
            await foreach (var next in _outgoing.Reader.ReadAllAsync(_over.Token).ConfigureAwait(false))
            {
                if (next.Due is { } due && due - time.GetUtcNow() is var wait && wait > TimeSpan.Zero)
                    await Task.Delay(wait, time, _over.Token).ConfigureAwait(false);
                await ThawedAsync().ConfigureAwait(false);
                if (next.Type == WebSocketMessageType.Close)
                    await socket.CloseOutputAsync(next.CloseCode, next.CloseReason, CancellationToken.None).ConfigureAwait(false);
                else
                    await socket.SendAsync(next.Bytes, next.Type, true, CancellationToken.None).ConfigureAwait(false);
            }
        }
        catch (Exception gone) when (IsGone(gone))
        {
            // As above.
        }
    }

    private void Queue(Outgoing next)
    {
        if (_delay > TimeSpan.Zero && _delaysLeft is null or > 0)
        {
            next = next with { Due = time.GetUtcNow() + _delay };
            _delaysLeft--;
        }

        // A session that a fault closed goes on for a moment: what it still says is not sent.
        if (!_outgoing.Writer.TryWrite(next) && !_closing)
            abort();
    }

    private void Apply(Fault fault, ISocketSession session)
    {
        switch (fault.Kind)
        {
            case FaultKind.Drop:
                abort();
                break;
            case FaultKind.Freeze:
                Freeze(fault.DelayMs);
                break;
            case FaultKind.Delay:
                (_delay, _delaysLeft) = (TimeSpan.FromMilliseconds(fault.DelayMs ?? 0), fault.Count);
                break;
            case FaultKind.Garbage:
                for (var i = 0; i < (fault.Count ?? 1); i++)
                    Queue(new(Encoding.UTF8.GetBytes("{\"type\":\"\u0007%%\",,}"), WebSocketMessageType.Text));
                break;
            case FaultKind.ErrorEvent:
                for (var i = 0; i < (fault.Count ?? 1); i++)
                    session.InjectError(fault);
                break;
            case FaultKind.Close:
                SendClose(fault.CloseCode, fault.Reason ?? "");
                break;
            case FaultKind.Expire:
                session.Expire();
                break;
            case FaultKind.Degrade:
                Degraded.Begin(fault);
                break;
        }
    }

    private void Freeze(int? ms)
    {
        var frozen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _frozen = frozen;
        if (ms is { } limit)
            _ = Task.Delay(TimeSpan.FromMilliseconds(limit), time, _over.Token).ContinueWith(_ => frozen.TrySetResult(), TaskScheduler.Default);
    }

    private async Task ThawedAsync()
    {
        if (_frozen is { } frozen)
            await frozen.Task.WaitAsync(_over.Token).ConfigureAwait(false);
    }

    private static bool IsGone(Exception error) =>
        error is WebSocketException or OperationCanceledException or IOException or ObjectDisposedException or InvalidOperationException;

    private readonly record struct Outgoing(ReadOnlyMemory<byte> Bytes, WebSocketMessageType Type)
    {
        public WebSocketCloseStatus CloseCode { get; init; }

        public string? CloseReason { get; init; }

        public DateTimeOffset? Due { get; init; }
    }
}
