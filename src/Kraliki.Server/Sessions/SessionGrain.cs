using Kraliki.Contracts;
using Kraliki.Server.Cluster;
using Kraliki.Server.Sessions.Journal;
using Kraliki.Server.Telephony;
using Kraliki.Voice.Calls;
using Orleans.Placement;
using Orleans.Utilities;

namespace Kraliki.Server.Sessions;

/// <inheritdoc cref="ISessionGrain"/>
/// <remarks>
/// Each change: (1) facts get numbers in a <see cref="JournalDraft"/>, (2) the journal commits them, (3) the row in memory
/// follows, (4) watchers are told. When (2) fails or is refused, the row is read again before anything else.
/// Prefers the node that calls it first, which is the one that holds the call's socket.
/// </remarks>
[PreferLocalPlacement]
internal sealed partial class SessionGrain(
    JournalWriter journal,
    JournalReader reader,
    CallRecovery recovery,
    ClusterNodes nodes,
    SessionMetrics metrics,
    SessionLimits limits,
    TimeProvider time,
    ILogger<SessionGrain> log) : Grain, ISessionGrain
{
    private readonly ObserverManager<INodeLink> _watchers = new(limits.OwnerExpires, log);
    private SessionRow? _row;
    private bool _known;

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _ownerSeenAt = _takenOverAt = time.GetUtcNow();
        await LoadAsync(cancellationToken);
    }

    public async Task<SessionRow> CreateAsync(Guid organisation, SessionCreated facts)
    {
        if (await CurrentAsync() is { } existing)
        {
            return existing;
        }

        var now = time.GetUtcNow();
        var draft = new JournalDraft(null, SessionRow.Born(this.GetPrimaryKey(), organisation, facts, now));
        draft.Add(facts, now);
        await CommitAsync(draft);
        return draft.Row;
    }

    public async Task<ChangeOutcome> UpdateAsync(UpdateSession change, string by, long? ifVersion, Guid request)
    {
        if (await CurrentAsync() is not { } row)
        {
            return new(ChangeResult.NoSuchSession, null);
        }

        if (IsStale(row, ifVersion, request))
        {
            return new(ChangeResult.VersionConflict, row);
        }

        // Its answer got lost on the way; what is left to do is to stop the call of a session that it ended.
        var again = row.Did(request);
        var moves = !again && change.State is { } to && to != row.State;
        if (moves && !SessionStates.CanMove(row.State, change.State!.Value))
        {
            return new(ChangeResult.IllegalMove, row);
        }

        var now = time.GetUtcNow();
        var draft = new JournalDraft(row, row.Doing(request));
        if (!again && (change.PhoneNumber is not null || change.Metadata is not null))
        {
            draft.Add(new SessionUpdated(change.PhoneNumber, change.Metadata), now);
        }

        if (moves)
        {
            draft.Add(MoveByHand(row, change.State!.Value, by), now);
        }

        if (draft.Events.Length > 0)
        {
            await CommitAsync(draft);
        }

        if (change.State is SessionState.OnHold or SessionState.Active && draft.Row.State is SessionState.OnHold or SessionState.Active && _owner is { } owner)
        {
            // A call that cannot be reached reads it when it comes back.
            await DeliverAsync(owner, draft.Row.Epoch, new HoldCall(draft.Row.State == SessionState.OnHold));
        }

        if (SessionRules.IsOver(draft.Row.State) && (again || row.State != draft.Row.State)
            && !await StopCallAsync(by, $"Ended by {by}.") && (again || !SessionRules.IsOver(row.State)))
        {
            recovery.HangUp(row.Id);
        }

        return new(ChangeResult.Done, draft.Row);
    }

    public async Task<ChangeOutcome> EndAsync(string by, string? note, long? ifVersion, Guid request)
    {
        var detail = string.IsNullOrWhiteSpace(note) ? $"Ended by {by}." : $"Ended by {by}: {note.Trim()}";
        try
        {
            return await EndAsync(by, detail, request, ifVersion);
        }
        catch (JournalUnavailableException) when (journal.IsInVain && _row is { } known && !SessionRules.IsOver(known.State) && !IsStale(known, ifVersion, request))
        {
            // A conversation can be ended without the database: the call tells of it, again and again, until that is written.
            if (!await StopCallAsync(by, detail))
            {
                throw;
            }

            return new(ChangeResult.Done, known);
        }
    }

    private async Task<ChangeOutcome> EndAsync(string by, string detail, Guid request, long? ifVersion)
    {
        if (await CurrentAsync() is not { } row)
        {
            return new(ChangeResult.NoSuchSession, null);
        }

        if (IsStale(row, ifVersion, request))
        {
            return new(ChangeResult.VersionConflict, row);
        }

        if (row.State is SessionState.Active or SessionState.OnHold)
        {
            var draft = new JournalDraft(row, row.Doing(request));
            draft.Add(new StateChanged(row.State, SessionState.WrapUp, by, EndReason.OperatorEnded, detail), time.GetUtcNow());
            await CommitAsync(draft);
        }

        // Asked again when it has ended: only the caller may not have been let go.
        if (SessionStates.IsTerminal(_row!.State) ? _row.Did(request) : !await StopCallAsync(by, detail))
        {
            // No call that would report its end: nobody else will finish this, and a caller would listen into the silence.
            await FinishAsync(EndReason.CancelledBeforeConnect, detail, by, request);
            recovery.HangUp(_row.Id);
        }

        return new(ChangeResult.Done, _row);
    }

    public async Task<DeliveryOutcome> InstructAsync(string text, string by, Guid request)
    {
        if (await CurrentAsync() is not { } row)
        {
            return DeliveryOutcome.NoSuchSession;
        }

        if (row.Did(request))
        {
            return await TellAgainAsync(row, text, request);
        }

        if (OwnerOf(row) is null)
        {
            return DeliveryOutcome.NoCall;
        }

        var draft = new JournalDraft(row, row.Doing(request));
        draft.Add(new OperatorText(text, by), time.GetUtcNow());
        await CommitAsync(draft);
        return await TellAsync(row, text, request);
    }

    public async Task<DeliveryOutcome> ProvideToolResultAsync(string callId, string output)
    {
        if (await CurrentAsync() is not { } row)
        {
            return DeliveryOutcome.NoSuchSession;
        }

        return _owner is { } owner && await DeliverAsync(owner, row.Epoch, new ProvideToolResult(callId, output))
            ? DeliveryOutcome.Delivered
            : DeliveryOutcome.NoCall;
    }

    /// <summary>The operator's line is in the journal and goes to the AI. The call knows the request again.</summary>
    private async Task<DeliveryOutcome> TellAsync(SessionRow row, string line, Guid request) =>
        OwnerOf(row) is { } owner && await DeliverAsync(owner, row.Epoch, new InstructProvider(line), request) ? DeliveryOutcome.Delivered : DeliveryOutcome.NoCall;

    /// <summary>Whether it was told when it was written is not known.</summary>
    private async Task<DeliveryOutcome> TellAgainAsync(SessionRow row, string line, Guid request)
    {
        var said = await reader.ConversationAsync(row.Id, CancellationToken.None);
        var since = said.Select(happened => happened.Data).Reverse().TakeWhile(fact => (fact as OperatorText)?.Text != line);

        // A call that has come back began with the lines that had not been followed.
        return since.OfType<CallResumed>().Any() ? DeliveryOutcome.Delivered : await TellAsync(row, line, request);
    }

    private static bool IsStale(SessionRow row, long? ifVersion, Guid request) => ifVersion is { } version && version != row.Version && !row.Did(request);

    private static StateChanged MoveByHand(SessionRow row, SessionState to, string by) => to switch
    {
        SessionState.WrapUp => new(row.State, to, by, EndReason.OperatorEnded, $"Ended by {by}."),
        SessionState.Failed when row.StartedAt is null => new(row.State, to, by, EndReason.CancelledBeforeConnect, $"Ended by {by} before the conversation began."),
        SessionState.Failed => new(row.State, to, by, EndReason.OperatorEnded, $"Marked as failed by {by}."),
        _ => new(row.State, to, by),
    };

    private async ValueTask<SessionRow?> CurrentAsync()
    {
        if (!_known)
        {
            await LoadAsync(CancellationToken.None);
        }

        return _row;
    }

    /// <summary>For a call: it knows that its session has reached this epoch.</summary>
    /// <exception cref="JournalUnavailableException">The row is older, as one of the hot tier may be while the database is away: that says nothing about who owns the session now.</exception>
    private async ValueTask<SessionRow?> CurrentAsync(long epoch)
    {
        var row = await CurrentAsync();
        if (row?.Epoch < epoch)
        {
            _known = false;
            throw new JournalUnavailableException("The session's newest state cannot be read at present.");
        }

        return row;
    }

    private async Task LoadAsync(CancellationToken cancellationToken)
    {
        _row = await reader.RowAsync(this.GetPrimaryKey(), cancellationToken);
        _known = true;
    }

    private async Task CommitAsync(JournalDraft draft)
    {
        _known = false;
        var suggestions = _suggestions;
        _suggestions = null;
        var taken = await journal.AppendAsync(draft.ToWrite(time.GetUtcNow()));
        if (!taken)
        {
            // Another activation wrote: this one is the zombie. Whoever calls again finds the other.
            DeactivateOnIdle();
            throw new JournalUnavailableException("The session is owned elsewhere; try again.");
        }

        _row = draft.Row;
        _known = true;
        _suggestions = suggestions;
        if (draft.Events is { Length: > 0 } events)
        {
            Array.ForEach(events, happened => suggestions?.Apply(happened.Data));
            metrics.Record(draft.Row, events);
            await _watchers.Notify(watcher => watcher.PublishAsync(this.GetPrimaryKey(), new(events)));
        }
    }
}
