using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Kraliki.Server.Operations;

/// <summary>Grains answer. The first question also warms them up, so that the first call does not pay for it.</summary>
internal sealed class GrainCheck(IGrainFactory grains, TimeProvider time) : IHealthCheck
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            var hosts = await grains.GetGrain<IManagementGrain>(0).GetHosts(onlyActive: true).WaitAsync(Patience, time, cancellationToken);
            return hosts.Count > 0 ? HealthCheckResult.Healthy() : new(context.Registration.FailureStatus);
        }
        catch (TimeoutException)
        {
            return new(context.Registration.FailureStatus);
        }
    }
}
