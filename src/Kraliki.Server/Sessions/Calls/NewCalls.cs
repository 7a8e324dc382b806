using Kraliki.Server.Data;
using Kraliki.Server.Sessions.Journal;

namespace Kraliki.Server.Sessions.Calls;

/// <summary>Whether this node may begin new calls; whoever would begin one asks first. Calls that run, or come back, are not concerned. Safe from any thread.</summary>
public sealed partial class NewCalls
{
    // Carriers give up on a webhook after some 15 s, and people on a silent line much sooner.
    private static readonly TimeSpan LongestTry = TimeSpan.FromSeconds(2.5);

    // Without a sign that the database is away it is only slow: then an answer that comes late is better than none.
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(500);

    private readonly DatabaseWatch _database;
    private readonly FactBudget _budget;
    private readonly SessionLimits _limits;
    private readonly TimeProvider _time;
    private readonly ILogger<NewCalls> _log;
    private volatile bool _leaving;

    internal NewCalls(DatabaseWatch database, FactBudget budget, SessionLimits limits, TimeProvider time, ILogger<NewCalls> log)
    {
        _database = database;
        _budget = budget;
        _limits = limits;
        _time = time;
        _log = log;
    }

    /// <summary>Why not; null when it may.</summary>
    public NewCallRefusal? Refusal => _leaving
        ? NewCallRefusal.Leaving
        : _database.Fault switch
        {
            // A disk does not become free by waiting, as a database comes back from a restart.
            { Kind: not DatabaseFaultKind.Away } fault => NewCallRefusal.Unsaved(fault.Words),
            { } fault when _database.Lasting > _limits.UnsavedPatience => NewCallRefusal.Unsaved(fault.Words),
            _ when _budget.Exhausted => NewCallRefusal.Unsaved("too much waits to be saved"),
            _ => null,
        };

    /// <summary>This node is about to stop: new calls are for the others.</summary>
    public void Leave() => _leaving = true;

    /// <summary>Begins a call, unless it must not begin or it turns out that the database is away. The answer comes within three seconds when it is.</summary>
    /// <param name="begin">Told to stop when nobody waits for it any longer.</param>
    /// <returns>Null when it has begun.</returns>
    internal async Task<NewCallRefusal?> BeginAsync(Func<CancellationToken, Task> begin, CancellationToken cancellationToken)
    {
        if (Refusal is { } refusal)
        {
            return refusal;
        }

        // Not disposed: who begins may look at it after we have left. It holds nothing.
        var stop = new CancellationTokenSource();

        // On a thread of its own, because SQLite waits for a locked file on the thread that asks.
        var beginning = Task.Run(() => begin(stop.Token), CancellationToken.None);
        for (var asked = _time.GetTimestamp(); ;)
        {
            await beginning.WaitAsync(Step, _time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (beginning.IsCompleted)
            {
                break;
            }

            var waited = _time.GetElapsedTime(asked);
            if (cancellationToken.IsCancellationRequested || waited > LongestWait || (waited >= LongestTry && _database.Fault is not null))
            {
                await stop.CancelAsync();
                cancellationToken.ThrowIfCancellationRequested();
                LogTooSlow(waited.TotalSeconds);
                return Unsaved();
            }

            _database.Suspect();
        }

        try
        {
            await beginning;
            return null;
        }
        catch (Exception e) when (GrainCalls.IsTransient(e) || DatabaseTrouble.Is(e))
        {
            _database.Failed(e);
            LogNotBegun(e);
            return Unsaved();
        }
    }

    private NewCallRefusal Unsaved() => NewCallRefusal.Unsaved(_database.Fault?.Words ?? "the server does not get on with it");

    [LoggerMessage(EventId = 2094, Level = LogLevel.Warning, Message = "A new call was refused: it could not be written down within {Seconds:0.0} s")]
    private partial void LogTooSlow(double seconds);

    [LoggerMessage(EventId = 2095, Level = LogLevel.Warning, Message = "A new call was refused: it could not be written down")]
    private partial void LogNotBegun(Exception exception);
}

/// <param name="Code">Of the problem that the API answers with.</param>
/// <param name="Detail">One sentence for people at a screen.</param>
/// <param name="Spoken">For the caller, in the carrier's voice.</param>
/// <param name="Elsewhere">Another node can take the call.</param>
public sealed record NewCallRefusal(string Code, string Detail, string Spoken, bool Elsewhere)
{
    private const string Sorry = "We are sorry, we cannot take your call at the moment. Please call again in a few minutes. Goodbye.";

    public static NewCallRefusal Leaving { get; } = new("server_stopping", "This server is about to stop; try again in a moment.", Sorry, Elsewhere: true);

    /// <param name="because">Part of a sentence: "the disk is full".</param>
    public static NewCallRefusal Unsaved(string because) =>
        new("database_unavailable", $"No call can begin now: {because}. Running calls go on.", Sorry, Elsewhere: false);
}
