using Kraliki.Server.Cluster;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Kraliki.Server.Sessions;

/// <summary>Ready once this node is an active member of its cluster and a session grain answers: the first call after a start is slow, and no caller shall be the one who waits.</summary>
internal sealed class SessionsCheck(IGrainFactory grains, ISiloStatusOracle silo, NodeExit exit, TimeProvider time) : IHealthCheck
{
    // An answer that takes longer comes from a node that has just died; the next question finds another.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    // There is no such session: its grain looks it up once and has nothing to do. Another one for each node: a common one
    // would make all nodes unready when the node dies on which it lives.
    private readonly Guid _nobody = Guid.NewGuid();

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        if (exit.Draining.IsCancellationRequested)
        {
            return HealthCheckResult.Unhealthy("The node is leaving.");
        }

        if (silo.CurrentStatus != SiloStatus.Active)
        {
            return HealthCheckResult.Unhealthy($"The node is {silo.CurrentStatus}.");
        }

        try
        {
            await grains.GetGrain<ISessionGrain>(_nobody).ReapAsync().WaitAsync(Patience, time, cancellationToken);
            return HealthCheckResult.Healthy();
        }
        catch (Exception e) when (GrainCalls.IsTransient(e) || e is System.Data.Common.DbException)
        {
            return HealthCheckResult.Unhealthy("Session grains do not answer.", e);
        }
    }
}
