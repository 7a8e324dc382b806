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
/// <exception cref="JournalUnavailableException">Any of these, when the database is away and the hot tier does not know.</exception>
internal sealed class JournalReader(KralikiDbFactory databases, HotSessions hot, DatabaseWatch database, HotTierLimits limits, TimeProvider time)
{
    /// <summary>A session of this organisation; null when it has none with this id.</summary>
    public Task<SessionRow?> FindAsync(Guid organisation, Guid session, CancellationToken cancellationToken) =>
        RowAsync((Guid?)organisation, session, cancellationToken);

    /// <summary>Null when there is no such session.</summary>
    public Task<SessionRow?> RowAsync(Guid session, CancellationToken cancellationToken) => RowAsync(organisation: null, session, cancellationToken);

    /// <summary>How far each of these sessions is.</summary>
    public Task<Dictionary<Guid, long>> LastSeqsAsync(IReadOnlyCollection<Guid> sessions, CancellationToken cancellationToken) =>
        ReadAsync(db => db.Set<SessionRow>()
            .Where(row => sessions.Contains(row.Id))
            .Select(row => new { row.Id, row.LastSeq })
            .ToDictionaryAsync(row => row.Id, row => row.LastSeq, cancellationToken));

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

    /// <summary>What happened to provider connections, oldest first.</summary>
    public Task<List<SessionEvent>> ProviderChangesAsync(Guid session, CancellationToken cancellationToken) => OfKindsAsync(
        session,
        [JournalJson.KindOf<ProviderConnected>(), JournalJson.KindOf<ProviderFailed>(), JournalJson.KindOf<ProviderSwitched>(), JournalJson.KindOf<ProviderSwitchFailed>()],
        cancellationToken);

    /// <summary>The openings of the line, the finished turns, the tools and the operators' lines, oldest first: what a call that comes back goes on from. Between them, where it has come back before.</summary>
    public Task<List<SessionEvent>> ConversationAsync(Guid session, CancellationToken cancellationToken) =>
        OfKindsAsync(
            session,
            [JournalJson.KindOf<CarrierConnected>(), JournalJson.KindOf<TurnFinished>(), JournalJson.KindOf<ToolCalled>(), JournalJson.KindOf<OperatorText>(), JournalJson.KindOf<CallResumed>()],
            cancellationToken);

    /// <summary>What was written in this epoch and later, as the database itself has it.</summary>
    public Task<List<SessionEvent>> SinceEpochAsync(Guid session, long epoch, CancellationToken cancellationToken) =>
        ListAsync(session, rows => rows.Where(row => row.Epoch >= epoch).OrderBy(row => row.Seq), cancellationToken);

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

    private Task<SessionRow?> RowAsync(Guid? organisation, Guid session, CancellationToken cancellationToken) => AnswerAsync(
        stop => ReadAsync(db => db.Set<SessionRow>().AsNoTracking().SingleOrDefaultAsync(row => row.Id == session, stop), organisation),
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

    private Task<List<SessionEvent>> ListAsync(Guid session, Func<IQueryable<SessionEventRow>, IQueryable<SessionEventRow>> which, CancellationToken cancellationToken) =>
        ReadAsync(async db =>
        {
            var rows = await which(db.Set<SessionEventRow>().AsNoTracking().Where(row => row.SessionId == session)).ToListAsync(cancellationToken);
            return rows.ConvertAll(row => row.ToEvent());
        });

    /// <summary>Asks the database, and the hot tier when the database is known to be away or does not answer soon.</summary>
    private async Task<T> AnswerAsync<T>(Func<CancellationToken, Task<T>> ask, Func<Task<(bool Known, T Value)>> hotTier, CancellationToken cancellationToken)
    {
        if (!hot.IsConfigured)
        {
            return await ask(cancellationToken);
        }

        if (database.Fault is not null && await hotTier() is (true, var known))
        {
            return known;
        }

        using var patience = new CancellationTokenSource(limits.DatabasePatience, time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        try
        {
            return await ask(stop.Token);
        }
        catch (Exception e) when (e is JournalUnavailableException || (patience.IsCancellationRequested && !cancellationToken.IsCancellationRequested))
        {
            database.Suspect();
            var (found, value) = await hotTier();
            return found ? value
                : e is JournalUnavailableException ? throw new JournalUnavailableException(e.Message, e)
                : await ask(cancellationToken);
        }
    }

    /// <summary>What a driver throws stays here: grains answer across nodes, where its exceptions mean nothing.</summary>
    internal async Task<T> ReadAsync<T>(Func<KralikiDb, Task<T>> read, Guid? organisation = null)
    {
        if (database is { InVain: true, Fault.Kind: DatabaseFaultKind.Away })
        {
            throw new JournalUnavailableException("The database does not answer.");
        }

        try
        {
            var asked = AskAsync(read, organisation);
            if (await database.AnswersAsync(asked))
            {
                return await asked;
            }

            asked.Ignore();
        }
        catch (Exception e) when (DatabaseTrouble.Is(e))
        {
            if (DatabaseFault.KindOf(e) is not null)
            {
                database.Suspect();
            }

            throw new JournalUnavailableException("The journal cannot be read at present.", e);
        }

        throw new JournalUnavailableException("The database does not answer.");
    }

    private async Task<T> AskAsync<T>(Func<KralikiDb, Task<T>> read, Guid? organisation)
    {
        await using var db = organisation is { } own ? databases.OpenFor(own) : databases.OpenForSystem();
        return await read(db);
    }
}
