using Kraliki.Contracts;
using Kraliki.Server.Data;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Sessions.Journal;

/// <summary>Reads the journal for the server itself, across organisations: who may see a session is decided before.</summary>
/// <exception cref="JournalUnavailableException">Any of these, when the database is away.</exception>
internal sealed class JournalReader(KralikiDbFactory databases, DatabaseWatch database)
{
    /// <summary>Null when there is no such session.</summary>
    public Task<SessionRow?> RowAsync(Guid session, CancellationToken cancellationToken) =>
        ReadAsync(db => db.Set<SessionRow>().AsNoTracking().SingleOrDefaultAsync(row => row.Id == session, cancellationToken));

    /// <summary>How far each of these sessions is.</summary>
    public Task<Dictionary<Guid, long>> LastSeqsAsync(IReadOnlyCollection<Guid> sessions, CancellationToken cancellationToken) =>
        ReadAsync(db => db.Set<SessionRow>()
            .Where(row => sessions.Contains(row.Id))
            .Select(row => new { row.Id, row.LastSeq })
            .ToDictionaryAsync(row => row.Id, row => row.LastSeq, cancellationToken));

    public Task<List<SessionEvent>> EventsAsync(Guid session, long afterSeq, int limit, CancellationToken cancellationToken) =>
        ReadAsync(async db =>
        {
            var rows = await db.Set<SessionEventRow>().AsNoTracking()
                .Where(row => row.SessionId == session && row.Seq > afterSeq)
                .OrderBy(row => row.Seq)
                .Take(limit)
                .ToListAsync(cancellationToken);
            return rows.ConvertAll(row => row.ToEvent());
        });

    /// <summary>The finished turns, oldest first.</summary>
    public Task<List<SessionEvent>> TurnsAsync(Guid session, CancellationToken cancellationToken) =>
        OfKindsAsync(session, [JournalJson.KindOf<TurnFinished>()], cancellationToken);

    /// <summary>The finished turns and the operators' lines, oldest first: what a call that comes back goes on from.</summary>
    public Task<List<SessionEvent>> ConversationAsync(Guid session, CancellationToken cancellationToken) =>
        OfKindsAsync(session, [JournalJson.KindOf<TurnFinished>(), JournalJson.KindOf<OperatorText>()], cancellationToken);

    /// <summary>The suggestions and the decisions about them, oldest first.</summary>
    public Task<List<SessionEvent>> SuggestionsAsync(Guid session, CancellationToken cancellationToken) =>
        OfKindsAsync(session, [JournalJson.KindOf<SuggestionMade>(), JournalJson.KindOf<SuggestionDecided>()], cancellationToken);

    /// <summary>
    /// Sessions that nobody may be looking after: unused ones created before <paramref name="unusedSince"/>, and those that a
    /// call is, or should be, part of, but of none of the nodes <paramref name="living"/>; with those of <paramref name="self"/> all the same, which knows better.
    /// </summary>
    public Task<List<(Guid Id, string? Node)>> UnattendedAsync(DateTimeOffset unusedSince, IReadOnlyCollection<string> living, string self, CancellationToken cancellationToken) =>
        ReadAsync(async db =>
        {
            var rows = await db.Set<SessionRow>().AsNoTracking()
                .Where(row => row.State != SessionState.Completed && row.State != SessionState.Failed)
                .Where(row => row.Node == null
                    ? row.State != SessionState.Created || row.InterruptedAt != null || row.CreatedAt < unusedSince
                    : row.Node == self || !living.Contains(row.Node))
                .Select(row => new { row.Id, row.Node })
                .ToListAsync(cancellationToken);
            return rows.ConvertAll(row => (row.Id, row.Node));
        });

    /// <summary>Whose microphones are taken at present, in the whole installation.</summary>
    public Task<List<(Guid Session, string User, string Client)>> MicrophonesAsync(CancellationToken cancellationToken) =>
        ReadAsync(async db =>
        {
            var rows = await db.Set<SessionRow>().AsNoTracking()
                .Where(row => row.MicrophoneUser != null)
                .Select(row => new { row.Id, row.MicrophoneUser, row.MicrophoneClient })
                .ToListAsync(cancellationToken);
            return rows.ConvertAll(row => (row.Id, row.MicrophoneUser!, row.MicrophoneClient!));
        });

    private Task<List<SessionEvent>> OfKindsAsync(Guid session, string[] kinds, CancellationToken cancellationToken) =>
        ReadAsync(async db =>
        {
            var rows = await db.Set<SessionEventRow>().AsNoTracking()
                .Where(row => row.SessionId == session && kinds.Contains(row.Kind))
                .OrderBy(row => row.Seq)
                .ToListAsync(cancellationToken);
            return rows.ConvertAll(row => row.ToEvent());
        });

    /// <summary>What a driver throws stays here: grains answer across nodes, where its exceptions mean nothing.</summary>
    private async Task<T> ReadAsync<T>(Func<KralikiDb, Task<T>> read)
    {
        if (database is { InVain: true, Fault.Kind: DatabaseFaultKind.Away })
        {
            throw new JournalUnavailableException("The database does not answer.");
        }

        try
        {
            await using var db = databases.OpenForSystem();
            return await read(db);
        }
        catch (Exception e) when (DatabaseFault.KindOf(e) is not null)
        {
            database.Suspect();
            throw new JournalUnavailableException("The journal cannot be read at present.", e);
        }
    }
}
