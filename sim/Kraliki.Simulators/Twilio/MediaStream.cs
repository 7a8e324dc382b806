using System.Net.Sockets;
using System.Net.WebSockets;
using Kraliki.Simulators.Callers;
using Kraliki.Simulators.Faults;

namespace Kraliki.Simulators.Twilio;

/// <summary>The carrier's side of one bidirectional media stream.</summary>
/// <remarks>
/// 1 open the socket, signed · 2 connected, start · 3 for each beat: play 20 ms of what the application sent, return marks
/// that playback reached, send 20 ms of the caller · 4 meanwhile read: media, mark, clear · 5 the application closes, or the
/// call ends: stop, close. Everything but the socket itself happens under the call's gate.
/// </remarks>
internal sealed class MediaStream : IDisposable
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(5);

    // A frozen application never answers, and a caller who is redirected does not wait for it.
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromMilliseconds(500);

    // Twilio publishes no limit; a megabyte is two minutes of audio in one message.
    private const int LongestMessage = 1 << 20;

    // RFC 6455 §7.4.1: "received data inconsistent with the type of the message".
    private const WebSocketCloseStatus RefusedMessage = WebSocketCloseStatus.InvalidPayloadData;

    private readonly StreamIdentity _identity;
    private readonly SimulatedCall _call;
    private readonly FaultKit _faults;
    private readonly TimeProvider _time;
    private readonly PlaybackBuffer _playback = new();
    private readonly ClientWebSocket _socket = new();
    private readonly MediaOutbox _outbox;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly long _openedMs;
    private TaskCompletionSource? _thaw;
    private FaultTrack? _track;
    private long _sequence = 1;
    private long _chunk;
    private long _startMs;
    private int _messages;
    private long _receivedBytes;
    private bool _flowing;
    private string? _closedBy;
    private WebSocketCloseStatus _closeWith = WebSocketCloseStatus.NormalClosure;
    private string _closeReason = "";

    public MediaStream(SimulatedCall call, StreamIdentity identity, FaultKit faults, TimeProvider time)
    {
        _call = call;
        _identity = identity;
        _faults = faults;
        _time = time;
        _openedMs = call.NowMs;
        _outbox = new MediaOutbox(_socket, () => call.NowMs);
        Seen = new StreamSeen(identity.StreamSid, _openedMs, null, 0, 0, 0, 0, null, null, null);
    }

    public StreamSeen Seen { get; private set; }

    /// <summary>It ended because the connection did, without a word.</summary>
    public bool Lost { get; private set; }

    /// <returns>Null, or why the socket could not be opened.</returns>
    public async Task<string?> OpenAsync(string url, string signature, bool acceptAnyCertificate, CancellationToken cancellationToken)
    {
        _socket.Options.SetRequestHeader("X-Twilio-Signature", signature);
        // Twilio sends no keep-alive messages: media flows all the time.
        _socket.Options.KeepAliveInterval = Timeout.InfiniteTimeSpan;
        if (acceptAnyCertificate)
            _socket.Options.RemoteCertificateValidationCallback = (_, _, _, _) => true;
        using var limit = new CancellationTokenSource(ConnectTimeout, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            await _socket.ConnectAsync(new Uri(url), both.Token).ConfigureAwait(false);
            return null;
        }
        catch (OperationCanceledException)
        {
            return cancellationToken.IsCancellationRequested ? "the call ended while it was opening" : "no answer to the handshake in 5 s";
        }
        catch (WebSocketException refused)
        {
            return refused.InnerException is HttpRequestException { InnerException: SocketException unreachable } ? unreachable.Message : refused.Message;
        }
    }

    /// <summary>Runs until the stream is over. Cancelling ends it as Twilio ends a stream: stop, then close.</summary>
    public async Task RunAsync(IReadOnlyDictionary<string, string> parameters, CancellationToken cancellationToken)
    {
        using var track = _track = _faults.Open(_identity.CallSid, fault => _call.Locked(() => Apply(fault)));
        _call.Locked(() =>
        {
            _startMs = _call.NowMs;
            Send(MediaMessages.Connected, "connected");
            Send(MediaMessages.Start(_identity, parameters), "start");
            _flowing = true;
        });
        var reading = ReadAsync();
        using (cancellationToken.Register(() => _ended.TrySetResult()))
            await Task.WhenAny(reading, _ended.Task).ConfigureAwait(false);
        await CloseAsync(reading).ConfigureAwait(false);
    }

    public void Dispose() => _socket.Dispose();

    /// <summary>One beat, under the call's gate. Fills what the caller hears.</summary>
    public void Play(Span<byte> heard)
    {
        ReturnMarks(played: true);
        _playback.Play(heard);
        if (Seen.FirstHeardMs is null && Mulaw.IsAudible(heard))
            Seen = Seen with { FirstHeardMs = _call.NowMs };
    }

    /// <summary>20 ms of the caller, under the call's gate.</summary>
    public void SendCaller(ReadOnlySpan<byte> mulaw)
    {
        _outbox.Pump();
        if (!_flowing)
            return;
        _chunk++;
        _outbox.Post(MediaMessages.Media(_identity.StreamSid, ++_sequence, _chunk, _call.NowMs - _startMs, mulaw), isAudio: true);
        _track?.Frame();
        _track?.Event("media");
        Seen = Seen with { FirstSentMs = Seen.FirstSentMs ?? _call.NowMs, LastSentMs = _call.NowMs };
        Note();
    }

    /// <returns>False when the stream does not run.</returns>
    public bool SendDigit(char digit)
    {
        if (_flowing)
            Send(MediaMessages.Dtmf(_identity.StreamSid, ++_sequence, digit), "dtmf");
        return _flowing;
    }

    private void Send(byte[] message, string name)
    {
        _outbox.Post(message);
        _track?.Event(name);
    }

    private void ReturnMarks(bool played)
    {
        while (_playback.TryTakeMark(out var name, out var queuedMs))
        {
            _call.MarkReturned(new MarkSeen(name, queuedMs, _call.NowMs, played));
            if (_flowing)
                Send(MediaMessages.Mark(_identity.StreamSid, ++_sequence, name), "mark");
        }
    }

    private async Task ReadAsync()
    {
        var buffer = new byte[16 * 1024];
        var filled = 0;
        try
        {
            while (true)
            {
                if (_thaw is { } thaw)
                    await thaw.Task.ConfigureAwait(false);
                if (filled == buffer.Length)
                    Array.Resize(ref buffer, buffer.Length * 2);
                var part = await _socket.ReceiveAsync(buffer.AsMemory(filled), CancellationToken.None).ConfigureAwait(false);
                if (part.MessageType == WebSocketMessageType.Close)
                {
                    _call.Locked(() => End("app"));
                    return;
                }
                filled += part.Count;
                if (filled > LongestMessage)
                {
                    _call.Locked(() => Refuse("A message is longer than a megabyte."));
                    return;
                }
                if (!part.EndOfMessage)
                    continue;
                var message = part.MessageType == WebSocketMessageType.Text
                    ? MediaMessages.Read(buffer.AsMemory(0, filled), _identity.StreamSid)
                    : new AppMessage.Refused("A message is binary.");
                filled = 0;
                _call.Locked(() => Take(message));
            }
        }
        catch (Exception gone) when (gone is WebSocketException or OperationCanceledException or IOException or ObjectDisposedException)
        {
            // The connection broke without a close frame; or it was cut by a fault or by the close time-out.
            _call.Locked(() => End("lost"));
        }
    }

    private void Take(AppMessage message)
    {
        _messages++;
        switch (message)
        {
            case AppMessage.Media media:
                _receivedBytes += media.Mulaw.Length;
                if (Mulaw.IsAudible(media.Mulaw))
                    _call.AnswerArrived();
                _playback.Add(media.Mulaw);
                _track?.Event("app.media");
                break;
            case AppMessage.Mark mark:
                _playback.AddMark(mark.Name, _call.NowMs);
                if (_playback.Buffered == 0)
                    ReturnMarks(played: true);
                _track?.Event("app.mark");
                break;
            case AppMessage.Clear:
                _call.Cleared(new ClearSeen(_call.NowMs, (int)(_playback.Buffered / 8)));
                _playback.Clear();
                ReturnMarks(played: false);
                _track?.Event("app.clear");
                break;
            case AppMessage.Refused refused:
                Refuse(refused.Why);
                break;
        }
        Note();
    }

    private void Refuse(string why)
    {
        _call.Violated(why);
        (_closeWith, _closeReason) = (RefusedMessage, "Stream - Protocol - Invalid Message");
        End("carrier");
    }

    private void End(string by)
    {
        Lost |= _closedBy is null && by == "lost";
        _closedBy ??= by;
        _ended.TrySetResult();
    }

    /// <summary>Faults come on the thread of the frame, the event, or a timer.</summary>
    private void Apply(Fault fault)
    {
        _call.Faulted(fault);
        switch (fault.Kind)
        {
            case FaultKind.Drop:
                _flowing = false;
                _closedBy ??= "fault";
                Lost = true;
                _socket.Abort();
                break;
            case FaultKind.Freeze:
                Freeze(fault.DelayMs);
                break;
            case FaultKind.Delay:
                _outbox.Delay(fault.DelayMs ?? 0, fault.Count ?? int.MaxValue);
                break;
            case FaultKind.Garbage:
                for (var i = 0; i < (fault.Count ?? 1); i++)
                    _outbox.Post("{\"event\":\"media\",\"media\":{\"payload\":\"/v7+"u8.ToArray());
                break;
            case FaultKind.ErrorEvent:
                for (var i = 0; i < (fault.Count ?? 1); i++)
                    _outbox.Post(MediaMessages.Error(_identity.StreamSid, ++_sequence, fault.Code ?? "31951", fault.Reason ?? "fault"));
                break;
            case FaultKind.Close:
                _flowing = false;
                (_closeWith, _closeReason) = ((WebSocketCloseStatus)fault.CloseCode, fault.Reason ?? "");
                End("fault");
                break;
            case FaultKind.Expire:
                _call.HangUp(CallEnder.Carrier, "expired");
                break;
        }
    }

    private void Freeze(int? milliseconds)
    {
        _outbox.Hold(true);
        var thaw = _thaw = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (milliseconds is not { } ms)
            return;
        var timer = _time.CreateTimer(_ => Thaw(thaw), null, TimeSpan.FromMilliseconds(ms), Timeout.InfiniteTimeSpan);
        _ = thaw.Task.ContinueWith(_ => timer.Dispose(), TaskScheduler.Default);
    }

    private void Thaw(TaskCompletionSource thaw)
    {
        _thaw = null;
        _outbox.Hold(false);
        thaw.TrySetResult();
    }

    private async Task CloseAsync(Task reading)
    {
        _call.Locked(() =>
        {
            _closedBy ??= "carrier";
            // "stop when the stream stops or the call ends; then the socket closes." A refused message or a fault closes without it.
            if (_flowing && _closedBy == "carrier" && _closeWith == WebSocketCloseStatus.NormalClosure)
                Send(MediaMessages.Stop(_identity, ++_sequence), "stop");
            _flowing = false;
            if (_thaw is not { } thaw)
                return;
            // A frozen connection says nothing at its end either.
            _socket.Abort();
            Thaw(thaw);
        });
        using var limit = new CancellationTokenSource(CloseTimeout, _time);
        try
        {
            await _outbox.DrainedAsync().WaitAsync(limit.Token).ConfigureAwait(false);
            if (_socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
            {
                var status = _closedBy == "app" ? _socket.CloseStatus ?? WebSocketCloseStatus.NormalClosure : _closeWith;
                await _socket.CloseOutputAsync(status, _closedBy == "app" ? "" : _closeReason, limit.Token).ConfigureAwait(false);
            }
            await reading.WaitAsync(limit.Token).ConfigureAwait(false);
        }
        catch (Exception gone) when (gone is OperationCanceledException or WebSocketException or IOException or InvalidOperationException)
        {
            _socket.Abort();
            await reading.ConfigureAwait(false);
        }
        _call.Locked(() =>
        {
            _playback.Clear();
            Note();
            var code = _closedBy == "app" ? _socket.CloseStatus : _closedBy == "fault" && _closeWith == WebSocketCloseStatus.NormalClosure ? null : _closeWith;
            Seen = Seen with
            {
                ClosedMs = _call.NowMs,
                ClosedBy = _closedBy,
                CloseCode = (int?)code,
                CloseReason = _closedBy == "app" ? _socket.CloseStatusDescription : _closeReason,
            };
        });
    }

    private void Note() => Seen = Seen with
    {
        FramesSent = (int)_chunk - _outbox.Dropped,
        FramesDropped = _outbox.Dropped,
        MessagesReceived = _messages,
        AudioReceivedMs = (int)(_receivedBytes / 8),
    };
}
