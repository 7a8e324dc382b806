using Kraliki.Contracts;

namespace Kraliki.Chaos;

public enum FindingKind
{
    /// <summary>Somebody was told that it is kept, and it is not there.</summary>
    Lost,

    /// <summary>It happened once and is there twice.</summary>
    Duplicated,

    /// <summary>It is told in another order than it happened in.</summary>
    Reordered,

    /// <summary>It is there and nobody did it.</summary>
    Phantom,

    /// <summary>A call or session ended that nobody ended, or did not end when somebody did.</summary>
    Ended,

    /// <summary>A call's media connection broke, and no fault had broken it.</summary>
    Cut,

    /// <summary>Of a call nothing could be compared: that nothing is missing says nothing then.</summary>
    Unproven,
}

public sealed record Finding(FindingKind Kind, Guid? Session, string What);

/// <param name="LinesCompared">Lines of callers that had to be in the journal.</param>
/// <param name="LinesExcused">Lines that need not be: not carried whole by one media connection, or said when a fault hit this very call.</param>
public sealed record Comparison(IReadOnlyList<Finding> Findings, int LinesCompared, int LinesExcused);

/// <summary>Compares what the database, the clients, the writers and the carrier say about the same calls. Pure.</summary>
/// <remarks>
/// 1 the journal in itself · 2 each client's log against the journal · 3 acknowledged writes against the journal · 4 what
/// callers said against the caller's turns of the journal · 5 who ended what, and who was told · 6 which media connections broke.
/// </remarks>
public static class HistoryChecker
{
    /// <summary>The key of the session's metadata that writers write.</summary>
    public const string Marker = "chaos";

    // From the end of a line to its turn in the journal: recognition, and the longest outage of the database in a run.
    private static readonly TimeSpan LongestToTurn = TimeSpan.FromSeconds(25);

    // From the end of a line to its turn in the journal in quiet times: half a second of silence by which the provider knows
    // that it has ended, recognition, and the commit, all on cores that may be starting two nodes. Until then it exists only
    // in the process that is killed, and nobody was told that it is kept.
    private static readonly TimeSpan ToBeKept = TimeSpan.FromSeconds(3);

    // A call's clock counts whole milliseconds from its answer.
    private static readonly TimeSpan ClockSlack = TimeSpan.FromMilliseconds(100);

    public static Comparison Check(History history)
    {
        ArgumentNullException.ThrowIfNull(history);
        var found = new List<Finding>();
        var journal = history.Journal.GroupBy(entry => entry.Session).ToDictionary(group => group.Key, group => group.ToList());
        foreach (var session in history.Sessions)
        {
            var entries = journal.GetValueOrDefault(session.Id) ?? [];
            CheckJournal(session, entries, found);
            CheckClient(session.Id, [.. history.Seen.Where(seen => seen.Session == session.Id)], entries, found);
            CheckWrites(session.Id, [.. history.Writes.Where(write => write.Session == session.Id)], entries, found);
        }

        var (compared, excused) = (0, 0);
        foreach (var call in history.Calls)
        {
            CheckEnd(call, history.Sessions, found);
            found.AddRange(call.Cuts.Where(cut => !call.Strikes.Any(strike => strike.From - ClockSlack <= cut && cut <= strike.To + ClockSlack))
                .Select(cut => new Finding(FindingKind.Cut, call.Session, $"call {call.CallSid}: its media connection broke at {cut:HH:mm:ss.f}, and no fault had broken it")));
            if (call.Session is { } session)
            {
                var owed = CheckTurns(session, call, journal.GetValueOrDefault(session) ?? [], found);
                (compared, excused) = (compared + owed, excused + call.Lines.Count - owed);
                if (owed == 0)
                {
                    found.Add(new(FindingKind.Unproven, session, $"call {call.CallSid}: none of its {call.Lines.Count} lines could be compared"));
                }
            }
        }

        var called = history.Calls.Select(call => call.Session).ToHashSet();
        found.AddRange(history.Sessions.Where(session => !called.Contains(session.Id))
            .Select(session => new Finding(FindingKind.Phantom, session.Id, "a session that no call belongs to")));
        found.AddRange(history.Calls.Where(call => call.Session is not null).GroupBy(call => call.Session).Where(group => group.Count() > 1)
            .Select(group => new Finding(FindingKind.Phantom, group.Key, $"{group.Count()} calls belong to one session")));
        found.AddRange(history.NotTold.Select(client => new Finding(FindingKind.Ended, client.Session, $"client: was not told that the session is over: {client.Why}")));
        return new(found, compared, excused);
    }

    private static void CheckJournal(SessionRecord session, List<JournalEntry> entries, List<Finding> found)
    {
        var expected = 1L;
        foreach (var seq in entries.Select(entry => entry.Seq).Order())
        {
            if (seq < expected)
            {
                found.Add(new(FindingKind.Duplicated, session.Id, $"journal: seq {seq} twice"));
                continue;
            }

            if (seq > expected)
            {
                found.Add(new(FindingKind.Lost, session.Id, $"journal: nothing from seq {expected} to {seq - 1}"));
            }

            expected = seq + 1;
        }

        if (session.LastSeq != expected - 1)
        {
            found.Add(new(
                session.LastSeq >= expected ? FindingKind.Lost : FindingKind.Phantom, session.Id, $"journal: the session counts {session.LastSeq} events, there are {expected - 1}"));
        }

        found.AddRange(entries.Select(entry => entry.Fact).OfType<TurnFinished>().GroupBy(turn => turn.TurnId).Where(group => group.Count() > 1)
            .Select(group => new Finding(FindingKind.Duplicated, session.Id, $"journal: turn {group.Key} {group.Count()} times")));
    }

    private static void CheckClient(Guid session, List<SeenEvent> seen, List<JournalEntry> entries, List<Finding> found)
    {
        var kept = entries.DistinctBy(entry => entry.Seq).ToDictionary(entry => entry.Seq, entry => SeenEvent.HashOf(entry.Fact));
        var told = new HashSet<long>();
        var newest = 0L;
        foreach (var copy in seen)
        {
            if (!told.Add(copy.Seq))
            {
                found.Add(new(FindingKind.Duplicated, session, $"client: seq {copy.Seq} came twice"));
            }
            else if (copy.Seq < newest)
            {
                found.Add(new(FindingKind.Reordered, session, $"client: seq {copy.Seq} came after {newest}"));
            }

            newest = Math.Max(newest, copy.Seq);
            if (!kept.TryGetValue(copy.Seq, out var hash))
            {
                found.Add(new(FindingKind.Phantom, session, $"client: seq {copy.Seq} is not in the journal"));
            }
            else if (hash != copy.Hash)
            {
                found.Add(new(FindingKind.Phantom, session, $"client: seq {copy.Seq} is something else in the journal"));
            }
        }

        // A socket is closed when the session is over. What is found out about a session later is read from the journal.
        var over = entries.Find(entry => entry.Fact is StateChanged { To: SessionState.Completed or SessionState.Failed })?.Seq ?? long.MaxValue;
        found.AddRange(kept.Keys.Except(told).Where(seq => seq <= over).Order().Select(seq => new Finding(FindingKind.Lost, session, $"client: seq {seq} never came")));
    }

    private static void CheckWrites(Guid session, List<Write> writes, List<JournalEntry> entries, List<Finding> found)
    {
        var places = entries
            .Select(entry => (entry.Seq, Marker: (entry.Fact as SessionUpdated)?.Metadata?.GetValueOrDefault(Marker)))
            .Where(entry => entry.Marker is not null)
            .ToLookup(entry => entry.Marker!, entry => entry.Seq);
        var newest = 0L;
        foreach (var write in writes)
        {
            var seqs = places[write.Marker].ToList();
            if (seqs.Count > 1)
            {
                found.Add(new(FindingKind.Duplicated, session, $"write {write.Marker}: carried out {seqs.Count} times"));
            }

            if (!write.Acknowledged)
            {
                continue;
            }

            if (seqs.Count == 0)
            {
                found.Add(new(FindingKind.Lost, session, $"write {write.Marker}: acknowledged, not in the journal"));
            }
            else if (seqs[0] < newest)
            {
                found.Add(new(FindingKind.Reordered, session, $"write {write.Marker}: acknowledged after one that stands behind it"));
            }
            else
            {
                newest = seqs[0];
            }
        }

        var asked = writes.Select(write => write.Marker).ToHashSet();
        found.AddRange(places.Where(place => !asked.Contains(place.Key))
            .Select(place => new Finding(FindingKind.Phantom, session, $"write {place.Key}: nobody asked for it")));
    }

    /// <returns>How many of the call's lines had to be there.</returns>
    private static int CheckTurns(Guid session, CallRecord call, List<JournalEntry> entries, List<Finding> found)
    {
        var heard = new bool[call.Lines.Count];
        var next = 0;
        foreach (var entry in entries)
        {
            // A turn without words is a sound that nobody could understand, such as the rest of a line that was cut.
            if (entry.Fact is not TurnFinished { Speaker: LegRole.Caller, Text: { Length: > 0 } text })
            {
                continue;
            }

            var candidates = Enumerable.Range(0, call.Lines.Count)
                .Where(i => call.Lines[i].Text == text && call.Lines[i].Start < entry.At && (call.Lines[i].End ?? entry.At) > entry.At - LongestToTurn)
                .ToList();
            if (candidates.FindIndex(i => i >= next && !heard[i]) is var fresh and >= 0)
            {
                var place = candidates[fresh];
                heard[place] = true;
                next = place + 1;
            }
            else if (candidates.Count == 0)
            {
                found.Add(new(FindingKind.Phantom, session, $"turn \"{text}\" (seq {entry.Seq}): the caller did not say it"));
            }
            else if (candidates.TrueForAll(i => heard[i]))
            {
                // Half of a line before the cut and the rest after it are two turns to whoever hears them.
                if (candidates.TrueForAll(i => call.Lines[i].OneStream))
                {
                    found.Add(new(FindingKind.Duplicated, session, $"turn \"{text}\" (seq {entry.Seq}): said once, there twice"));
                }
            }
            else
            {
                heard[candidates.Find(i => !heard[i])] = true;
                found.Add(new(FindingKind.Reordered, session, $"turn \"{text}\" (seq {entry.Seq}): the caller said it earlier"));
            }
        }

        var owed = 0;
        for (var i = 0; i < heard.Length; i++)
        {
            var line = call.Lines[i];
            if (!IsOwed(call, line))
            {
                continue;
            }

            owed++;
            if (!heard[i])
            {
                found.Add(new(FindingKind.Lost, session, $"turn \"{line.Text}\" of {line.Start:HH:mm:ss.f}: carried whole, not in the journal"));
            }
        }

        return owed;
    }

    private static bool IsOwed(CallRecord call, SpokenLine line) =>
        line is { OneStream: true, End: { } end }
        && end < (call.HungUpAt ?? call.EndedAt ?? DateTimeOffset.MaxValue) - ToBeKept
        && !call.Strikes.Any(strike => strike.From < end + ToBeKept && strike.To > line.Start);

    private static void CheckEnd(CallRecord call, IReadOnlyList<SessionRecord> sessions, List<Finding> found)
    {
        if (call.Session is not { } id || sessions.FirstOrDefault(session => session.Id == id) is not { } session)
        {
            found.Add(new(FindingKind.Lost, call.Session, $"call {call.CallSid}: there is no session"));
            return;
        }

        if (call.HungUpAt is null || call.EndedAt < call.HungUpAt - ClockSlack)
        {
            found.Add(new(FindingKind.Ended, id, $"call {call.CallSid}: ended by {call.EndedBy ?? "nobody"}, not by its caller"));
        }
        else if (session is not { State: "completed", EndReason: "caller_hung_up" })
        {
            found.Add(new(FindingKind.Ended, id, $"call {call.CallSid}: its caller hung up, its session is {session.State} ({session.EndReason ?? "no reason"})"));
        }
    }
}
