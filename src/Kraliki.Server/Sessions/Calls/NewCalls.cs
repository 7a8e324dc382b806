using Kraliki.Server.Cluster;
using Kraliki.Server.Sessions.Journal;

namespace Kraliki.Server.Sessions.Calls;

/// <summary>Whether this node may begin new calls; whoever would begin one asks first. Calls that run, or come back, are not concerned. Safe from any thread.</summary>
public sealed class NewCalls
{
    private readonly DatabaseWatch _database;
    private readonly FactBudget _budget;
    private readonly SessionLimits _limits;
    private readonly NodeExit _exit;

    internal NewCalls(DatabaseWatch database, FactBudget budget, SessionLimits limits, NodeExit exit)
    {
        _database = database;
        _budget = budget;
        _limits = limits;
        _exit = exit;
    }

    /// <summary>Why not; null when it may.</summary>
    public NewCallRefusal? Refusal => _exit.Draining.IsCancellationRequested
        ? NewCallRefusal.Leaving
        : _database.Fault switch
        {
            // A disk does not become free by waiting, as a database comes back from a restart.
            { Kind: not DatabaseFaultKind.Away } fault => NewCallRefusal.Unsaved(fault.Words),
            { } fault when _database.Lasting > _limits.UnsavedPatience => NewCallRefusal.Unsaved(fault.Words),
            _ when _budget.Exhausted => NewCallRefusal.Unsaved("too much waits to be saved"),
            _ => null,
        };

    /// <summary>Begins a call, unless it must not begin or it turns out that the database is away; see <see cref="DatabaseWatch.AskAsync"/>.</summary>
    /// <returns>Null when it has begun.</returns>
    internal async Task<NewCallRefusal?> BeginAsync(Func<CancellationToken, Task> begin, CancellationToken cancellationToken) =>
        Refusal ?? (await _database.AskAsync(begin, cancellationToken)
            ? null
            : NewCallRefusal.Unsaved(_database.Fault?.Words ?? "the server does not get on with it"));
}

/// <param name="Code">Of the problem that the API answers with.</param>
/// <param name="Detail">One sentence for people at a screen.</param>
/// <param name="Spoken">For the caller, in the carrier's voice.</param>
public sealed record NewCallRefusal(string Code, string Detail, string Spoken)
{
    private const string Sorry = "We are sorry, we cannot take your call at the moment. Please call again in a few minutes. Goodbye.";

    public static NewCallRefusal Leaving { get; } = new("server_stopping", "This server is about to stop; try again in a moment.", Sorry);

    /// <param name="because">Part of a sentence: "the disk is full".</param>
    public static NewCallRefusal Unsaved(string because) =>
        new("database_unavailable", $"No call can begin now: {because}. Running calls go on.", Sorry);
}
