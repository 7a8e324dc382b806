using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Server.HotTier;
using Kraliki.Server.Operations.Flags;
using Microsoft.AspNetCore.Authorization;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Kraliki.Server.Operations;

public static class OperationsSetup
{
    /// <summary>Every ActivitySource and Meter of ours begins with this.</summary>
    public const string TelemetryNames = "Kraliki.*";

    public static void AddOperations(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<AuditChain>();
        builder.Services.AddSingleton<AuditLog>();
        builder.Services.AddSingleton<Refusals>();
        builder.Services.AddHostedService(services => services.GetRequiredService<Refusals>());
        builder.Services.AddSingleton<PersonalDataReads>();
        builder.Services.AddHostedService(services => services.GetRequiredService<PersonalDataReads>());
        builder.Services.AddSingleton<IAuthorizationMiddlewareResultHandler, RefusalAudit>();
        builder.Services.AddSingleton(services => new FeatureFlags(
            services.GetRequiredService<KralikiDbFactory>(),
            services.GetRequiredService<RedisConnection>(),
            services.GetRequiredService<KralikiOptions>(),
            services.GetRequiredService<TimeProvider>(),
            services.GetRequiredService<ILogger<FeatureFlags>>()));
        builder.Services.AddHostedService(services => services.GetRequiredService<FeatureFlags>());
        builder.Services.AddSingleton<DiskSpace>();
        builder.Services.AddHostedService(services => services.GetRequiredService<DiskSpace>());

        // Load balancers ask every second; an outage is logged once, by who finds it out.
        builder.Logging.AddFilter("Microsoft.Extensions.Diagnostics.HealthChecks", LogLevel.Critical);
        builder.Services.AddHealthChecks().AddCheck<DatabaseCheck>("database", tags: [HealthApi.Ready]);

        // Nobody to send to: then nothing is measured, and the start does not load any of it.
        if (!string.IsNullOrEmpty(builder.Configuration["OTEL_EXPORTER_OTLP_ENDPOINT"]))
        {
            AddTelemetry(builder.Services);
        }
    }

    public static void MapOperations(this IEndpointRouteBuilder routes)
    {
        routes.MapHealth();
        routes.MapConsoleInfo();
        routes.MapErrorReports();
        routes.MapAudit();
        routes.MapFlags();
    }

    private static void AddTelemetry(IServiceCollection services) =>
        services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService("kraliki"))
            .WithTracing(traces => traces.AddSource(TelemetryNames).AddAspNetCoreInstrumentation().AddOtlpExporter())
            .WithMetrics(metrics => metrics
                .AddMeter(TelemetryNames, "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Runtime")
                .AddOtlpExporter());
}
