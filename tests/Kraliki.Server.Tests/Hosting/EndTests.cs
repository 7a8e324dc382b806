using Kraliki.Tests.Shared;

namespace Kraliki.Server.Tests.Hosting;

public sealed class EndTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>A run of the tests starts hundreds in one process: each that stayed would cost every collection of garbage after it.</summary>
    [Fact]
    public async Task Servers_that_have_ended_leave_memory()
    {
        List<WeakReference> ended = [await EndedAsync(), await EndedAsync(), await EndedAsync()];
        await Until.TrueAsync(
            () =>
            {
                GC.Collect();

                // Threads and pools may hold on to what they had last.
                return ended.Count(server => server.IsAlive) <= 1;
            },
            "servers that have ended are in memory still",
            Cancel);
    }

    private static async Task<WeakReference> EndedAsync()
    {
        await using var server = await RunningServer.StartAsync(Cancel);
        return new WeakReference(server.Services);
    }
}
