using System.Text.Json;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Providers;
using Kraliki.Server.Sessions.Journal;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Kraliki.Server.Operations;

/// <summary>What load balancers and people ask: is the process alive, may it get traffic, can it take calls.</summary>
internal static class HealthApi
{
    /// <summary>Tag of the checks that must hold before traffic may come; features add theirs.</summary>
    public const string Ready = "ready";

    public static void MapHealth(this IEndpointRouteBuilder routes)
    {
        routes.MapHealthChecks("/health/live", new HealthCheckOptions { Predicate = _ => false, ResponseWriter = WriteAsync }).AllowAnonymous().DisableRateLimiting();
        routes.MapHealthChecks("/health/ready", new HealthCheckOptions { Predicate = check => check.Tags.Contains(Ready), ResponseWriter = WriteAsync }).AllowAnonymous().DisableRateLimiting();
        routes.MapGet("/health/providers", (VoiceProviders providers) => providers.All()).AllowAnonymous().DisableRateLimiting()
            .WithTags("Operations").WithName("CheckProviders").WithSummary("Which AI voice providers can take calls")
            .Produces<IReadOnlyList<ProviderView>>();
    }

    /// <summary>Names, states and our own sentences: exceptions stay in the log.</summary>
    private static Task WriteAsync(HttpContext http, HealthReport report)
    {
        http.Response.ContentType = "application/json";
        return http.Response.WriteAsync(
            JsonSerializer.Serialize(new
            {
                status = WireWord.Of(report.Status),
                checks = report.Entries.ToDictionary(entry => entry.Key, entry => WireWord.Of(entry.Value.Status)),
                reasons = report.Entries.Where(entry => entry.Value is { Status: not HealthStatus.Healthy, Description: not null }).ToDictionary(entry => entry.Key, entry => entry.Value.Description),
            }),
            http.RequestAborted);
    }
}

/// <summary>
/// Unhealthy while the database is away: another node may reach it. A disk that is full or about to be only degrades: the
/// node goes on with its calls, and who calls anew shall hear our own words instead of a proxy's error.
/// </summary>
internal sealed class DatabaseCheck(KralikiDbFactory databases, DatabaseWatch watch, DiskSpace disk) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        if (watch.Fault is { Kind: DatabaseFaultKind.Away })
        {
            return HealthCheckResult.Unhealthy("The database does not answer; running calls go on, and what happens in them waits to be saved.");
        }

        if (watch.Fault is { } fault)
        {
            return HealthCheckResult.Degraded($"Nothing can be saved: {fault.Words}. Running calls go on, new ones are refused.");
        }

        await using var db = databases.OpenForSystem();
        if (!await db.Database.CanConnectAsync(cancellationToken))
        {
            watch.Suspect();
            return HealthCheckResult.Unhealthy("The database cannot be reached.");
        }

        return disk.IsLow ? HealthCheckResult.Degraded($"Less than {DiskSpace.Low / DiskSpace.Megabyte} MB are free in the data directory.") : HealthCheckResult.Healthy();
    }
}
