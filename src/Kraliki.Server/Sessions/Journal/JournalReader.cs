using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.HotTier;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Sessions.Journal;

/// <summary>
/// Reads sessions and their journals, across organisations, for the server itself; only <see cref="FindAsync"/> asks whose
/// session it is.
/// </summary>
/// <remarks>
/// Rows come from the database and, while it does not answer, from the hot tier. Such a row may be a little old: a change that
/// is based on it is refused by the journal's fence. The newest events come from the hot tier first, because they never change.
/// </remarks>
/// <exception cref="JournalUnavailableException">Any of these, when the database does not answer and the hot tier does not know.</exception>
internal sealed class JournalReader(KralikiDbFactory databases, HotSessions hot, DatabaseWatch database, HotTierLimits limits, TimeProvider time)
{
    /// <summary>A session of this organisation; null when it has none with this id.</summary>
    public Task<SessionRow?> FindAsync(Guid organisation, Guid session, CancellationToken cancellationToken) =>
        RowAsync((Guid?)organisation, session, cancellationToken);

    /// <summary>Null when there is no such session.</summary>
    public Task<SessionRow?> RowAsync(Guid session, CancellationToken cancellationToken) => RowAsync(null, session, cancellationToken);

    /// <returns>In order, without a gap. Fewer than <paramref name="limit"/> need not be all: who knows of later ones asks again.</returns>
    public async Task<List<SessionEvent>> EventsAsync(Guid session, long afterSeq, int limit, CancellationToken cancellationToken) =>
        await hot.EventsAsync(session, afterSeq, limit, lastResort: false)
        ?? await AnswerAsync(
            stop => ListAsync(session, rows => rows.Where(row => row.Seq > afterSeq).OrderBy(row => row.Seq).Take(limit), stop),
            async () =>
            {
                var events = await hot.EventsAsync(session, afterSeq, limit, lastResort: true);
                var nothingNew = events is null && await hot.RowAsync(session) is { } row && row.LastSeq <= afterSeq;
                return (events is not null || nothingNew, events ?? []);
            },
            cancellationToken);

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

    private Task<SessionRow?> RowAsync(Guid? organisation, Guid session, CancellationToken cancellationToken) => AnswerAsync(
        async stop =>
        {
            await using var db = databases.OpenFor(organisation);
            return await db.Set<SessionRow>().AsNoTracking().SingleOrDefaultAsync(row => row.Id == session, stop);
        },
        async () => await hot.RowAsync(session) is { } row
            ? (true, organisation is null || organisation == row.OrganisationId ? row : null)
            : (false, null),
        cancellationToken);

    private Task<List<SessionEvent>> OfKindsAsync(Guid session, string[] kinds, CancellationToken cancellationToken) => AnswerAsync(
        stop => ListAsync(session, rows => rows.Where(row => kinds.Contains(row.Kind)).OrderBy(row => row.Seq), stop),
        async () =>
        {
            // Of use only when it goes back to the beginning.
            var events = await hot.EventsAsync(session, afterSeq: 0, HotSessions.Recent, lastResort: true) ?? [];
            var whole = await hot.RowAsync(session) is { } row && row.LastSeq == events.Count;
            return (whole, events.FindAll(happened => kinds.Contains(JournalJson.KindOf(happened.Data))));
        },
        cancellationToken);

    private async Task<List<SessionEvent>> ListAsync(Guid session, Func<IQueryable<SessionEventRow>, IQueryable<SessionEventRow>> which, CancellationToken cancellationToken)
    {
        await using var db = databases.OpenForSystem();
        var rows = await which(db.Set<SessionEventRow>().AsNoTracking().Where(row => row.SessionId == session)).ToListAsync(cancellationToken);
        return rows.ConvertAll(row => row.ToEvent());
    }

    /// <param name="otherwise">What the hot tier knows; asked when the database does not answer.</param>
    private async Task<T> AnswerAsync<T>(Func<CancellationToken, Task<T>> ask, Func<Task<(bool Known, T Value)>> otherwise, CancellationToken cancellationToken)
    {
        if (!hot.IsConfigured)
        {
            return await ask(cancellationToken);
        }

        if (database.Fault is not null && await otherwise() is (true, var known))
        {
            return known;
        }

        using var patience = new CancellationTokenSource(limits.DatabasePatience, time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        try
        {
            return await ask(stop.Token);
        }
        catch (Exception e) when (DatabaseFault.KindOf(e) is not null || (patience.IsCancellationRequested && !cancellationToken.IsCancellationRequested))
        {
            database.Suspect();
            var (found, value) = await otherwise();
            return found ? value
                : e is OperationCanceledException ? await ask(cancellationToken)
                : throw new JournalUnavailableException("The journal cannot be read at present.", e);
        }
    }
}
