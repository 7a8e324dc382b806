using Kraliki.Contracts;
using Kraliki.Server.Sessions.Journal;

namespace Kraliki.Server.Sessions;

/// <content>
/// What the loss of a media connection means. It is not an ended call: the session stays as it is and
/// <see cref="Telephony.CallRecovery"/> brings the caller back (docs/adr/0021).
/// </content>
internal sealed partial class SessionGrain
{
    // For so long a carrier that was told to ask for new TwiML may still send the stop of the stream that it leaves for it.
    private static readonly TimeSpan RedirectTakes = TimeSpan.FromSeconds(10);

    // A stream that the carrier had just opened by itself may attach after it has answered the redirect, and was stopped by
    // it all the same: so long after an attachment the stop may still be on its way.
    private static readonly TimeSpan StopFollows = TimeSpan.FromSeconds(3);

    // So long a carrier that was told to open a stream may take for it; it is not told by REST to leave it for another.
    private static readonly TimeSpan StreamOpens = TimeSpan.FromSeconds(2);

    // A carrier that cannot open the stream asks at once what follows it. Asked too often in a row it gives the call up.
    private static readonly TimeSpan BetweenStreams = TimeSpan.FromMilliseconds(300);

    // When the carrier was told, by what follows a stream, to come back; null once it has.
    private DateTimeOffset? _comingBackSince;

    // The carrier was asked to leave its stream; it may have stopped one that it had just opened by itself. Once it has
    // answered, the next stream is in all likelihood the one that was asked for.
    private DateTimeOffset? _redirectedAt;
    private bool _redirectAnswered;

    // The epoch since a stop that was taken for the answer to our redirect.
    private long _doubtfulStop;

    // The redirect was our wish (a node leaves), and nothing was cut.
    private bool _moving;

    // The epoch of the call that came by such a move.
    private long _moved;

    public async Task<AfterStream> AfterStreamAsync()
    {
        var row = await CurrentAsync();
        var next = SessionRules.AfterStream(row);
        if (next == AfterStream.ComeBack && (IsClosing(row!) || time.GetUtcNow() - _comingBackSince < BetweenStreams))
        {
            return AfterStream.AskAgain;
        }

        _comingBackSince = next == AfterStream.ComeBack ? time.GetUtcNow() : null;
        return next;
    }

    public async Task<bool> IsAwayAsync(long epoch) =>
        await CurrentAsync() is { InterruptedAt: not null, State: not SessionState.WrapUp } row && row.Epoch == epoch;

    public async Task<bool> RedirectingAsync(long epoch)
    {
        if (!await IsAwayAsync(epoch) || time.GetUtcNow() - _comingBackSince < StreamOpens)
        {
            return false;
        }

        (_redirectedAt, _redirectAnswered) = (time.GetUtcNow(), false);
        return true;
    }

    public async Task RedirectedAsync(bool taken)
    {
        _redirectAnswered = true;
        if (taken)
        {
            return;
        }

        // A call that stays is cut later, if it is cut, like any other.
        (_redirectedAt, _moving) = (null, false);
        if (_doubtfulStop > 0 && await CurrentAsync() is { InterruptedAt: not null } row && row.Epoch == _doubtfulStop)
        {
            await FinishAsync(EndReason.CallerHungUp, "The caller hung up.", null);
        }
    }

    public async Task<bool> MovingAsync(long epoch)
    {
        if (await CurrentAsync() is not { Node: not null, State: SessionState.Connecting or SessionState.Active or SessionState.OnHold } row || row.Epoch != epoch)
        {
            return false;
        }

        (_redirectedAt, _redirectAnswered) = (time.GetUtcNow(), false);
        return _moving = true;
    }

    public async Task AbandonAsync(long epoch)
    {
        if (await CurrentAsync() is { InterruptedBy: { } reason } row && row.Epoch == epoch)
        {
            LogReaped(row.Id, row.State);
            await FinishAsync(reason, $"{SessionRules.Lost(reason)}, and the call did not come back within {limits.RecoveryGrace.TotalSeconds:0} seconds.", null);
        }
    }

    public async Task DisownAsync(string life)
    {
        // An attachment is on its way to the node for a moment.
        if (await CurrentAsync() is { } row && row.Node == life && time.GetUtcNow() - _ownerSeenAt >= AttachingTakes)
        {
            await LoseNodeAsync(row, "The server lost sight of the call.");
        }
    }

    public async Task ReapAsync()
    {
        if (await CurrentAsync() is not { } row || SessionStates.IsTerminal(row.State))
        {
            return;
        }

        var now = time.GetUtcNow();
        if (row.Node is { } life)
        {
            if (!nodes.IsLiving(life))
            {
                await LoseNodeAsync(row, "The server that held the call was lost.");
            }
            else if (now - _ownerSeenAt >= limits.OwnerExpires)
            {
                // The node lives and has not spoken for the call for long: it could not record its end.
                await LoseNodeAsync(row, "The server lost sight of the call.");
            }
        }
        else if (row is { InterruptedAt: not null, State: not SessionState.WrapUp })
        {
            LetGo(row);
        }
        else if (row.State == SessionState.Created)
        {
            if (now - row.CreatedAt > limits.UnusedSessionLife)
            {
                await FinishAsync(EndReason.CancelledBeforeConnect, "No call came for this session.", "server");
            }
        }
        else if (now - row.UpdatedAt >= limits.RecoveryGrace)
        {
            LogReaped(row.Id, row.State);
            await FinishAsync(EndReason.TalkServerLost, "No call was left that could have ended the session.", "server");
        }
    }

    private async Task LoseNodeAsync(SessionRow row, string detail)
    {
        if (row.State != SessionState.WrapUp)
        {
            await InterruptAsync(EndReason.TalkServerLost, detail);
            return;
        }

        // Ended already; only the call that would have told so is gone. The caller still listens into the silence.
        recovery.HangUp(row.Id);
        await FinishAsync(EndReason.TalkServerLost, detail, "server");
    }

    private async Task InterruptAsync(EndReason reason, string detail)
    {
        // A new epoch already now: whoever held the call can no longer write, be it dead or only asleep.
        var draft = new JournalDraft(_row, _row! with { Epoch = _row.Epoch + 1, OwnerFacts = 0 });
        draft.Add(new CallInterrupted(reason, detail), time.GetUtcNow());
        _moving = false;
        await CommitAsync(draft);
        LetGo(draft.Row);
    }

    /// <summary>The row says that the call was interrupted: its caller is brought back. Done again it changes nothing.</summary>
    private void LetGo(SessionRow row)
    {
        NobodyOwns();
        recovery.Begin(row.Id, row.Epoch, row.InterruptedAt!.Value, row.InterruptedBy);
    }
}
