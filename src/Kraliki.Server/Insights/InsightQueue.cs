using System.Diagnostics.Metrics;
using System.Threading.Channels;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Operations.Flags;
using Kraliki.Server.Sessions;

namespace Kraliki.Server.Insights;

/// <summary>Finds out about finished turns what can be found out, beside the calls of this node.</summary>
/// <remarks>
/// <list type="number">
/// <item>Turns of customers come in once they are in the journal. Handing one in never waits.</item>
/// <item>One task takes them in order and asks each analyzer whose flag is on for the turn's organisation, now.</item>
/// <item>What they found goes to the session's grain, which writes it into the journal: from there it reaches everybody.</item>
/// </list>
/// Nothing here can hold up or end a call: an analyzer that stalls or fails costs its own fact, which is counted.
/// </remarks>
internal sealed partial class InsightQueue : BackgroundService
{
    public const string MeterName = "Kraliki.Insights";

    /// <summary>Found by this server's own means.</summary>
    public const string Local = "local";

    /// <summary>How long an analyzer may think about one turn.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    // A few turns of each of several hundred calls. Full: the oldest goes, because a card about the newest words is worth
    // more than one about words of a minute ago. Counted.
    internal const int Capacity = 1024;

    private readonly Channel<(HeardTurn Turn, TaskCompletionSource Done)> _turns;
    private readonly IReadOnlyList<IAnalyzer> _analyzers;
    private readonly Dictionary<IAnalyzer, Task> _stalled = [];
    private readonly FeatureFlags _flags;
    private readonly SessionCommands _sessions;
    private readonly TimeProvider _time;
    private readonly ILogger<InsightQueue> _log;
    private readonly Counter<long> _skipped;

    // The warning fires once per episode: set by whoever hands in, taken back once half of the queue is free.
    private volatile bool _full;

    public InsightQueue(IEnumerable<IAnalyzer> analyzers, FeatureFlags flags, SessionCommands sessions, IMeterFactory meters, TimeProvider time, ILogger<InsightQueue> log)
    {
        _analyzers = [.. analyzers];
        _flags = flags;
        _sessions = sessions;
        _time = time;
        _log = log;
        _skipped = meters.Create(MeterName).CreateCounter<long>("kraliki.insight.skipped", "{turn}", "Turns that an analyzer did not get to, by analyzer and reason.");
        _turns = Channel.CreateBounded<(HeardTurn Turn, TaskCompletionSource Done)>(
            new BoundedChannelOptions(Capacity) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true },
            dropped => Drop(dropped.Done));
    }

    /// <summary>(1) Safe from any thread, never waits.</summary>
    /// <returns>Ends when what was found is in the journal, or the turn was left out; not when the server stops before.</returns>
    public Task Offer(HeardTurn turn)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _turns.Writer.TryWrite((turn, done));
        return done.Task;
    }

    /// <summary>(2)</summary>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await foreach (var (turn, done) in _turns.Reader.ReadAllAsync(stoppingToken))
        {
            var found = new List<SessionFact>();
            foreach (var analyzer in _analyzers.Where(analyzer => _flags.IsEnabled(turn.Organisation, analyzer.Flag)))
            {
                found.AddRange(await AskAsync(analyzer, turn, found, stoppingToken));
            }

            await RecordAsync(turn, [.. found]);
            done.TrySetResult();
            if (_full && _turns.Reader.Count < Capacity / 2)
            {
                _full = false;
            }
        }
    }

    private async Task<IReadOnlyList<SessionFact>> AskAsync(IAnalyzer analyzer, HeardTurn turn, IReadOnlyList<SessionFact> found, CancellationToken stopping)
    {
        if (_stalled.TryGetValue(analyzer, out var before))
        {
            if (!before.IsCompleted)
            {
                Skip(analyzer, "stalled");
                return [];
            }

            _stalled.Remove(analyzer);
        }

        // On a thread of its own, so that one that never returns holds up nothing but itself; a copy, because it may go on
        // reading while others add.
        IReadOnlyList<SessionFact> known = [.. found];
        var asked = Task.Run(() => analyzer.AnalyzeAsync(turn, known, stopping).AsTask(), stopping);
        await ((Task)asked).WaitAsync(Patience, _time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (asked.IsCompletedSuccessfully)
        {
            return await asked;
        }

        stopping.ThrowIfCancellationRequested();
        if (asked.Exception is { InnerException: { } fault })
        {
            LogFailed(fault, analyzer.Name, turn.Session);
            Skip(analyzer, "failed");
            return [];
        }

        LogStalled(analyzer.Name);
        _stalled[analyzer] = asked;
        Skip(analyzer, "stalled");
        return [];
    }

    /// <summary>(3) What cannot be recorded while others look for a dead node is let go: the next turn tells more than this one.</summary>
    private async Task RecordAsync(HeardTurn turn, SessionFact[] found)
    {
        if (found.Length == 0)
        {
            return;
        }

        try
        {
            await _sessions.RecordAsync(turn.Session, found);
        }
        catch (Exception e) when (GrainCalls.IsTransient(e) || DatabaseTrouble.Is(e))
        {
            LogNotRecorded(e, turn.Session);
            foreach (var analyzer in _analyzers)
            {
                Skip(analyzer, "not_recorded");
            }
        }
    }

    private void Drop(TaskCompletionSource done)
    {
        done.TrySetResult();
        foreach (var analyzer in _analyzers)
        {
            Skip(analyzer, "queue_full");
        }

        if (!_full)
        {
            _full = true;
            LogFull();
        }
    }

    private void Skip(IAnalyzer analyzer, string reason) => _skipped.Add(1, new("analyzer", analyzer.Name), new("reason", reason));
}
