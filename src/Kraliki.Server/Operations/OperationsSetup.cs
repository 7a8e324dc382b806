using Microsoft.AspNetCore.Diagnostics.HealthChecks;

namespace Kraliki.Server.Operations;

public static class OperationsSetup
{
    public static void AddOperations(this WebApplicationBuilder builder) => builder.Services.AddHealthChecks().Services.AddSingleton<AuditLog>();

    public static void MapOperations(this IEndpointRouteBuilder routes) =>
        routes.MapHealthChecks("/health/live", new HealthCheckOptions { Predicate = _ => false }).AllowAnonymous();
}
