using System.Net.WebSockets;
using System.Text.Json;
using Kraliki.Contracts;
using Kraliki.Server.Cluster;
using Kraliki.Server.Data;
using Kraliki.Server.Identity;
using Kraliki.Server.Sessions.Journal;
using Kraliki.Server.Sessions.Live;

namespace Kraliki.Server.Sessions.Sockets;

/// <summary>One connected client of a session socket, from hello to close.</summary>
/// <remarks>
/// <list type="number">
/// <item>Hello; the client must identify in time with a ticket.</item>
/// <item>The watcher joins the session's feed and answers ready.</item>
/// <item>Reader: the client's messages, one at a time; a receive is always pending.</item>
/// <item>Writer, the only one that sends: answers, audio, events from the cursor on, then the newest partials and meters.</item>
/// <item>The first to end decides how the socket is closed (<see cref="SocketEnd"/>); the other one is stopped and awaited.</item>
/// </list>
/// A client that is slow harms itself alone: the cursor stays behind, the outbox drops what is fleeting, and after a limit it is cut off.
/// </remarks>
internal sealed partial class SessionWatcher(
    Guid sessionId,
    string socketUrl,
    string requestId,
    WebSocket socket,
    SocketTickets tickets,
    LiveSignIns signIns,
    SessionFeeds feeds,
    SessionCommands commands,
    OfferedFeatures features,
    OpenTabs tabs,
    JournalReader journal,
    SessionLimits limits,
    TimeProvider time,
    ILogger<SessionWatcher> log) : IAsyncDisposable
{
    private const int EventsPerRound = 64;

    private static readonly TimeSpan ClosePatience = TimeSpan.FromSeconds(2);

    private readonly WatcherOutbox _outbox = new();
    private readonly TaskCompletionSource<SocketEnd> _end = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _writerStops = new();
    private readonly List<SessionEvent> _page = [];
    private SessionFeed? _feed;
    private SocketPass? _pass;
    private IDisposable? _access;
    private IDisposable? _following;
    private IDisposable? _tab;
    private Guid _organisation;
    private long _cursor;
    private bool _caughtUp;
    private bool _over;
    private long _windowStart;
    private int _messagesInWindow;

    /// <param name="leaving">The server is about to stop: the client is asked to go to another node.</param>
    /// <param name="stopping">The server stops, or the connection is gone.</param>
    public async Task RunAsync(CancellationToken leaving, CancellationToken stopping)
    {
        await using var silence = time.CreateTimer(_ => _end.TrySetResult(_pass is null ? SocketEnd.IdentifyTimeout : SocketEnd.IdleTimeout), null, limits.SocketIdentifyWithin, Timeout.InfiniteTimeSpan);
        await using var leave = leaving.Register(() => _outbox.Put(new Reconnect((int)NodeExit.ConsolesLeaveWithin.TotalMilliseconds)));
        await using var stop = stopping.Register(() => _end.TrySetResult(SocketEnd.ServerStopping));

        _windowStart = time.GetTimestamp();
        _outbox.Put(new Hello(sessionId, (int)limits.SocketHeartbeat.TotalMilliseconds, (int)limits.SocketIdentifyWithin.TotalMilliseconds, time.GetUtcNow()));
        var reading = ReadAllAsync(silence);
        var writing = WriteAllAsync(_writerStops.Token);

        var end = await _end.Task;
        await _writerStops.CancelAsync();
        await writing;
        await CloseAsync(end, reading);
    }

    public ValueTask DisposeAsync()
    {
        _access?.Dispose();
        _following?.Dispose();
        _tab?.Dispose();
        if (_feed is not null)
        {
            feeds.Leave(_feed, _outbox);
        }

        _writerStops.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task ReadAllAsync(ITimer silence)
    {
        // One byte more than allowed, so that a message that fills it is known to be too large.
        var buffer = new byte[SocketEnd.LargestMessage + 1];
        try
        {
            while (true)
            {
                var length = 0;
                ValueWebSocketReceiveResult part;
                do
                {
                    if (length == buffer.Length)
                    {
                        _end.TrySetResult(SocketEnd.MessageTooLarge);
                        return;
                    }

                    part = await socket.ReceiveAsync(buffer.AsMemory(length), CancellationToken.None);
                    length += part.Count;
                }
                while (!part.EndOfMessage);

                if (part.MessageType == WebSocketMessageType.Close)
                {
                    _end.TrySetResult(SocketEnd.ClientLeft);
                    return;
                }

                if (length > SocketEnd.LargestMessage)
                {
                    _end.TrySetResult(SocketEnd.MessageTooLarge);
                    return;
                }

                if (!WithinRate())
                {
                    _end.TrySetResult(SocketEnd.TooManyMessages);
                    return;
                }

                await HandleAsync(part.MessageType, buffer.AsMemory(0, length));
                if (_pass is not null)
                {
                    silence.Change(limits.SocketIdleTimeout, Timeout.InfiniteTimeSpan);
                }
            }
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException)
        {
            // A socket that was aborted here reports itself as cancelled.
            _end.TrySetResult(SocketEnd.ClientLost);
        }
        catch (Exception e) when (DatabaseTrouble.Is(e) || GrainCalls.IsTransient(e))
        {
            LogSessionUnreachable(e, sessionId);
        }
        finally
        {
            // Whatever ended it, a bug included: a socket that nobody reads must not stay open. The first end counts.
            _end.TrySetResult(SocketEnd.SessionUnreachable);
        }
    }

    private bool WithinRate()
    {
        if (time.GetElapsedTime(_windowStart) > limits.SocketRateWindow)
        {
            _windowStart = time.GetTimestamp();
            _messagesInWindow = 0;
        }

        return ++_messagesInWindow <= limits.SocketMessagesPerWindow;
    }

    private async Task HandleAsync(WebSocketMessageType type, ReadOnlyMemory<byte> bytes)
    {
        if (type == WebSocketMessageType.Binary)
        {
            Answer(new SocketError("unexpected_binary", "This socket takes text messages only.", Fatal: false));
            return;
        }

        var (message, error) = ClientMessages.Read(bytes);
        if (_pass is null)
        {
            if (message is Identify identify)
            {
                await IdentifyAsync(identify);
            }
            else
            {
                _end.TrySetResult(SocketEnd.NotIdentified);
            }

            return;
        }

        switch (message)
        {
            case null:
                Answer(error!);
                break;
            case Ping ping:
                Answer(new Pong(ping.Timestamp, time.GetUtcNow(), sessionId));
                break;
            case Listen listen:
                _feed!.Listen(_outbox, listen.Enabled);
                break;
            case Identify:
                Answer(new SocketError("already_identified", "This socket is identified already.", Fatal: false));
                break;
            case not null when !_pass.MaySteer:
                Answer(new SocketError("forbidden", "Your role may watch this session but not steer it.", Fatal: false));
                break;
            case TextMessage text:
                AnswerTo(await commands.InstructAsync(sessionId, text.Text.Trim(), _pass.User));
                break;
            case FunctionResult result:
                AnswerTo(await commands.ProvideToolResultAsync(sessionId, result.CallId, result.Output));
                break;
            case SuggestionAction suggestion:
                await DecideAsync(suggestion, _pass.User);
                break;
        }
    }

    private async Task IdentifyAsync(Identify identify)
    {
        if (await tickets.RedeemAsync(identify.Ticket, sessionId, CancellationToken.None) is not { } pass)
        {
            _end.TrySetResult(SocketEnd.InvalidTicket);
            return;
        }

        (_access, var lost) = await signIns.JoinAsync(pass.SignIn, pass.Role, OnAccessLost, CancellationToken.None);
        if (lost is { } loss)
        {
            OnAccessLost(loss);
            return;
        }

        // Joined before the row is read: what is committed in between is in the feed, the journal, or both, never in neither.
        var feed = feeds.Join(sessionId, _outbox);
        _feed = feed;
        feed.Advance(await commands.WatchAsync(sessionId));
        if (await journal.RowAsync(sessionId, CancellationToken.None) is not { } row)
        {
            _end.TrySetResult(SocketEnd.InvalidTicket);
            return;
        }

        _cursor = Math.Min(identify.AfterSeq, row.LastSeq);
        _over = SessionStates.IsTerminal(row.State);
        Answer(new Ready(row.ToView(socketUrl), row.LastSeq, _cursor, requestId));
        _organisation = row.OrganisationId;
        _following = features.Follow(row.OrganisationId, now => _outbox.Put(new FeaturesChanged(now)));
        _tab = identify.ClientId is { } tab ? tabs.Join(sessionId, pass.User, tab) : null;
        Volatile.Write(ref _pass, pass);
        _outbox.Wake();
    }

    private void OnAccessLost(AccessLoss loss) => _end.TrySetResult(loss switch
    {
        AccessLoss.SignedOut => SocketEnd.SignedOut,
        AccessLoss.Changed => SocketEnd.AccessChanged,
        _ => throw new ArgumentOutOfRangeException(nameof(loss), loss, "A loss without a socket's end."),
    });

    private async Task DecideAsync(SuggestionAction action, string by)
    {
        if (!features.SuggestionsOf(_organisation))
        {
            Answer(new SocketError("feature_disabled", "Suggestions are switched off (enable_suggestion_panels).", Fatal: false));
            return;
        }

        var (decision, words) = action.Action switch
        {
            "accept" => (SuggestionDecision.Accepted, null),
            "edit" => (SuggestionDecision.Edited, action.Text!.Trim()),
            _ => (SuggestionDecision.Dismissed, (string?)null),
        };
        var outcome = await commands.DecideAsync(sessionId, action.SuggestionId, decision, words, by);
        if (outcome.Result == DeliveryOutcome.NoSuchSuggestion)
        {
            Answer(new SocketError("unknown_suggestion", WhyNotOpen(action.SuggestionId, outcome.Earlier), Fatal: false));
            return;
        }

        AnswerTo(outcome.Result);
    }

    private static string WhyNotOpen(string suggestion, SuggestionDecided? earlier) => earlier switch
    {
        null => $"There is no open suggestion {suggestion} in this session.",
        { Decision: SuggestionDecision.Expired } => $"Suggestion {suggestion} is no longer open: it gave way to newer ones.",
        _ => $"Suggestion {suggestion} is no longer open: {earlier.By} has {WireWord.Of(earlier.Decision)} it.",
    };

    private void AnswerTo(DeliveryOutcome outcome)
    {
        if (outcome != DeliveryOutcome.Delivered)
        {
            Answer(new SocketError("no_call", "No call is running in this session that could take this.", Fatal: false));
        }
    }

    private void Answer(ServerMessage message)
    {
        if (!_outbox.Put(message is SocketError error ? error with { RequestId = requestId } : message))
        {
            _end.TrySetResult(SocketEnd.TooSlow);
        }
    }

    private async Task WriteAllAsync(CancellationToken stop)
    {
        try
        {
            while (true)
            {
                var sent = false;
                while (_outbox.TakeControl() is { } answer)
                {
                    await SendAsync(answer);
                    sent = true;
                }

                while (_outbox.TakeAudio() is { } frame)
                {
                    await SendAsync(frame, WebSocketMessageType.Binary);
                    sent = true;
                }

                if (Volatile.Read(ref _pass) is not null)
                {
                    sent |= await SendEventsAsync(stop);
                    while (!sent && _outbox.TakeNewest() is { } newest)
                    {
                        await SendAsync(newest);
                    }
                }

                if (!sent)
                {
                    if (_over && _cursor >= _feed!.LastSeq)
                    {
                        _end.TrySetResult(SocketEnd.SessionOver);
                        return;
                    }

                    await _outbox.WaitAsync(stop);
                }

                stop.ThrowIfCancellationRequested();
            }
        }
        catch (OperationCanceledException)
        {
            // Either stopped, or a message took too long: then this decides, else somebody has decided before.
            _end.TrySetResult(SocketEnd.TooSlow);
        }
        catch (Exception e) when (e is WebSocketException or InvalidOperationException)
        {
            _end.TrySetResult(SocketEnd.ClientLost);
        }
        catch (System.Data.Common.DbException e)
        {
            LogSessionUnreachable(e, sessionId);
            _end.TrySetResult(SocketEnd.SessionUnreachable);
        }
    }

    /// <returns>False when the client has everything.</returns>
    private async Task<bool> SendEventsAsync(CancellationToken stop)
    {
        var behind = _feed!.LastSeq - _cursor;
        if (behind <= 0)
        {
            _caughtUp = true;
            return false;
        }

        // Catching up may take as long as it takes; falling behind afterwards may not.
        if (_caughtUp && behind > limits.SocketMaxLag)
        {
            _end.TrySetResult(SocketEnd.TooSlow);
            return false;
        }

        _page.Clear();
        if (!_feed.TryRead(_cursor, EventsPerRound, _page))
        {
            try
            {
                _page.AddRange(await journal.EventsAsync(sessionId, _cursor, EventsPerRound, stop));
            }
            catch (JournalUnavailableException)
            {
                // Later: what is fleeting goes on meanwhile, and whatever comes next wakes us to try again.
                return false;
            }
        }

        foreach (var happened in _page)
        {
            if (happened.Data is TurnFinished turn)
            {
                _outbox.Forget(turn.TurnId);
            }

            await SendAsync(new EventMessage(happened.Seq, happened.At, happened.Data));
            _cursor = happened.Seq;
            _over |= happened.Data is StateChanged { To: var to } && SessionStates.IsTerminal(to);
        }

        return _page.Count > 0;
    }

    private Task SendAsync(ServerMessage message) =>
        SendAsync(JsonSerializer.SerializeToUtf8Bytes(message, ContractsJson.Default.ServerMessage), WebSocketMessageType.Text);

    /// <exception cref="OperationCanceledException">The client did not take it in time; the socket is aborted.</exception>
    private async Task SendAsync(byte[] bytes, WebSocketMessageType type)
    {
        var sending = socket.SendAsync(bytes.AsMemory(), type, endOfMessage: true, CancellationToken.None);
        if (sending.IsCompletedSuccessfully)
        {
            // The ordinary case: the kernel took it at once, no timer is needed.
            return;
        }

        try
        {
            await sending.AsTask().WaitAsync(limits.SocketSendTimeout, time);
        }
        catch (TimeoutException)
        {
            socket.Abort();
            throw new OperationCanceledException("The client does not read.");
        }
    }

    private async Task CloseAsync(SocketEnd end, Task reading)
    {
        LogClosed(sessionId, end.Code, _outbox.AudioDropped);
        using var patience = new CancellationTokenSource(ClosePatience, time);
        try
        {
            if (socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
            {
                if (end == SocketEnd.TooSlow)
                {
                    await SendLastAsync(new Resync(_feed?.LastSeq ?? 0), patience.Token);
                }

                if (end.Message is { } message)
                {
                    await SendLastAsync(new SocketError(end.Code, message, Fatal: true, requestId), patience.Token);
                }

                await socket.CloseOutputAsync(end.Status, end.Code, patience.Token);
                await reading.WaitAsync(patience.Token);
                await DrainAsync(patience.Token);
            }
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or InvalidOperationException)
        {
            // The client does not answer: it is not waited for any longer.
        }

        socket.Abort();
        await reading;
    }

    /// <summary>A socket that is closed with unread bytes is reset, and the client loses the reason that was just sent.</summary>
    private async Task DrainAsync(CancellationToken cancellationToken)
    {
        var scrap = new byte[4096];
        while (socket.State == WebSocketState.CloseSent)
        {
            await socket.ReceiveAsync(scrap.AsMemory(), cancellationToken);
        }
    }

    private async Task SendLastAsync(ServerMessage message, CancellationToken cancellationToken) =>
        await socket.SendAsync(JsonSerializer.SerializeToUtf8Bytes(message, ContractsJson.Default.ServerMessage), WebSocketMessageType.Text, true, cancellationToken);
}
