using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Kraliki.Contracts;

namespace Kraliki.Chaos;

/// <summary>Everything that anybody was told during a run, to be compared once all calls have ended.</summary>
/// <param name="NotTold">Clients that never learned that their session was over, and what they met instead.</param>
public sealed record History(
    IReadOnlyList<CallRecord> Calls,
    IReadOnlyList<SessionRecord> Sessions,
    IReadOnlyList<JournalEntry> Journal,
    IReadOnlyList<SeenEvent> Seen,
    IReadOnlyList<Write> Writes,
    IReadOnlyList<NotTold> NotTold);

/// <summary>A call as the carrier and the caller know it.</summary>
/// <param name="Session">What the database says that it belongs to; null when it knows nothing of it.</param>
/// <param name="HungUpAt">When this run made the caller hang up; null when it did not come to that.</param>
/// <param name="EndedBy">Who ended it, and how, in the carrier's words.</param>
/// <param name="Lines">What the caller said, in order.</param>
/// <param name="Strikes">The faults that hit the media of this very call. Nothing else excuses a line that is missing.</param>
/// <param name="Cuts">When its media connections broke without a goodbye.</param>
public sealed record CallRecord(
    string CallSid,
    Guid? Session,
    DateTimeOffset? HungUpAt,
    DateTimeOffset? EndedAt,
    string? EndedBy,
    IReadOnlyList<SpokenLine> Lines,
    IReadOnlyList<Strike> Strikes,
    IReadOnlyList<DateTimeOffset> Cuts);

/// <param name="End">Null when the caller did not come to its end.</param>
/// <param name="OneStream">The same media connection carried all of it.</param>
public sealed record SpokenLine(string Text, DateTimeOffset Start, DateTimeOffset? End, bool OneStream);

/// <summary>A row of the database's <c>sessions</c>.</summary>
public sealed record SessionRecord(Guid Id, string State, string? EndReason, long LastSeq);

/// <summary>A row of the database's <c>session_events</c>.</summary>
public sealed record JournalEntry(Guid Session, long Seq, DateTimeOffset At, SessionFact Fact);

/// <summary>What a client of the session socket was handed, in the order in which it was.</summary>
public sealed record SeenEvent(Guid Session, long Seq, string Hash)
{
    /// <summary>Of the fact's JSON: equal facts have equal hashes, wherever they come from.</summary>
    public static string HashOf(SessionFact fact) =>
        Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(JsonSerializer.Serialize(fact, ContractsJson.Default.SessionFact))))[..16];
}

/// <summary>A write that a client asked for; each has a marker of its own. One client writes one after the other to its session.</summary>
/// <param name="Acknowledged">The server said that it is done. Otherwise nobody knows: it may have been.</param>
public sealed record Write(Guid Session, string Marker, bool Acknowledged);

/// <summary>From a fault until the caller heard the agent again.</summary>
public sealed record Strike(DateTimeOffset From, DateTimeOffset To);

public sealed record NotTold(Guid Session, string Why);
