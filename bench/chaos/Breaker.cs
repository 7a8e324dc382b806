using Kraliki.Simulators.Faults;

namespace Kraliki.Chaos;

/// <summary>Breaks one thing at a time, and waits until everything that it struck is well again.</summary>
internal sealed class Breaker(LocalCluster cluster, Telephone telephone, Callers callers, TimeProvider time)
{
    public Task<FaultResult> StrikeAsync(ClusterFault fault, Random random, CancellationToken cancellationToken) => fault switch
    {
        ClusterFault.KillNode => KillNodeAsync(random, cancellationToken),
        ClusterFault.FreezeNode => FreezeNodeAsync(random, cancellationToken),
        ClusterFault.RollingRestart => RollAsync(cancellationToken),
        ClusterFault.KillPostgres => BesideAsync(fault, "postgres", "kill", "start", random.Next(1000, 4000), cancellationToken),
        ClusterFault.FreezePostgres => BesideAsync(fault, "postgres", "pause", "resume", random.Next(2500, 3500), cancellationToken),
        ClusterFault.KillRedis => BesideAsync(fault, "redis", "kill", "start", random.Next(1000, 8000), cancellationToken),
        ClusterFault.FreezeRedis => BesideAsync(fault, "redis", "pause", "resume", random.Next(3000, 8000), cancellationToken),
        ClusterFault.FlushRedis => BesideAsync(fault, "redis", "flush", null, 0, cancellationToken),
        ClusterFault.CrashProxy => CrashProxyAsync(cancellationToken),
        _ => ResetMediaAsync(random, cancellationToken),
    };

    private async Task<FaultResult> KillNodeAsync(Random random, CancellationToken cancellationToken)
    {
        var (node, calls) = await PickNodeAsync(random, cancellationToken);
        var at = time.GetUtcNow();
        await cluster.DoAsync("kill", $"{node}", cancellationToken);
        var struck = await callers.HeardAgainAsync(at, calls, MediaFate.Cut, cancellationToken);
        // The next fault does not wait for it: that is when calls have fewer places to go.
        await cluster.DoAsync("start", $"{node}", cancellationToken);
        return new(ClusterFault.KillNode, $"node {node}", at, struck);
    }

    private async Task<FaultResult> FreezeNodeAsync(Random random, CancellationToken cancellationToken)
    {
        var (node, calls) = await PickNodeAsync(random, cancellationToken);
        var at = time.GetUtcNow();
        var length = TimeSpan.FromMilliseconds(random.Next(3000, 10_000));
        await cluster.DoAsync("pause", $"{node}", cancellationToken);
        await Task.Delay(length, time, cancellationToken);
        var moved = calls.Where(call => call.LostMediaSince(at)).ToList();
        await cluster.DoAsync("resume", $"{node}", cancellationToken);
        // Short freezes go unnoticed: then the old connection just goes on, and what counts is the next answer.
        var stayed = calls.Except(moved).ToList();
        var struck = await callers.HeardAgainAsync(at, moved, MediaFate.Cut, cancellationToken);
        var unmoved = await callers.HeardAgainAsync(at + length, stayed, MediaFate.Untouched, cancellationToken);
        await cluster.ReviveAsync(node, time, cancellationToken);
        // A node that learns only when it wakes that it was cast out ends now, and with it the connections that had stayed.
        await callers.HeardAgainAsync(at, [.. stayed.Where(call => call.LostMediaSince(at) && callers.InProgress.Contains(call))], MediaFate.Cut, cancellationToken);
        foreach (var call in calls)
        {
            call.Struck(at, time.GetUtcNow());
        }

        return new(
            ClusterFault.FreezeNode, $"node {node}, {length.TotalSeconds:0.0} s", at,
            [.. struck, .. unmoved.Select(call => call with { HeardAgainMs = call.HeardAgainMs + (int)length.TotalMilliseconds })]);
    }

    private async Task<FaultResult> RollAsync(CancellationToken cancellationToken)
    {
        var at = time.GetUtcNow();
        var struck = new List<StruckCall>();
        for (var node = 1; node <= cluster.File.Nodes.Count; node++)
        {
            // One that was frozen may find out only after it was looked at that it is taken for dead.
            for (var other = 1; other <= cluster.File.Nodes.Count; other++)
            {
                await cluster.ReviveAsync(other, time, cancellationToken);
            }

            var calls = (await callers.ByNodeAsync(cancellationToken)).GetValueOrDefault(node) ?? [];
            var stopped = time.GetUtcNow();
            await cluster.DoAsync("stop", $"{node}", cancellationToken);
            await Wait.UntilAsync(() => Task.FromResult(!cluster.Lives(node)), TimeSpan.FromMinutes(2), $"Node {node} did not stop when it was asked to.", time, cancellationToken);
            struck.AddRange(await callers.HeardAgainAsync(stopped, calls, MediaFate.Moved, cancellationToken));
            await cluster.DoAsync("start", $"{node}", cancellationToken);
        }

        await cluster.ReadyAsync(cluster.File.Nodes.Count, time, cancellationToken);
        return new(ClusterFault.RollingRestart, "all nodes", at, struck);
    }

    /// <summary>A fault of what stands beside the nodes: no media is cut, so every call must simply go on, without a word missing.</summary>
    private async Task<FaultResult> BesideAsync(ClusterFault fault, string member, string breaks, string? mends, int milliseconds, CancellationToken cancellationToken)
    {
        var at = time.GetUtcNow();
        await cluster.DoAsync(breaks, member, cancellationToken);
        if (mends is not null)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(milliseconds), time, cancellationToken);
            await cluster.DoAsync(mends, member, cancellationToken);
        }

        var during = await callers.HeardAgainAsync(at, [.. callers.InProgress], MediaFate.Untouched, cancellationToken);
        // And it still is a conversation when all is well again.
        var after = await callers.HeardAgainAsync(time.GetUtcNow(), [.. callers.InProgress], MediaFate.Untouched, cancellationToken);
        var lost = after.Where(call => call.HeardAgainMs is null).Select(call => call.CallSid).ToHashSet();
        return new(
            fault, mends is null ? "" : $"{milliseconds / 1000.0:0.0} s", at,
            [.. during.Select(call => lost.Contains(call.CallSid) ? call with { HeardAgainMs = null, SilenceMs = null } : call)]);
    }

    private async Task<FaultResult> CrashProxyAsync(CancellationToken cancellationToken)
    {
        var at = time.GetUtcNow();
        await cluster.DoAsync("crash", "proxy", cancellationToken);
        return new(ClusterFault.CrashProxy, "", at, await callers.HeardAgainAsync(at, [.. callers.InProgress], MediaFate.Cut, cancellationToken));
    }

    private async Task<FaultResult> ResetMediaAsync(Random random, CancellationToken cancellationToken)
    {
        var call = callers.InProgress[random.Next(callers.InProgress.Count)];
        var at = time.GetUtcNow();
        telephone.Carrier.Faults.Arm(new Fault(FaultKind.Drop, new FaultMoment(AfterMs: 1), Connection: call.Call.Sid));
        return new(ClusterFault.ResetMedia, "", at, await callers.HeardAgainAsync(at, [call], MediaFate.Cut, cancellationToken));
    }

    /// <summary>A node with calls; all the others but the one that was struck last are up by then.</summary>
    private async Task<(int Node, IReadOnlyList<WatchedCall> Calls)> PickNodeAsync(Random random, CancellationToken cancellationToken)
    {
        // Two must be left to choose from when this one is gone, or there is nowhere to go.
        await cluster.ReadyAsync(Math.Min(cluster.File.Nodes.Count, 3), time, cancellationToken);
        var choice = random.NextDouble();
        (int, IReadOnlyList<WatchedCall>)? picked = null;
        await Wait.UntilAsync(
            async () =>
            {
                var withCalls = (await callers.ByNodeAsync(cancellationToken)).OrderBy(node => node.Key).ToList();
                picked = withCalls.Count == 0 ? null : (withCalls[(int)(choice * withCalls.Count)].Key, withCalls[(int)(choice * withCalls.Count)].Value);
                return picked is not null;
            },
            Callers.Patience, "No node has any call, says the database.", time, cancellationToken);
        return picked!.Value;
    }
}
