using Kraliki.Server.Hosting;
using Kraliki.Server.Operations;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Kraliki.Server.HotTier;

/// <summary>What nodes share beside the database: fast, and dispensable at any moment.</summary>
public static class HotTierSetup
{
    public static void AddHotTier(this WebApplicationBuilder builder, KralikiOptions options)
    {
        builder.Services.AddSingleton<HotTierLimits>();
        builder.Services.AddSingleton<RedisConnection>();
        builder.Services.AddHostedService(services => services.GetRequiredService<RedisConnection>());
        builder.Services.AddSingleton<HotSessions>();
        builder.Services.AddHostedService(services => services.GetRequiredService<HotSessions>());
        if (options.Redis is not null)
        {
            builder.Services.AddHealthChecks().AddCheck<RedisCheck>("redis", HealthStatus.Degraded, [HealthApi.Ready]);
        }
    }
}

/// <summary>Without Redis everything works, so its absence never takes traffic away from a node.</summary>
internal sealed class RedisCheck(RedisConnection redis) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(redis.IsAway ? HealthCheckResult.Degraded() : HealthCheckResult.Healthy());
}
