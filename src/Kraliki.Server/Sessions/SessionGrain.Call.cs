using Kraliki.Contracts;
using Kraliki.Server.Assistants;
using Kraliki.Server.Hosting;
using Kraliki.Server.Sessions.Journal;
using Kraliki.Voice.Calls;

namespace Kraliki.Server.Sessions;

/// <content>
/// The session's call: which media connection may speak for it, and how it ends.
/// </content>
internal sealed partial class SessionGrain
{
    // Last words are awaited for 2 s, closing takes up to 3 s more, what is found out about them 1 s.
    private static readonly TimeSpan ClosingTakes = TimeSpan.FromSeconds(9);

    private static readonly TimeSpan AttachingTakes = TimeSpan.FromSeconds(10);

    // The node that holds the call. Null: no call, or it has not been heard of yet since this activation began.
    private INodeLink? _owner;
    private DateTimeOffset _ownerSeenAt;

    // Who asked for the end that the running call will report.
    private string? _endingBy;

    // The running call is closing for good: the carrier may ask what comes next before its last words are written.
    private DateTimeOffset? _endingSince;

    // When a call last took the session over from another one that lived, or may have, since this activation began.
    private DateTimeOffset _takenOverAt;

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

    public async Task<Attachment?> AttachAsync(INodeLink node, string life, Guid socket)
    {
        if (await CurrentAsync() is not { } row || SessionRules.IsOver(row.State) || IsClosing(row))
        {
            return null;
        }

        // Asked again, because the answer got lost.
        if (row.WasTakenBy(socket))
        {
            if (!row.WasTakenLastBy(socket))
            {
                return null;
            }

            if (row.InterruptedAt is null)
            {
                return await TakeOverAsync(node, row);
            }
        }

        var now = time.GetUtcNow();
        _moved = _moving ? row.Epoch + 1 : 0;
        var draft = new JournalDraft(row, row.TakenBy(socket, life));
        if (row.Epoch > 0)
        {
            draft.Add(
                _moving
                    ? new CallResumed("The call was moved to another server.", 0)
                    : new CallResumed("The call was interrupted and has come back; the conversation goes on.", (long)(now - (row.InterruptedAt ?? row.UpdatedAt)).TotalMilliseconds),
                now);
        }

        await CommitAsync(draft);
        return await TakeOverAsync(node, draft.Row);
    }

    public async Task<bool> RenewAsync(long epoch, INodeLink node)
    {
        if (_row?.Epoch == epoch)
        {
            // Before the row is read again: the call lives, also while the database is away.
            _ownerSeenAt = time.GetUtcNow();
        }

        if (await CurrentAsync(epoch) is not { } row || row.Epoch != epoch || SessionStates.IsTerminal(row.State))
        {
            return false;
        }

        Own(node);
        return true;
    }

    public async Task<bool> AppendAsync(FactBatch batch)
    {
        if (await CurrentAsync(batch.Epoch) is not { } row)
        {
            return false;
        }

        if (row.Epoch != batch.Epoch)
        {
            return await AppendLastWordsAsync(row, batch);
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

    public async Task EndingAsync(long epoch)
    {
        if (await CurrentAsync() is { } row && row.Epoch == epoch)
        {
            _endingSince = time.GetUtcNow();
        }
    }

    public async Task CompleteAsync(long epoch, CallOutcome outcome)
    {
        if (await CurrentAsync() is not { } row)
        {
            return;
        }

        // A carrier that follows our redirect stops the old stream just as it does when the caller hangs up. When he has
        // hung up indeed, its status says so.
        var redirected = outcome.Reason == EndReason.CallerHungUp && _redirectedAt is { } at && time.GetUtcNow() - at < RedirectTakes;
        if (row.Epoch == epoch + 1 && row.InterruptedAt is not null)
        {
            // Written, but the answer got lost on the way; or the node was taken for dead.
            _doubtfulStop = redirected && row.InterruptedBy == EndReason.TalkCarrierLost ? row.Epoch : _doubtfulStop;
            LetGo(row);
            return;
        }

        if (row.Epoch != epoch)
        {
            return;
        }

        if (row.State is SessionState.WrapUp or SessionState.Completed or SessionState.Failed || !(redirected || SessionRules.IsLoss(outcome.Reason)))
        {
            NobodyOwns();
            await FinishAsync(outcome.Reason, outcome.Detail, outcome.Reason == EndReason.OperatorEnded ? _endingBy : null);
        }
        else if (redirected && _moving)
        {
            var draft = new JournalDraft(row, row with
            {
                Epoch = row.Epoch + 1,
                OwnerFacts = 0,
                Node = null,
                Media = MediaSides.None,
                InterruptedAt = time.GetUtcNow(),
                InterruptedBy = EndReason.TalkServerStopping,
            });
            await CommitAsync(draft);
            LetGo(draft.Row);
        }
        else
        {
            await InterruptAsync(
                redirected ? EndReason.TalkCarrierLost : outcome.Reason,
                redirected ? "The carrier left the stream to open another one." : outcome.Detail);
            _doubtfulStop = redirected ? _row!.Epoch : 0;
        }
    }

    private bool IsClosing(SessionRow row) => row.Node is not null && _endingSince is { } since && time.GetUtcNow() - since < ClosingTakes;

    private void Own(INodeLink node)
    {
        ShowWatchers(node);
        _owner = node;
        _ownerSeenAt = time.GetUtcNow();
    }

    private void NobodyOwns()
    {
        (_owner, _endingSince) = (null, null);
        _ownerSeenAt = time.GetUtcNow();
    }

    /// <exception cref="JournalUnavailableException">A living node holds the call and has not been heard of since this activation began: it will be.</exception>
    private INodeLink? OwnerOf(SessionRow row) =>
        _owner is null && row.Node is { } life && nodes.IsLiving(life) ? throw new JournalUnavailableException("The session's call has not been found again yet.") : _owner;

    /// <summary>The row says that the session is this call's. Done again it changes nothing.</summary>
    private async Task<Attachment> TakeOverAsync(INodeLink node, SessionRow row)
    {
        var conversation = row.Epoch > 1 ? await reader.ConversationAsync(row.Id, CancellationToken.None) : [];
        var said = conversation.ConvertAll(happened => happened.Data);
        var assistant = await ChosenAssistant.OfAsync(reader, row, CancellationToken.None);

        // Told to the next assistant as what it is to do, not as what was done.
        List<OperatorText> unfollowed = [.. Enumerable.Reverse(said).TakeWhile(fact => fact is not TurnFinished).OfType<OperatorText>().Reverse()];
        var before = _owner;
        Own(node);
        (_endingBy, _endingSince, _moving, _comingBackSince) = (null, null, false, null);
        _takenOverAt = time.GetUtcNow();
        _redirectedAt = _redirectAnswered && _takenOverAt - RedirectTakes + StopFollows is var almostOver && _redirectedAt > almostOver ? almostOver : _redirectedAt;
        if (before is not null)
        {
            // Best effort and not awaited, since its node may be dead: what it says to the caller reaches nobody any more.
            DeliverAsync(before, row.Epoch - 1, new EndCall(EndReason.TalkServerLost, "The call was taken over by a newer connection.")).Ignore();
        }

        return new(
            row.OrganisationId,
            row.Epoch,
            row.Provider,
            [.. said.Except(unfollowed).Where(fact => fact is TurnFinished or ToolCalled { Result: not null } or OperatorText)],
            Continued: row.Epoch > 1,
            row.RequestId is { } request ? new RequestTrace(request, row.TraceParent) : null)
        {
            Moved = row.Epoch == _moved,
            Unfollowed = [.. unfollowed.Select(line => line.Text)],
            AtMs = SessionRules.AtMs(conversation, time.GetUtcNow()),
            CostCap = row.CostCap,
            OnHold = row.State == SessionState.OnHold,
            Failover = row.Failover,
            Assistant = assistant,
            Spent = row.Cost.Amount,
            TimeZone = row.Metadata.GetValueOrDefault(SessionMetadata.TimeZone),
        };
    }

    /// <summary>
    /// What a call that was taken over while it lived still had to say. Connections and counters are left out: they are the
    /// newer call's by now. So is what the journal has, from a batch whose answer got lost: a fact is known by its moment and its words.
    /// </summary>
    private async Task<bool> AppendLastWordsAsync(SessionRow row, FactBatch batch)
    {
        if (row.Epoch != batch.Epoch + 1 || row.InterruptedAt is not null || SessionStates.IsTerminal(row.State) || time.GetUtcNow() - _takenOverAt > ClosingTakes)
        {
            return false;
        }

        var known = (await reader.SinceEpochAsync(row.Id, batch.Epoch, CancellationToken.None)).Select(happened => (happened.At, JournalJson.Write(happened.Data))).ToHashSet();
        var draft = new JournalDraft(row, row);
        foreach (var (fact, at) in batch.Facts)
        {
            if (fact is not (CarrierConnected or ProviderConnected or MediaEnded) && !known.Contains((at, JournalJson.Write(fact))))
            {
                draft.Add(fact, at);
            }
        }

        if (draft.Events.Length > 0)
        {
            await CommitAsync(draft);
        }

        return true;
    }

    /// <param name="request">That wanted it; null when it was none.</param>
    private async Task FinishAsync(EndReason reason, string detail, string? by, Guid? request = null)
    {
        var row = _row!;
        var draft = new JournalDraft(row, request is { } wanted ? row.Doing(wanted) : row);
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

    /// <param name="request">Known again by the call, which then does nothing; empty for what may come twice.</param>
    private async Task<bool> DeliverAsync(INodeLink node, long epoch, CallCommand command, Guid request = default)
    {
        try
        {
            return await node.CommandAsync(this.GetPrimaryKey(), epoch, command, request);
        }
        catch (Exception e) when (GrainCalls.IsTransient(e))
        {
            // The node died; its sessions are recovered or reaped as such.
            LogOwnerUnreachable(e, this.GetPrimaryKey());
            return false;
        }
    }
}
