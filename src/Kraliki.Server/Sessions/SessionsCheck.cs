using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Kraliki.Server.Sessions;

/// <summary>Ready once a session grain answers: the first call after a start is slow, and no caller shall be the one who waits.</summary>
internal sealed class SessionsCheck(IGrainFactory grains) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            // There is no such session: its grain looks it up once and has nothing to do.
            await grains.GetGrain<ISessionGrain>(Guid.Empty).ReapAsync().WaitAsync(cancellationToken);
            return HealthCheckResult.Healthy();
        }
        catch (Exception e) when (GrainCalls.IsTransient(e) || e is System.Data.Common.DbException)
        {
            return HealthCheckResult.Unhealthy("Session grains do not answer.", e);
        }
    }
}
