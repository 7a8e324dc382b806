using System.Text.Json;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Providers;
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

    /// <summary>Names and states only: exceptions stay in the log.</summary>
    private static Task WriteAsync(HttpContext http, HealthReport report)
    {
        http.Response.ContentType = "application/json";
        return http.Response.WriteAsync(
            JsonSerializer.Serialize(new
            {
                status = WireWord.Of(report.Status),
                checks = report.Entries.ToDictionary(entry => entry.Key, entry => WireWord.Of(entry.Value.Status)),
            }),
            http.RequestAborted);
    }
}

internal sealed class DatabaseCheck(KralikiDbFactory databases) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        await using var db = databases.OpenForSystem();
        return await db.Database.CanConnectAsync(cancellationToken) ? HealthCheckResult.Healthy() : new(context.Registration.FailureStatus);
    }
}
