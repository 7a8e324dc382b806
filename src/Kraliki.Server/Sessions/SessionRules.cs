using Kraliki.Contracts;
using Kraliki.Server.Sessions.Journal;

namespace Kraliki.Server.Sessions;

/// <summary>Which moves of the state machine follow from what happened. Pure.</summary>
internal static class SessionRules
{
    /// <summary>Endings that somebody wanted; all others are faults.</summary>
    public static bool IsWanted(EndReason reason) => reason
        is EndReason.CallerHungUp or EndReason.OperatorEnded or EndReason.AssistantEnded or EndReason.CancelledBeforeConnect or EndReason.CostCapReached;

    /// <summary>There is nothing left to steer: the conversation has ended, or is about to.</summary>
    public static bool IsOver(SessionState state) => state == SessionState.WrapUp || SessionStates.IsTerminal(state);

    /// <summary>No provider was left that could have talked to the caller.</summary>
    public static bool IsProviders(EndReason? reason) => reason
        is EndReason.ConnectProviderRefused or EndReason.ConnectProviderUnauthorized or EndReason.ConnectProviderTimeout
        or EndReason.TalkProviderLost or EndReason.TalkProviderError or EndReason.TalkProviderExpired or EndReason.TalkProviderStalled;

    /// <summary>What the state alone says about a carrier whose stream is over.</summary>
    public static AfterStream AfterStream(SessionRow? row) => row?.State switch
    {
        SessionState.Failed => IsProviders(row.EndReason) ? Sessions.AfterStream.Human : Sessions.AfterStream.Apologise,
        null or SessionState.WrapUp or SessionState.Completed => Sessions.AfterStream.HangUp,
        _ => Sessions.AfterStream.ComeBack,
    };

    /// <summary>Media that vanished without anybody wanting the call to end: the caller is brought back.</summary>
    public static bool IsLoss(EndReason reason) => reason
        is EndReason.TalkCarrierLost or EndReason.TalkCarrierIdle or EndReason.TalkServerStopping or EndReason.TalkServerLost;

    /// <summary>What was lost, as the beginning of a sentence.</summary>
    public static string Lost(EndReason reason) => reason switch
    {
        EndReason.TalkServerLost => "The server that held the call was lost",
        EndReason.TalkServerStopping => "The server that held the call was stopped",
        _ => "The connection to the caller was lost",
    };

    /// <summary>The move that the newest fact of <paramref name="row"/> brings about, if any: carrier connected → connecting; carrier and provider connected → active.</summary>
    public static StateChanged? Following(SessionRow row) => row switch
    {
        { State: SessionState.Created, Media: not MediaSides.None } => new(row.State, SessionState.Connecting, "call"),
        { State: SessionState.Connecting, Media: MediaSides.Both } => new(row.State, SessionState.Active, "call"),
        _ => null,
    };

    /// <summary>The way to the end once media has stopped: a wanted ending of a conversation over wrap-up to completed, everything else to failed.</summary>
    public static IEnumerable<StateChanged> Ending(SessionState state, EndReason reason, string detail, string by)
    {
        switch (state)
        {
            case SessionState.Active or SessionState.OnHold when IsWanted(reason):
                yield return new(state, SessionState.WrapUp, by, reason, detail);
                yield return new(SessionState.WrapUp, SessionState.Completed, "server");
                break;
            case SessionState.WrapUp:
                yield return new(state, SessionState.Completed, by);
                break;
            case SessionState.Completed or SessionState.Failed:
                break;
            default:
                // What was never a conversation was not ended but cancelled.
                var early = state is SessionState.Created or SessionState.Connecting && reason == EndReason.OperatorEnded;
                yield return new(state, SessionState.Failed, by, early ? EndReason.CancelledBeforeConnect : reason, detail);
                break;
        }
    }

    /// <summary>Where a conversation's time is: it counts from its first media, and goes on while nobody is connected.</summary>
    /// <param name="conversation">What <see cref="JournalReader.ConversationAsync"/> has of it; empty when it begins.</param>
    /// <returns>Milliseconds, never less than the end of what was said: clocks of nodes differ.</returns>
    public static long AtMs(IReadOnlyCollection<SessionEvent> conversation, DateTimeOffset now)
    {
        var began = conversation.FirstOrDefault(happened => happened.Data is CarrierConnected)?.At ?? now;
        var saidUntil = conversation.Max(happened => (happened.Data as TurnFinished)?.EndMs) ?? 0;
        return Math.Max((long)(now - began).TotalMilliseconds, saidUntil);
    }

    /// <summary>Who brought this end about, as <see cref="StateChanged.By"/> says it.</summary>
    public static string By(EndReason reason) => reason switch
    {
        EndReason.CallerHungUp or EndReason.TalkCarrierLost or EndReason.TalkCarrierIdle or EndReason.TalkCarrierProtocolError
            or EndReason.ConnectCarrierRefused or EndReason.ConnectCarrierTimeout => "carrier",
        EndReason.TalkServerStopping or EndReason.TalkServerLost or EndReason.TalkServerFault => "server",
        _ => "call",
    };
}

/// <summary>A write that is being put together: facts get their numbers, the row follows them.</summary>
internal sealed class JournalDraft(SessionRow? before, SessionRow start)
{
    private readonly List<SessionEvent> _events = [];

    public SessionRow Row { get; private set; } = start;

    public SessionEvent[] Events => [.. _events];

    public void Add(SessionFact fact, DateTimeOffset at)
    {
        Put(fact, at);
        while (SessionRules.Following(Row) is { } move)
        {
            Put(move, at);
        }
    }

    public JournalWrite ToWrite(DateTimeOffset now)
    {
        Row = Row with { UpdatedAt = now };
        return new(before, Row, _events);
    }

    private void Put(SessionFact fact, DateTimeOffset at)
    {
        var happened = new SessionEvent(Row.LastSeq + 1, at, fact);
        _events.Add(happened);
        Row = Row.Apply(happened);
    }
}
