using System.Diagnostics;
using Kraliki.Client;
using Kraliki.Contracts;

namespace Kraliki.Chaos;

/// <summary>Breaks a cluster under live calls, again and again, and keeps everything that anybody was told meanwhile.</summary>
/// <remarks>
/// A batch: 1 callers call, operators open the calls · 2 one fault after the other; each waits until everything that it struck is
/// well, so that no call is struck twice before its caller was heard again · 3 some exchanges in peace, then the callers hang up ·
/// 4 the histories are compared. What is broken, and when, and what the carrier does then, comes from the seed alone.
/// </remarks>
public sealed class ChaosRun : IAsyncDisposable
{
    // Four exchanges of a call: each has whole lines after the last fault, which nothing excuses.
    private static readonly TimeSpan Peace = TimeSpan.FromSeconds(15);

    // Shorter than an exchange, so that faults meet calls in every phase of it.
    private const int ShortestPauseMs = 100;
    private const int LongestPauseMs = 500;

    private readonly LocalCluster _cluster;
    private readonly Telephone _telephone;
    private readonly TimeProvider _time;
    private readonly Action<string> _tell;
    private readonly KralikiClient _client;
    private readonly Ledger _ledger;
    private readonly Callers _callers;
    private readonly Breaker _breaker;
    private readonly HashSet<Guid> _earlier = [];

    private ChaosRun(LocalCluster cluster, Telephone telephone, TimeProvider time, Action<string> tell)
    {
        _cluster = cluster;
        _telephone = telephone;
        _time = time;
        _tell = tell;
        _client = new(new HttpClient { BaseAddress = cluster.File.Url, Timeout = TimeSpan.FromSeconds(15) }, time);
        _ledger = new(cluster.File.Postgres);
        _callers = new(cluster, telephone, _ledger, _client, time, tell);
        _breaker = new(cluster, telephone, _callers, time);
    }

    /// <param name="tell">Progress, one line each.</param>
    public static async Task<ChaosRun> StartAsync(string directory, ClusterShape shape, Action<string> tell, CancellationToken cancellationToken)
    {
        var time = TimeProvider.System;
        var telephone = await Telephone.StartAsync(cancellationToken);
        try
        {
            var cluster = await LocalCluster.StartAsync(directory, shape, telephone, cancellationToken);
            var run = new ChaosRun(cluster, telephone, time, tell);
            await run._client.LoginAsync(cluster.File.Users[^1], cluster.File.Password, TokenTransport.Body, cancellationToken);
            return run;
        }
        catch
        {
            await telephone.DisposeAsync();
            throw;
        }
    }

    /// <param name="struck">Told of each fault when everything that it struck is well again.</param>
    public async Task<BatchResult> RunAsync(
        IReadOnlyList<ClusterFault> faults, int seed, int calls, Action<FaultResult>? struck, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(faults);
        var began = Stopwatch.GetTimestamp();
        var random = new Random(seed);
        var firstHabit = random.Next(1000);
        _earlier.UnionWith((await _ledger.SessionsAsync(_earlier, cancellationToken)).Select(session => session.Id));
        try
        {
            await _callers.FillAsync(calls, firstHabit, cancellationToken);
            var results = new List<FaultResult>();
            foreach (var fault in faults)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(random.Next(ShortestPauseMs, LongestPauseMs)), _time, cancellationToken);
                var result = await _breaker.StrikeAsync(fault, random, cancellationToken);
                results.Add(result);
                _tell($"{results.Count}/{faults.Count} {fault} {result.Target}: " + string.Join(", ", result.Struck.Select(call =>
                    call.HeardAgainMs is { } ms ? $"{call.Carrier} {ms} ms (silence {call.SilenceMs})" : $"{call.Carrier} LOST")));
                struck?.Invoke(result);
                await _callers.FillAsync(calls, firstHabit, cancellationToken);
            }

            var history = await EndAsync(cancellationToken);
            return new(
                seed, results, history.Calls.Count, history.Journal.Count, history.Writes.Count, history.Writes.Count(write => write.Acknowledged),
                HistoryChecker.Check(history), Stopwatch.GetElapsedTime(began).TotalSeconds);
        }
        finally
        {
            await _callers.ClearAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _ledger.DisposeAsync();
        await _telephone.DisposeAsync();
        await _cluster.DisposeAsync();
    }

    /// <summary>Everybody hangs up; what anybody was told is gathered once every session says that it is over.</summary>
    private async Task<History> EndAsync(CancellationToken cancellationToken)
    {
        await _cluster.ReadyAsync(Math.Min(_cluster.File.Nodes.Count, 2), _time, cancellationToken);
        await Task.Delay(Peace, _time, cancellationToken);
        var notTold = await _callers.EndAsync(cancellationToken);
        var known = await _ledger.CallsAsync(cancellationToken);
        var (sessions, journal) = await _ledger.JournalAsync(_earlier, cancellationToken);
        var all = _callers.All;
        return new(
            [.. all.Select(call => call.ToRecord(known.TryGetValue(call.Call.Sid, out var row) ? row.Session : null))],
            sessions,
            journal,
            [.. all.SelectMany(call => call.Witness.Seen)],
            [.. all.SelectMany(call => call.Witness.Writes)],
            notTold);
    }
}
