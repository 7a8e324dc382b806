using Kraliki.Contracts;
using Kraliki.Server.Hosting;
using Kraliki.Server.Sessions.Journal;
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
    JournalWriter journal, JournalReader reader, SessionMetrics metrics, SessionLimits limits, TimeProvider time, ILogger<SessionGrain> log) : Grain, ISessionGrain
{
    private readonly ObserverManager<INodeLink> _watchers = new(limits.OwnerExpires, log);
    private SessionRow? _row;
    private bool _known;

    // The node that holds the call. Null: no call, or it has not been heard of yet since this activation began.
    private INodeLink? _owner;
    private DateTimeOffset _ownerSeenAt;

    // Who asked for the end that the running call will report.
    private string? _endingBy;

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _ownerSeenAt = time.GetUtcNow();
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

        var moves = change.State is { } to && to != row.State;
        if (moves && !SessionStates.CanMove(row.State, change.State!.Value))
        {
            return new(ChangeResult.IllegalMove, row);
        }

        var now = time.GetUtcNow();
        var draft = new JournalDraft(row, row with { ChangedByRequest = request });
        if (change.PhoneNumber is not null || change.Metadata is not null)
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

        if (draft.Row.State is SessionState.WrapUp or SessionState.Completed or SessionState.Failed && row.State != draft.Row.State)
        {
            await StopCallAsync(by, $"Ended by {by}.");
        }

        return new(ChangeResult.Done, draft.Row);
    }

    public async Task<ChangeOutcome> EndAsync(string by, string? note, long? ifVersion, Guid request)
    {
        if (await CurrentAsync() is not { } row)
        {
            return new(ChangeResult.NoSuchSession, null);
        }

        if (IsStale(row, ifVersion, request))
        {
            return new(ChangeResult.VersionConflict, row);
        }

        var detail = string.IsNullOrWhiteSpace(note) ? $"Ended by {by}." : $"Ended by {by}: {note.Trim()}";
        if (row.State is SessionState.Active or SessionState.OnHold)
        {
            var draft = new JournalDraft(row, row with { ChangedByRequest = request });
            draft.Add(new StateChanged(row.State, SessionState.WrapUp, by, EndReason.OperatorEnded, detail), time.GetUtcNow());
            await CommitAsync(draft);
        }

        if (!SessionStates.IsTerminal(_row!.State) && !await StopCallAsync(by, detail))
        {
            // No call that would report its end: nobody else will finish this.
            await FinishAsync(EndReason.CancelledBeforeConnect, detail, by);
        }

        return new(ChangeResult.Done, _row);
    }

    public async Task CarrierEndedAsync(EndReason reason, string detail)
    {
        if (await CurrentAsync() is not { } row || SessionStates.IsTerminal(row.State))
        {
            return;
        }

        if (_owner is null || !await DeliverAsync(_owner, row.Epoch, new EndCall(reason, detail)))
        {
            await FinishAsync(reason, detail, "carrier");
        }
    }

    public async Task<Attachment?> AttachAsync(INodeLink node)
    {
        if (await CurrentAsync() is not { } row || SessionStates.IsTerminal(row.State))
        {
            return null;
        }

        var before = _owner;
        var continued = row.Epoch > 0;
        var draft = new JournalDraft(row, row with { Epoch = row.Epoch + 1, OwnerFacts = 0 });
        if (continued)
        {
            draft.Add(new CallResumed("The call was interrupted and has come back; the conversation goes on.", (long)(time.GetUtcNow() - row.UpdatedAt).TotalMilliseconds), time.GetUtcNow());
        }

        await CommitAsync(draft);
        Own(node);
        _endingBy = null;
        if (before is not null)
        {
            // Best effort: the earlier call cannot write any more whether it hears this or not.
            await DeliverAsync(before, row.Epoch, new EndCall(EndReason.TalkServerLost, "The call was taken over by a newer connection."));
        }

        var turns = continued ? await reader.TurnsAsync(row.Id, CancellationToken.None) : [];
        return new(row.OrganisationId, draft.Row.Epoch, row.Provider, [.. turns.Select(turn => (TurnFinished)turn.Data)], continued, row.RequestId is { } request ? new RequestTrace(request, row.TraceParent) : null);
    }

    public async Task<bool> RenewAsync(long epoch, INodeLink node)
    {
        if (await CurrentAsync() is not { } row || row.Epoch != epoch || SessionStates.IsTerminal(row.State))
        {
            return false;
        }

        Own(node);
        return true;
    }

    public async Task<bool> AppendAsync(FactBatch batch)
    {
        if (await CurrentAsync() is not { } row || row.Epoch != batch.Epoch)
        {
            return false;
        }

        // A batch that was sent again because its answer got lost: what is in the journal already is skipped.
        var known = (int)Math.Clamp(row.OwnerFacts - batch.Before, 0, batch.Facts.Length);
        if (known == batch.Facts.Length)
        {
            return true;
        }

        var draft = new JournalDraft(row, row with { OwnerFacts = batch.Before + batch.Facts.Length });
        foreach (var (fact, at) in batch.Facts.AsSpan(known))
        {
            draft.Add(fact, at);
        }

        await CommitAsync(draft);
        return true;
    }

    public async Task CompleteAsync(long epoch, CallOutcome outcome)
    {
        if (await CurrentAsync() is not { } row || row.Epoch != epoch)
        {
            return;
        }

        _owner = null;
        _ownerSeenAt = time.GetUtcNow();
        if (outcome.Reason == EndReason.TalkServerStopping && row.State != SessionState.WrapUp)
        {
            // A planned restart: the carrier is on its way back, and the reaper ends what does not return.
            return;
        }

        await FinishAsync(outcome.Reason, outcome.Detail, outcome.Reason == EndReason.OperatorEnded ? _endingBy : null);
    }

    public async Task<DeliveryOutcome> InstructAsync(string text, string by)
    {
        if (await CurrentAsync() is not { } row)
        {
            return DeliveryOutcome.NoSuchSession;
        }

        if (_owner is not { } owner)
        {
            return DeliveryOutcome.NoCall;
        }

        var draft = new JournalDraft(row, row);
        draft.Add(new OperatorText(text, by), time.GetUtcNow());
        await CommitAsync(draft);
        return await DeliverAsync(owner, row.Epoch, new InstructProvider(text)) ? DeliveryOutcome.Delivered : DeliveryOutcome.NoCall;
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

    public async Task<long> WatchAsync(INodeLink node)
    {
        if (await CurrentAsync() is not { } row)
        {
            return -1;
        }

        _watchers.Subscribe(node, node);
        return row.LastSeq;
    }

    public async Task ReapAsync()
    {
        if (await CurrentAsync() is not { } row || SessionStates.IsTerminal(row.State))
        {
            return;
        }

        var now = time.GetUtcNow();
        if (row.State == SessionState.Created)
        {
            if (now - row.CreatedAt > limits.UnusedSessionLife)
            {
                await FinishAsync(EndReason.CancelledBeforeConnect, "No call came for this session.", "server");
            }

            return;
        }

        var patience = _owner is null ? limits.RecoveryGrace : limits.OwnerExpires;
        if (now - _ownerSeenAt < patience)
        {
            return;
        }

        _owner = null;
        LogReaped(row.Id, row.State);
        await FinishAsync(
            EndReason.TalkServerLost,
            $"The server that held the call was lost, and the call did not come back within {limits.RecoveryGrace.TotalSeconds:0} seconds.",
            "server");
    }

    private static bool IsStale(SessionRow row, long? ifVersion, Guid request) => ifVersion is { } version && version != row.Version && row.ChangedByRequest != request;

    private static StateChanged MoveByHand(SessionRow row, SessionState to, string by) => to switch
    {
        SessionState.WrapUp => new(row.State, to, by, EndReason.OperatorEnded, $"Ended by {by}."),
        SessionState.Failed when row.StartedAt is null => new(row.State, to, by, EndReason.CancelledBeforeConnect, $"Ended by {by} before the conversation began."),
        SessionState.Failed => new(row.State, to, by, EndReason.OperatorEnded, $"Marked as failed by {by}."),
        _ => new(row.State, to, by),
    };

    private void Own(INodeLink node)
    {
        _owner = node;
        _ownerSeenAt = time.GetUtcNow();
    }

    private async ValueTask<SessionRow?> CurrentAsync()
    {
        if (!_known)
        {
            await LoadAsync(CancellationToken.None);
        }

        return _row;
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

    private async Task FinishAsync(EndReason reason, string detail, string? by)
    {
        var row = _row!;
        var draft = new JournalDraft(row, row);
        foreach (var move in SessionRules.Ending(row.State, reason, detail, by ?? SessionRules.By(reason)))
        {
            draft.Add(move, time.GetUtcNow());
        }

        if (draft.Events.Length > 0)
        {
            await CommitAsync(draft);
        }
    }

    /// <returns>False when no call runs that will report its end.</returns>
    private async Task<bool> StopCallAsync(string by, string detail)
    {
        if (_owner is not { } owner)
        {
            return false;
        }

        _endingBy = by;
        return await DeliverAsync(owner, _row!.Epoch, new EndCall(EndReason.OperatorEnded, detail));
    }

    private async Task<bool> DeliverAsync(INodeLink node, long epoch, CallCommand command)
    {
        try
        {
            return await node.CommandAsync(this.GetPrimaryKey(), epoch, command);
        }
        catch (Exception e) when (GrainCalls.IsTransient(e))
        {
            // The node died; its sessions are recovered or reaped as such.
            LogOwnerUnreachable(e, this.GetPrimaryKey());
            return false;
        }
    }
}
