using Kraliki.Server.Operations;
using Microsoft.Extensions.DependencyInjection;

namespace Kraliki.Server.Tests.Operations;

public sealed class DiskSpaceTests
{
    [Fact]
    public async Task Health_warns_before_the_disk_is_full_and_the_node_stays_ready()
    {
        var cancelled = TestContext.Current.CancellationToken;
        await using var server = await RunningServer.StartAsync(cancelled, new(Settings: RunningServer.Silent));
        var disk = server.Services.GetRequiredService<DiskSpace>();
        using var client = server.Anonymous();

        disk.Look(DiskSpace.Low - 1);
        using var low = await client.GetAsync("health/ready", cancelled);
        Assert.True(low.IsSuccessStatusCode);
        Assert.Contains("Less than 200 MB are free in the data directory.", await low.Content.ReadAsStringAsync(cancelled), StringComparison.Ordinal);

        disk.Look(DiskSpace.Low);
        Assert.DoesNotContain("200 MB", await client.GetStringAsync("health/ready", cancelled), StringComparison.Ordinal);
    }
}
