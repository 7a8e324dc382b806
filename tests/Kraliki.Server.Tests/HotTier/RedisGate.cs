using Kraliki.Server.HotTier;

namespace Kraliki.Server.Tests.HotTier;

internal static class RedisGate
{
    /// <summary>The gate is turned by a task of its own, about which nobody is told: a test can only look again.</summary>
    public static async Task UntilAsync(this RedisConnection redis, bool open, CancellationToken cancellationToken)
    {
        using var look = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (redis.IsOpen != open || redis.IsAway == open)
        {
            await look.WaitForNextTickAsync(cancellationToken);
        }
    }
}
