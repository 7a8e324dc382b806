using System.Buffers;
using System.Net.WebSockets;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Kraliki.Simulators.Faults;

namespace Kraliki.Simulators.OpenAI;

/// <summary>The socket of one session: text frames into the session, its events out, and the faults in between.</summary>
/// <remarks>One reader, one writer. The first to end decides; the other is stopped and both are awaited.</remarks>
internal sealed class RealtimeConnection
{
    // 15 MiB of audio are 20 MiB of base64.
    private const int LargestMessageBytes = 21 * 1024 * 1024;

    // The default encoder would write '+' of base64 as an escape, which the real service does not.
    private static readonly JsonSerializerOptions Wire = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(5);

    private readonly WebSocket _socket;
    private readonly Action _abort;
    private readonly TimeProvider _time;

    // Minutes of an answer in deltas. A client that leaves that much unread is gone: it is cut off, nothing is dropped.
    private readonly Channel<Outgoing> _outgoing = Channel.CreateBounded<Outgoing>(
        new BoundedChannelOptions(4_096) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });

    private readonly CancellationTokenSource _over = new();
    private FaultTrack? _faults;
    private volatile TaskCompletionSource? _frozen;
    private volatile bool _closing;
    private TimeSpan _delay;
    private int? _delaysLeft;

    public RealtimeConnection(WebSocket socket, Action abort, TimeProvider time) => (_socket, _abort, _time) = (socket, abort, time);

    /// <summary>Accepts and refuses, the way the service does: an error event, then the close code.</summary>
    public async Task RefuseAsync(RealtimeError error, CancellationToken cancellationToken)
    {
        var refusal = new JsonObject { ["type"] = "error", ["event_id"] = Ids.New("event"), ["error"] = error.ToJson(null) };
        Send(refusal);
        SendClose(error.CloseCode ?? 4000, error.CloseReason);
        await PumpAsync(_ => { }, () => { }, cancellationToken).ConfigureAwait(false);
    }

    public async Task RunAsync(Func<RealtimeConnection, RealtimeSession> open, JsonObject? configured, FaultKit faults, CancellationToken cancellationToken)
    {
        using var session = open(this);
        using var track = faults.Open(session.Id, fault => Apply(fault, session));
        _faults = track;
        session.Open(configured);
        await PumpAsync(session.Receive, session.ReceiveBinary, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Queues a server event. Never blocks.</summary>
    public void Send(JsonObject message)
    {
        Queue(new(JsonSerializer.SerializeToUtf8Bytes(message, Wire), null, null));
        _faults?.Event(SessionSettings.Text(message["type"])!);
    }

    /// <summary>Queues the end: what was sent before still arrives.</summary>
    public void SendClose(int code, string reason)
    {
        Queue(new(null, (WebSocketCloseStatus)code, reason));
        _closing = true;
        _outgoing.Writer.TryComplete();
    }

    /// <summary>A client event was handled. Audio frames, for faults, are <c>input_audio_buffer.append</c>.</summary>
    public void Handled(string type)
    {
        if (type == "input_audio_buffer.append")
            _faults?.Frame();
        _faults?.Event(type);
    }

    private delegate void MessageHandler(ReadOnlySpan<byte> utf8);

    private async Task PumpAsync(MessageHandler text, Action binary, CancellationToken cancellationToken)
    {
        using var stop = cancellationToken.Register(_abort);
        var reading = ReadAsync(text, binary);
        var writing = WriteAsync();
        var first = await Task.WhenAny(reading, writing).ConfigureAwait(false);
        if (first == writing)
        {
            // We closed: the client has a moment to answer the close frame.
            await Task.WhenAny(reading, Task.Delay(CloseTimeout, _time, CancellationToken.None)).ConfigureAwait(false);
            _abort();
        }

        _closing = true;
        await _over.CancelAsync().ConfigureAwait(false);
        _outgoing.Writer.TryComplete();
        await Task.WhenAll(reading, writing).ConfigureAwait(false);
    }

    private async Task ReadAsync(MessageHandler text, Action binary)
    {
        var message = new ArrayBufferWriter<byte>(8_192);
        try
        {
            while (true)
            {
                await ThawedAsync().ConfigureAwait(false);
                var received = await _socket.ReceiveAsync(message.GetMemory(4_096), CancellationToken.None).ConfigureAwait(false);
                message.Advance(received.Count);
                if (received.MessageType == WebSocketMessageType.Close)
                {
                    await AnswerCloseAsync().ConfigureAwait(false);
                    return;
                }

                if (message.WrittenCount > LargestMessageBytes)
                {
                    SendClose(1009, "message too big");
                    message.Clear();
                }

                if (!received.EndOfMessage)
                    continue;
                if (received.MessageType == WebSocketMessageType.Binary)
                    binary();
                else
                    text(message.WrittenSpan);
                message.Clear();
            }
        }
        catch (Exception gone) when (IsGone(gone))
        {
            // The client left without a word; the session ends with the pump.
        }
    }

    private async Task AnswerCloseAsync()
    {
        if (_socket.State == WebSocketState.CloseReceived)
            await _socket.CloseOutputAsync(_socket.CloseStatus ?? WebSocketCloseStatus.NormalClosure, null, CancellationToken.None).ConfigureAwait(false);
    }

    private async Task WriteAsync()
    {
        try
        {
            await foreach (var next in _outgoing.Reader.ReadAllAsync(_over.Token).ConfigureAwait(false))
            {
                if (next.Due is { } due && due - _time.GetUtcNow() is var wait && wait > TimeSpan.Zero)
                    await Task.Delay(wait, _time, _over.Token).ConfigureAwait(false);
                await ThawedAsync().ConfigureAwait(false);
                if (next.CloseCode is { } code)
                    await _socket.CloseOutputAsync(code, next.CloseReason, CancellationToken.None).ConfigureAwait(false);
                else
                    await _socket.SendAsync(next.Text, WebSocketMessageType.Text, true, CancellationToken.None).ConfigureAwait(false);
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
            next = next with { Due = _time.GetUtcNow() + _delay };
            _delaysLeft--;
        }

        // A session that a fault closed goes on for a moment: what it still says is not sent.
        if (!_outgoing.Writer.TryWrite(next) && !_closing)
            _abort();
    }

    private void Apply(Fault fault, RealtimeSession session)
    {
        switch (fault.Kind)
        {
            case FaultKind.Drop:
                _abort();
                break;
            case FaultKind.Freeze:
                Freeze(fault.DelayMs);
                break;
            case FaultKind.Delay:
                (_delay, _delaysLeft) = (TimeSpan.FromMilliseconds(fault.DelayMs ?? 0), fault.Count);
                break;
            case FaultKind.Garbage:
                for (var i = 0; i < (fault.Count ?? 1); i++)
                    Queue(new(Encoding.UTF8.GetBytes("{\"type\":\"response.output_audio.delta\",\"delta\":\"\u0007%%\",,}"), null, null));
                break;
            case FaultKind.ErrorEvent:
                for (var i = 0; i < (fault.Count ?? 1); i++)
                    session.InjectError(new(fault.Code ?? "server_error", fault.Reason ?? "The server had an error.", Type: "server_error"));
                break;
            case FaultKind.Close:
                SendClose(fault.CloseCode, fault.Reason ?? "");
                break;
            case FaultKind.Expire:
                session.Expire();
                break;
            case FaultKind.Degrade:
                session.Degraded.Begin(fault);
                break;
        }
    }

    private void Freeze(int? ms)
    {
        var frozen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _frozen = frozen;
        if (ms is { } limit)
            _ = Task.Delay(TimeSpan.FromMilliseconds(limit), _time, _over.Token).ContinueWith(_ => frozen.TrySetResult(), TaskScheduler.Default);
    }

    private async Task ThawedAsync()
    {
        if (_frozen is { } frozen)
            await frozen.Task.WaitAsync(_over.Token).ConfigureAwait(false);
    }

    private static bool IsGone(Exception error) =>
        error is WebSocketException or OperationCanceledException or IOException or ObjectDisposedException or InvalidOperationException;

    private readonly record struct Outgoing(ReadOnlyMemory<byte> Text, WebSocketCloseStatus? CloseCode, string? CloseReason)
    {
        public DateTimeOffset? Due { get; init; }
    }
}
