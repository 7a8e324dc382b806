using System.Globalization;
using Kraliki.Chaos;

namespace Kraliki.Cluster.Tests;

/// <summary>
/// Live calls in a cluster of real processes, of which something dies: every call goes on, and what anybody was told is in the
/// database once, in order. <c>KRALIKI_CHAOS_SEED</c> repeats a run; its seed stands in each failure. How soon callers hear the
/// agent again is not asserted here, where the 95th of a hundred is the second worst of twenty on a machine that runs other
/// tests: <c>bench/chaos/run.sh</c> asserts it over five hundred kills.
/// </summary>
public sealed class SurvivalTests(ClusterFixture cluster) : IClassFixture<ClusterFixture>
{
    private const int Calls = 4;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Twenty_nodes_are_killed_and_every_call_goes_on() =>
        await SurviveAsync([.. Enumerable.Repeat(ClusterFault.KillNode, 20)]);

    [Fact]
    public async Task A_node_is_frozen_and_all_are_restarted_one_after_the_other_and_every_call_goes_on() =>
        await SurviveAsync([ClusterFault.FreezeNode, ClusterFault.RollingRestart]);

    [Fact]
    public async Task Database_hot_tier_and_proxy_are_killed_frozen_and_emptied_and_every_call_goes_on() =>
        await SurviveAsync(
        [
            ClusterFault.KillPostgres, ClusterFault.FreezePostgres, ClusterFault.KillRedis, ClusterFault.FreezeRedis, ClusterFault.FlushRedis,
            ClusterFault.CrashProxy, ClusterFault.ResetMedia,
        ]);

    private async Task SurviveAsync(IReadOnlyList<ClusterFault> faults)
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("KRALIKI_CHAOS_SEED"), CultureInfo.InvariantCulture, out var given) ? given : Random.Shared.Next(1, 1_000_000);
        var failedBefore = cluster.KeepsLogs;
        cluster.KeepsLogs = true;
        var result = await cluster.Run.RunAsync(faults, seed, Calls, struck: null, Cancelled);

        var told = $"KRALIKI_CHAOS_SEED={seed}\n{cluster.Told}\n{string.Join('\n', result.Comparison.Findings)}";
        TestContext.Current.TestOutputHelper?.WriteLine(told + $"\n{result.Events} events, {result.AcknowledgedWrites} of {result.Writes} writes acknowledged, {result.Comparison.LinesCompared} lines compared, {result.Comparison.LinesExcused} excused, {result.Seconds:0} s");
        Assert.True(result.Comparison.Findings.Count == 0, told);
        Assert.All(result.Faults, fault => Assert.True(fault.LostCalls == 0, told));
        // Not a run in which nothing happened.
        Assert.True(result.Faults.Sum(fault => fault.Struck.Count) >= faults.Count, told);
        Assert.True(result.AcknowledgedWrites > Calls, told);
        Assert.True(result.Comparison.LinesCompared > Calls, told);
        cluster.KeepsLogs = failedBefore;
    }
}
