using Kraliki.Contracts;
using Kraliki.OperatorConsole.Design;

namespace Kraliki.OperatorConsole.Calls;

/// <summary>
/// A call as it is read: the projection of its journal and of the partial words between. Pure; one thread.
/// </summary>
/// <remarks>
/// A turn keeps the place of its first partial when it becomes final, so a reader's eye never has to jump. Events carry a
/// gap-free seq: what is not newer than <see cref="LastSeq"/> was seen before and is ignored, so a replay is harmless.
/// </remarks>
public sealed class CallStory
{
    private readonly List<StoryEntry> _entries = [];
    private readonly List<SessionEvent> _events = [];
    private readonly HashSet<string> _finished = [];
    private readonly List<SuggestionMade> _suggestions = [];
    private DateTimeOffset? _lineOpenedAt;

    public IReadOnlyList<StoryEntry> Entries => _entries;

    /// <summary>The journal as far as it is here, in order.</summary>
    public IReadOnlyList<SessionEvent> Events => _events;

    /// <summary>Suggestions that nobody has decided about, oldest first.</summary>
    public IReadOnlyList<SuggestionMade> Suggestions => _suggestions;

    public SessionView? Session { get; private set; }

    public ProviderStory Provider { get; } = new();

    public CallMeters? Meters { get; private set; }

    /// <summary>What has happened and is not in the database; null when all is.</summary>
    public Unsaved? Unsaved { get; private set; }

    /// <summary>Since when the caller's line is lost and is being brought back; null while it is open.</summary>
    public DateTimeOffset? InterruptedSince { get; private set; }

    public long LastSeq { get; private set; }

    public void Apply(SessionView session)
    {
        // A view that was read before events already applied here would take the call back in time.
        if (Session is null || session.LastSeq >= Session.LastSeq)
        {
            Session = session;
        }
    }

    /// <param name="meters">Null after a break of the connection: the last levels are then no longer true.</param>
    public void Apply(CallMeters? meters) => Meters = meters;

    public void Apply(PartialTranscript partial)
    {
        // Partials are not ordered against events: one may come after its turn is finished, saved or not.
        if (partial.Text.Length == 0)
        {
            _entries.RemoveAll(entry => entry is SpokenEntry { Final: false, Saved: true } && entry.Key == TurnKey(partial.TurnId));
        }
        else if (!_finished.Contains(partial.TurnId) && !_entries.Exists(entry => entry is SpokenEntry { Saved: false } && entry.Key == TurnKey(partial.TurnId)))
        {
            Put(new SpokenEntry(TurnKey(partial.TurnId), partial.StartMs, partial.Speaker, partial.Text, Final: false));
        }
    }

    /// <param name="unsaved">Replaces what was said before; null when nothing is known, after a break of the connection.</param>
    public void Apply(Unsaved? unsaved)
    {
        Unsaved = unsaved is { Count: > 0 } ? unsaved : null;
        if (Unsaved is null)
        {
            // What has not come as an event by now belonged to a call that lost its session.
            _entries.RemoveAll(entry => entry is SpokenEntry { Saved: false });
            return;
        }

        // Other facts have no name of their own, by which their event would find them again; they are counted.
        foreach (var turn in Unsaved.Facts.OfType<TurnFinished>().Where(turn => !_finished.Contains(turn.TurnId)))
        {
            Finish(turn, saved: false);
        }
    }

    /// <returns>False when the event was known.</returns>
    public bool Apply(SessionEvent entry)
    {
        if (entry.Seq <= LastSeq)
        {
            return false;
        }

        LastSeq = entry.Seq;
        _events.Add(entry);
        var awaited = Provider.Phase == ProviderPhase.Connecting;
        Provider.Apply(entry, isNews: Session is not null && entry.Seq > Session.LastSeq);
        InterruptedSince = entry.Data switch
        {
            CallInterrupted => entry.At,
            CallResumed or StateChanged { To: SessionState.WrapUp or SessionState.Completed or SessionState.Failed } => null,
            _ => InterruptedSince,
        };
        switch (entry.Data)
        {
            case CarrierConnected:
                _lineOpenedAt ??= entry.At;
                break;
            case CallInterrupted:
                Meters = null;
                break;
            case CallResumed { GapMs: > 0 }:
                // Whoever heard these words is gone. Should the old line have last words after all, they come as turns.
                DropPartials();
                break;
        }

        Follow(entry);
        switch (entry.Data)
        {
            case TurnFinished turn:
                _finished.Add(turn.TurnId);
                Finish(turn, saved: true);
                break;
            case OperatorText text:
                Put(new SpokenEntry($"e{entry.Seq}", SinceStart(entry.At), LegRole.Operator, text.Text, Final: true));
                break;
            case DtmfReceived dtmf when _entries is [.., MomentEntry { Glyph: Glyphs.Keypad } keys]:
                // A number typed in is one thing that happened, not eleven.
                Put(keys with { Sentence = $"{keys.Sentence} {dtmf.Digit}" });
                break;
            case SentimentMeasured measured:
                Annotate(measured.TurnId, spoken => spoken with { Mood = measured.Label });
                break;
            case IntentDetected detected:
                Annotate(detected.TurnId, spoken => spoken with { Intent = detected.Intent });
                break;
            case SuggestionMade made:
                _suggestions.Add(made);
                break;
            case SuggestionDecided decided:
                _suggestions.RemoveAll(made => made.SuggestionId == decided.SuggestionId);
                break;
            case ProviderConnected when !awaited:
                // Made ready beside the one that has the call: what comes of it follows.
                break;
            default:
                if (Moments.Of(entry, SinceStart(entry.At)) is { } moment)
                {
                    Put(moment);
                }

                break;
        }

        return true;
    }

    /// <summary>Unfinished words are over when the call is, or the line on which they were said: nothing will finish them any more.</summary>
    private void DropPartials() => _entries.RemoveAll(entry => entry is SpokenEntry { Final: false });

    private void Finish(TurnFinished turn, bool saved)
    {
        var key = TurnKey(turn.TurnId);
        if (turn.Text.Length == 0)
        {
            _entries.RemoveAll(entry => entry.Key == key);
            return;
        }

        Put(new SpokenEntry(key, turn.StartMs, turn.Speaker, turn.Text, Final: true, turn.Interrupted, turn.HeardMs, Saved: saved));
    }

    private void Annotate(string turnId, Func<SpokenEntry, SpokenEntry> change)
    {
        var place = _entries.FindLastIndex(entry => entry.Key == TurnKey(turnId));
        if (place >= 0 && _entries[place] is SpokenEntry spoken)
        {
            _entries[place] = change(spoken);
        }
    }

    private void Put(StoryEntry entry)
    {
        var place = _entries.FindLastIndex(other => other.Key == entry.Key);
        if (place < 0)
        {
            // What is saved stands before what is not, as in the journal, and before words that began later and go on.
            var end = _entries.Count;
            while (end > 0 && _entries[end - 1] is SpokenEntry later
                && (later.Final ? !later.Saved && entry is not SpokenEntry { Saved: false } : entry is not SpokenEntry { Final: false } && later.AtMs > entry.AtMs))
            {
                end--;
            }

            _entries.Insert(end, entry);
        }
        else
        {
            _entries[place] = entry;
        }
    }

    /// <summary>Keeps the session's own fields in step with its events, so that nothing has to be asked for again.</summary>
    private void Follow(SessionEvent entry)
    {
        if (Session is not { } session || entry.Seq <= session.LastSeq)
        {
            return;
        }

        session = session with { LastSeq = entry.Seq, UpdatedAt = entry.At };
        Session = entry.Data switch
        {
            StateChanged change => session with
            {
                State = change.To,
                Version = session.Version + 1,
                Microphone = change.To is SessionState.WrapUp || SessionStates.IsTerminal(change.To) ? null : session.Microphone,
                StartedAt = change.To == SessionState.Active ? session.StartedAt ?? entry.At : session.StartedAt,
                EndedAt = change.To is SessionState.WrapUp || SessionStates.IsTerminal(change.To) ? session.EndedAt ?? entry.At : session.EndedAt,
                EndReason = change.Reason ?? session.EndReason,
                EndDetail = change.Detail ?? session.EndDetail,
            },
            SessionUpdated update => session with
            {
                Version = session.Version + 1,
                PhoneNumber = update.PhoneNumber ?? session.PhoneNumber,
                Metadata = update.Metadata ?? session.Metadata,
            },
            MicrophoneTaken taken => session with { Version = session.Version + 1, Microphone = new(taken.User, taken.ClientId, entry.At) },
            MicrophoneReleased => session with { Version = session.Version + 1, Microphone = null },
            FailoverPolicyChanged => session with { Version = session.Version + 1 },
            ProviderConnected or ProviderSwitched => session with { Provider = Provider.Current ?? session.Provider },
            _ => session,
        };
        if (SessionStates.IsTerminal(Session.State))
        {
            DropPartials();
        }
    }

    /// <summary>In the time in which turns count: from the first opening of the line, interruptions included.</summary>
    private long? SinceStart(DateTimeOffset at) =>
        (_lineOpenedAt ?? Session?.StartedAt ?? Session?.CreatedAt) is { } start ? Math.Max(0, (long)(at - start).TotalMilliseconds) : null;

    private static string TurnKey(string turnId) => "t" + turnId;
}
