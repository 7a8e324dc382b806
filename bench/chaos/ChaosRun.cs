using System.Diagnostics;
using Kraliki.Client;
using Kraliki.Contracts;
using Kraliki.Simulators.Faults;

namespace Kraliki.Chaos;

/// <summary>Breaks a cluster under live calls, again and again, and keeps everything that anybody was told meanwhile.</summary>
/// <remarks>
/// A batch: 1 callers call, operators open the calls · 2 one fault after the other; each waits until everything that it struck is
/// well · 3 the callers hang up · 4 the histories are compared. What is broken, and when, comes from the seed alone.
/// </remarks>
public sealed class ChaosRun : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);

    private readonly LocalCluster _cluster;
    private readonly Telephone _telephone;
    private readonly TimeProvider _time;
    private readonly Action<string> _tell;
    private readonly KralikiClient _client;
    private readonly Ledger _ledger;
    private readonly List<WatchedCall> _calls = [];
    private readonly List<WatchedCall> _over = [];
    private readonly List<Disturbance> _disturbances = [];
    private readonly HashSet<Guid> _earlier = [];

    private ChaosRun(LocalCluster cluster, Telephone telephone, TimeProvider time, Action<string> tell)
    {
        _cluster = cluster;
        _telephone = telephone;
        _time = time;
        _tell = tell;
        _client = new(new HttpClient { BaseAddress = cluster.File.Url, Timeout = TimeSpan.FromSeconds(15) }, time);
        _ledger = new(cluster.File.Postgres);
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

    public async Task<BatchResult> RunAsync(IReadOnlyList<ClusterFault> faults, int seed, int calls, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(faults);
        var began = Stopwatch.GetTimestamp();
        var random = new Random(seed);
        _over.Clear();
        _disturbances.Clear();
        _earlier.UnionWith((await _ledger.SessionsAsync(_earlier, cancellationToken)).Select(session => session.Id));
        try
        {
            await FillAsync(calls, cancellationToken);
            var results = new List<FaultResult>();
            foreach (var fault in faults)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(random.Next(200, 1500)), _time, cancellationToken);
                var result = await StrikeAsync(fault, random, cancellationToken);
                results.Add(result);
                _tell($"{results.Count}/{faults.Count} {fault} {result.Target}: {result.Calls} calls, heard again after {string.Join(", ", result.HeardAgainMs)} ms, silence {string.Join(", ", result.SilenceMs)} ms"
                    + (result.LostCalls > 0 ? $", {result.LostCalls} LOST" : ""));
                await FillAsync(calls, cancellationToken);
            }

            var history = await EndAsync(cancellationToken);
            return new(
                seed, results, history.Calls.Count, history.Journal.Count, history.Writes.Count, history.Writes.Count(write => write.Acknowledged),
                HistoryChecker.Check(history), Stopwatch.GetElapsedTime(began).TotalSeconds);
        }
        finally
        {
            foreach (var call in _calls.Concat(_over))
            {
                call.Call.HangUp();
                await call.Witness.DisposeAsync();
            }

            _calls.Clear();
        }
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _ledger.DisposeAsync();
        await _telephone.DisposeAsync();
        await _cluster.DisposeAsync();
    }

    private async Task<FaultResult> StrikeAsync(ClusterFault fault, Random random, CancellationToken cancellationToken)
    {
        var at = _time.GetUtcNow();
        var result = fault switch
        {
            ClusterFault.KillNode => await KillNodeAsync(random, cancellationToken),
            ClusterFault.FreezeNode => await FreezeNodeAsync(random, cancellationToken),
            ClusterFault.RollingRestart => await RollAsync(cancellationToken),
            ClusterFault.KillPostgres => await BesideAsync(fault, "postgres", "kill", "start", random.Next(1000, 4000), cancellationToken),
            ClusterFault.KillRedis => await BesideAsync(fault, "redis", "kill", "start", random.Next(1000, 8000), cancellationToken),
            ClusterFault.FreezeRedis => await BesideAsync(fault, "redis", "pause", "resume", random.Next(3000, 8000), cancellationToken),
            ClusterFault.FlushRedis => await BesideAsync(fault, "redis", "flush", null, 0, cancellationToken),
            ClusterFault.CrashProxy => await CrashProxyAsync(cancellationToken),
            _ => await ResetMediaAsync(random, cancellationToken),
        };
        _disturbances.Add(new(at, _time.GetUtcNow()));
        return result;
    }

    private async Task<FaultResult> KillNodeAsync(Random random, CancellationToken cancellationToken)
    {
        var (node, calls) = await PickNodeAsync(random, cancellationToken);
        var at = _time.GetUtcNow();
        await _cluster.DoAsync("kill", $"{node}", cancellationToken);
        var result = await HeardAgainAsync(ClusterFault.KillNode, $"node {node}", at, calls, newStream: true, cancellationToken);
        // The next fault does not wait for it: that is when calls have fewer places to go.
        await _cluster.DoAsync("start", $"{node}", cancellationToken);
        return result;
    }

    private async Task<FaultResult> FreezeNodeAsync(Random random, CancellationToken cancellationToken)
    {
        var (node, calls) = await PickNodeAsync(random, cancellationToken);
        var at = _time.GetUtcNow();
        var length = TimeSpan.FromMilliseconds(random.Next(3000, 10_000));
        await _cluster.DoAsync("pause", $"{node}", cancellationToken);
        await Task.Delay(length, _time, cancellationToken);
        var moved = calls.Where(call => call.LostMediaSince(at)).ToList();
        await _cluster.DoAsync("resume", $"{node}", cancellationToken);
        // Short freezes go unnoticed: then the old connection just goes on, and what counts is the next answer.
        var result = await HeardAgainAsync(ClusterFault.FreezeNode, $"node {node}, {length.TotalSeconds:0.0} s", at, moved, newStream: true, cancellationToken);
        var stayed = await HeardAgainAsync(ClusterFault.FreezeNode, "", at + length, [.. calls.Except(moved)], newStream: false, cancellationToken);
        await ReviveAsync(node, cancellationToken);
        return result with
        {
            Calls = calls.Count,
            LostCalls = result.LostCalls + stayed.LostCalls,
            HeardAgainMs = [.. result.HeardAgainMs, .. stayed.HeardAgainMs.Select(ms => ms + (int)length.TotalMilliseconds)],
            SilenceMs = [.. result.SilenceMs, .. stayed.SilenceMs],
        };
    }

    private async Task<FaultResult> RollAsync(CancellationToken cancellationToken)
    {
        var at = _time.GetUtcNow();
        var parts = new List<FaultResult>();
        for (var node = 1; node <= _cluster.File.Nodes.Count; node++)
        {
            await ReadyAsync(_cluster.File.Nodes.Count, cancellationToken);
            var calls = await CallsOfAsync(node, cancellationToken);
            var stopped = _time.GetUtcNow();
            await _cluster.DoAsync("stop", $"{node}", cancellationToken);
            await UntilAsync(() => Task.FromResult(!_cluster.Lives(node)), TimeSpan.FromMinutes(2), $"Node {node} did not stop when it was asked to.", cancellationToken);
            parts.Add(await HeardAgainAsync(ClusterFault.RollingRestart, "", stopped, calls, newStream: true, cancellationToken));
            await _cluster.DoAsync("start", $"{node}", cancellationToken);
        }

        await ReadyAsync(_cluster.File.Nodes.Count, cancellationToken);
        return new(
            ClusterFault.RollingRestart, "all nodes", at, parts.Sum(part => part.Calls), [.. parts.SelectMany(part => part.HeardAgainMs)],
            [.. parts.SelectMany(part => part.SilenceMs)], parts.Sum(part => part.LostCalls));
    }

    /// <summary>A fault of what stands beside the nodes: no media is cut, so every call must simply go on.</summary>
    private async Task<FaultResult> BesideAsync(ClusterFault fault, string member, string breaks, string? mends, int milliseconds, CancellationToken cancellationToken)
    {
        var at = _time.GetUtcNow();
        await _cluster.DoAsync(breaks, member, cancellationToken);
        if (mends is not null)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(milliseconds), _time, cancellationToken);
            await _cluster.DoAsync(mends, member, cancellationToken);
        }

        var during = await HeardAgainAsync(fault, $"{milliseconds / 1000.0:0.0} s", at, [.. _calls], newStream: false, cancellationToken);
        // And it still is a conversation when all is well again.
        var after = await HeardAgainAsync(fault, "", _time.GetUtcNow(), [.. _calls], newStream: false, cancellationToken);
        return during with { LostCalls = during.LostCalls + after.LostCalls };
    }

    private async Task<FaultResult> CrashProxyAsync(CancellationToken cancellationToken)
    {
        var at = _time.GetUtcNow();
        await _cluster.DoAsync("crash", "proxy", cancellationToken);
        return await HeardAgainAsync(ClusterFault.CrashProxy, "", at, [.. _calls], newStream: true, cancellationToken);
    }

    private async Task<FaultResult> ResetMediaAsync(Random random, CancellationToken cancellationToken)
    {
        var call = _calls[random.Next(_calls.Count)];
        var at = _time.GetUtcNow();
        _telephone.Carrier.Faults.Arm(new Fault(FaultKind.Drop, new FaultMoment(AfterMs: 1), Connection: call.Call.Sid));
        return await HeardAgainAsync(ClusterFault.ResetMedia, "", at, [call], newStream: true, cancellationToken);
    }

    /// <summary>A node with calls; all the others but the one that was struck last are up by then.</summary>
    private async Task<(int Node, IReadOnlyList<WatchedCall> Calls)> PickNodeAsync(Random random, CancellationToken cancellationToken)
    {
        // Two must be left to choose from when this one is gone, or there is nowhere to go.
        await ReadyAsync(Math.Min(_cluster.File.Nodes.Count, 3), cancellationToken);
        var choice = random.NextDouble();
        (int, IReadOnlyList<WatchedCall>)? picked = null;
        await UntilAsync(
            async () =>
            {
                var withCalls = new List<(int Node, IReadOnlyList<WatchedCall> Calls)>();
                for (var node = 1; node <= _cluster.File.Nodes.Count; node++)
                {
                    if (await CallsOfAsync(node, cancellationToken) is { Count: > 0 } calls)
                    {
                        withCalls.Add((node, calls));
                    }
                }

                picked = withCalls.Count == 0 ? null : withCalls[(int)(choice * withCalls.Count)];
                return picked is not null;
            },
            Patience, "No node has any call, says the database.", cancellationToken);
        return picked!.Value;
    }

    private async Task<IReadOnlyList<WatchedCall>> CallsOfAsync(int node, CancellationToken cancellationToken)
    {
        // A silo's name is address:port@generation.
        var silo = $":{_cluster.File.Nodes[node - 1].SiloPort}@";
        var known = await _ledger.CallsAsync(cancellationToken);
        return [.. _calls.Where(call => known.TryGetValue(call.Call.Sid, out var row) && row.Node?.Contains(silo, StringComparison.Ordinal) == true)];
    }

    private async Task ReadyAsync(int wanted, CancellationToken cancellationToken) => await UntilAsync(
        async () =>
        {
            var ready = 0;
            for (var node = 1; node <= _cluster.File.Nodes.Count && ready < wanted; node++)
            {
                ready += await _cluster.IsReadyAsync(node, cancellationToken) ? 1 : 0;
            }

            return ready >= wanted;
        },
        TimeSpan.FromMinutes(1), $"There are no {wanted} nodes ready within a minute.", cancellationToken);

    /// <summary>As a supervisor does: a node that has ended, for instance because it found itself cast out, is started again.</summary>
    private async Task ReviveAsync(int node, CancellationToken cancellationToken) => await UntilAsync(
        async () =>
        {
            if (!_cluster.Lives(node))
            {
                await _cluster.DoAsync("start", $"{node}", cancellationToken);
            }

            return await _cluster.IsReadyAsync(node, cancellationToken);
        },
        TimeSpan.FromMinutes(1), $"Node {node} is not well a minute after it was frozen.", cancellationToken);

    private async Task<FaultResult> HeardAgainAsync(
        ClusterFault kind, string target, DateTimeOffset at, IReadOnlyList<WatchedCall> calls, bool newStream, CancellationToken cancellationToken)
    {
        var heard = new Dictionary<WatchedCall, HeardAgain>();
        var since = _time.GetTimestamp();
        while (_time.GetElapsedTime(since) < Patience)
        {
            foreach (var call in calls.Where(call => !heard.ContainsKey(call)))
            {
                if (call.HeardAgainAfter(at, newStream) is { } again)
                {
                    heard[call] = again;
                }
            }

            if (calls.All(call => heard.ContainsKey(call) || call.Call.Completion.IsCompleted))
            {
                break;
            }

            await Task.Delay(Look, _time, cancellationToken);
        }

        foreach (var call in calls.Where(call => !heard.ContainsKey(call)))
        {
            // Nothing more is asked of it; the comparison at the end says what the database thinks that happened.
            _tell($"call {call.Call.Sid} of session {call.Witness.Session} is lost: {string.Join(" | ", call.Call.Report().Errors)}");
            call.Call.HangUp();
            _calls.Remove(call);
            _over.Add(call);
        }

        return new(
            kind, target, at, calls.Count, [.. heard.Values.Select(again => (int)again.After.TotalMilliseconds)],
            [.. heard.Values.Select(again => (int)again.Silence.TotalMilliseconds)], calls.Count - heard.Count);
    }

    /// <summary>New callers for those whose calls are over.</summary>
    private async Task FillAsync(int calls, CancellationToken cancellationToken)
    {
        foreach (var over in _calls.Where(call => call.Call.Completion.IsCompleted).ToList())
        {
            _calls.Remove(over);
            _over.Add(over);
        }

        var free = Enumerable.Range(0, calls).Except(_calls.Select(call => call.Voice)).ToList();
        var fresh = await Task.WhenAll(free.Select(voice => PlaceAsync(voice, cancellationToken)));
        _calls.AddRange(fresh);
    }

    private async Task<WatchedCall> PlaceAsync(int voice, CancellationToken cancellationToken)
    {
        var call = await _telephone.CallAsync(_cluster.File.Url, voice, cancellationToken);
        Guid? session = null;
        await UntilAsync(
            async () =>
            {
                if (call.Completion.IsCompleted)
                {
                    throw new ClusterException($"A call ended before it was a conversation: {string.Join(" | ", call.Report().Errors)}; TwiML {string.Join(" | ", call.Report().Twiml)}");
                }

                session ??= (await _ledger.CallsAsync(cancellationToken)).TryGetValue(call.Sid, out var row) ? row.Session : null;
                return session is not null && call.Report().Lines.Any(line => line.FirstAnswerMs is not null);
            },
            Patience, "A new caller got no answer to his first question.", cancellationToken);
        return new(call, new Witness(_client, await _client.GetSessionAsync(session!.Value, cancellationToken), _time), voice);
    }

    /// <summary>Everybody hangs up; who was told what is gathered once every session says that it is over.</summary>
    private async Task<History> EndAsync(CancellationToken cancellationToken)
    {
        await ReadyAsync(Math.Min(_cluster.File.Nodes.Count, 2), cancellationToken);
        // An exchange in peace, so that the last fault cannot excuse what is missing.
        await Task.Delay(TimeSpan.FromSeconds(5), _time, cancellationToken);
        await Task.WhenAll(_calls.Select(call => call.Witness.StopWritingAsync()));
        foreach (var call in _calls)
        {
            call.HangUp(_time.GetUtcNow());
        }

        var all = _calls.Concat(_over).ToList();
        await Task.WhenAll(all.Select(call => call.Call.Completion.WaitAsync(Patience, _time, cancellationToken)));
        foreach (var call in all)
        {
            try
            {
                await call.Witness.SessionOverAsync(Patience, cancellationToken);
            }
            catch (Exception deaf) when (deaf is TimeoutException or KralikiException)
            {
                _tell($"the socket of session {call.Witness.Session} did not say that it is over: {deaf.Message}");
            }
        }

        var known = await _ledger.CallsAsync(cancellationToken);
        var (sessions, journal) = await _ledger.JournalAsync(_earlier, cancellationToken);
        return new(
            [.. all.Select(call => call.ToRecord(known.TryGetValue(call.Call.Sid, out var row) ? row.Session : null))],
            sessions,
            journal,
            [.. all.SelectMany(call => call.Witness.Seen)],
            [.. all.SelectMany(call => call.Witness.Writes)],
            [.. _disturbances]);
    }

    private async Task UntilAsync(Func<Task<bool>> done, TimeSpan patience, string otherwise, CancellationToken cancellationToken)
    {
        var since = _time.GetTimestamp();
        while (!await done())
        {
            if (_time.GetElapsedTime(since) > patience)
            {
                throw new ClusterException(otherwise);
            }

            await Task.Delay(Look, _time, cancellationToken);
        }
    }
}
