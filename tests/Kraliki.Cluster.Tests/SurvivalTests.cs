using System.Globalization;
using Kraliki.Chaos;

namespace Kraliki.Cluster.Tests;

/// <summary>
/// Live calls in a cluster of real processes, of which something dies: every call goes on, and what anybody was told is in the
/// database once, in order. <c>KRALIKI_CHAOS_SEED</c> repeats a run; its seed stands in each failure. Five hundred kills:
/// <c>bench/chaos/run.sh</c>.
/// </summary>
public sealed class SurvivalTests(ClusterFixture cluster) : IClassFixture<ClusterFixture>
{
    private const int Calls = 4;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Twenty_nodes_are_killed_and_every_call_goes_on() =>
        await SurviveAsync([.. Enumerable.Repeat(ClusterFault.KillNode, 20)]);

    [Fact]
    public async Task A_node_is_frozen_and_wakes_up_without_its_calls() => await SurviveAsync([ClusterFault.FreezeNode]);

    [Fact]
    public async Task All_nodes_are_restarted_one_after_the_other_and_no_call_is_dropped() => await SurviveAsync([ClusterFault.RollingRestart]);

    [Fact]
    public async Task The_database_is_killed_and_calls_go_on() => await SurviveAsync([ClusterFault.KillPostgres]);

    [Fact]
    public async Task The_hot_tier_is_killed_frozen_and_emptied_and_calls_go_on() =>
        await SurviveAsync([ClusterFault.KillRedis, ClusterFault.FreezeRedis, ClusterFault.FlushRedis]);

    [Fact]
    public async Task The_proxy_crashes_and_every_call_comes_back() => await SurviveAsync([ClusterFault.CrashProxy]);

    [Fact]
    public async Task A_media_connection_is_reset_and_its_call_comes_back() => await SurviveAsync([ClusterFault.ResetMedia]);

    private async Task SurviveAsync(IReadOnlyList<ClusterFault> faults)
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("KRALIKI_CHAOS_SEED"), CultureInfo.InvariantCulture, out var given) ? given : Random.Shared.Next(1, 1_000_000);
        var result = await cluster.Run.RunAsync(faults, seed, Calls, Cancelled);

        var told = $"KRALIKI_CHAOS_SEED={seed}\n{cluster.Told}\n{string.Join('\n', result.Findings)}";
        TestContext.Current.TestOutputHelper?.WriteLine(told + $"\n{result.Events} events, {result.AcknowledgedWrites} of {result.Writes} writes acknowledged");
        Assert.True(result.Findings.Count == 0, told);
        Assert.All(result.Faults, fault => Assert.True(fault.LostCalls == 0, told));
        // Not a run in which nothing happened.
        Assert.True(result.Faults.Sum(fault => fault.Calls) >= faults.Count, told);
        Assert.True(result.AcknowledgedWrites > Calls, told);
    }
}
