using Kraliki.Contracts;
using Kraliki.Server.Data;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Sessions.Journal;

/// <summary>Reads the journal for the server itself, across organisations: who may see a session is decided before.</summary>
internal sealed class JournalReader(KralikiDbFactory databases)
{
    /// <summary>Null when there is no such session.</summary>
    public async Task<SessionRow?> RowAsync(Guid session, CancellationToken cancellationToken)
    {
        await using var db = databases.OpenForSystem();
        return await db.Set<SessionRow>().AsNoTracking().SingleOrDefaultAsync(row => row.Id == session, cancellationToken);
    }

    public async Task<List<SessionEvent>> EventsAsync(Guid session, long afterSeq, int limit, CancellationToken cancellationToken)
    {
        await using var db = databases.OpenForSystem();
        var rows = await db.Set<SessionEventRow>().AsNoTracking()
            .Where(row => row.SessionId == session && row.Seq > afterSeq)
            .OrderBy(row => row.Seq)
            .Take(limit)
            .ToListAsync(cancellationToken);
        return rows.ConvertAll(row => row.ToEvent());
    }

    /// <summary>The finished turns, oldest first.</summary>
    public Task<List<SessionEvent>> TurnsAsync(Guid session, CancellationToken cancellationToken) =>
        OfKindsAsync(session, [JournalJson.KindOf<TurnFinished>()], cancellationToken);

    /// <summary>The suggestions and the decisions about them, oldest first.</summary>
    public Task<List<SessionEvent>> SuggestionsAsync(Guid session, CancellationToken cancellationToken) =>
        OfKindsAsync(session, [JournalJson.KindOf<SuggestionMade>(), JournalJson.KindOf<SuggestionDecided>()], cancellationToken);

    /// <summary>Sessions that a call is, or should be, part of; and unused ones created before <paramref name="unusedSince"/>.</summary>
    public async Task<List<Guid>> UnfinishedAsync(DateTimeOffset unusedSince, CancellationToken cancellationToken)
    {
        await using var db = databases.OpenForSystem();
        return await db.Set<SessionRow>().AsNoTracking()
            .Where(row => row.State == SessionState.Connecting || row.State == SessionState.Active
                || row.State == SessionState.OnHold || row.State == SessionState.WrapUp
                || (row.State == SessionState.Created && row.CreatedAt < unusedSince))
            .Select(row => row.Id)
            .ToListAsync(cancellationToken);
    }

    /// <summary>Whose microphones are taken at present, in the whole installation.</summary>
    public async Task<List<(Guid Session, string User, string Client)>> MicrophonesAsync(CancellationToken cancellationToken)
    {
        await using var db = databases.OpenForSystem();
        var rows = await db.Set<SessionRow>().AsNoTracking()
            .Where(row => row.MicrophoneUser != null)
            .Select(row => new { row.Id, row.MicrophoneUser, row.MicrophoneClient })
            .ToListAsync(cancellationToken);
        return rows.ConvertAll(row => (row.Id, row.MicrophoneUser!, row.MicrophoneClient!));
    }

    private async Task<List<SessionEvent>> OfKindsAsync(Guid session, string[] kinds, CancellationToken cancellationToken)
    {
        await using var db = databases.OpenForSystem();
        var rows = await db.Set<SessionEventRow>().AsNoTracking()
            .Where(row => row.SessionId == session && kinds.Contains(row.Kind))
            .OrderBy(row => row.Seq)
            .ToListAsync(cancellationToken);
        return rows.ConvertAll(row => row.ToEvent());
    }
}
