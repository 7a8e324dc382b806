using System.Text.Json;
using System.Text.Json.Serialization;
using Kraliki.Contracts;

namespace Kraliki.Server.Hosting;

/// <summary>What every request passes, whatever the feature.</summary>
public static class HostingSetup
{
    public static void AddHosting(this WebApplicationBuilder builder, KralikiOptions options)
    {
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            RequestSizes.Limit(kestrel.Limits);
        });
        var services = builder.Services;
        builder.AddLogs(options);
        services.AddRateLimits(options.Edges.Limits);
        services.AddOrigins(options.Edges);
        services.AddProxies(options);
        services.AddApiDescription();
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(Console.Out);
        services.AddSingleton<PublicUrls>();
        services.AddSingleton(MasterKey.Load(options));
        services.AddSingleton<Cursors>();

        // Throwing lets one place explain what is wrong with a body; by itself the answer would be an empty 400.
        services.Configure<RouteHandlerOptions>(routes => routes.ThrowOnBadRequest = true);
        services.Configure<Microsoft.AspNetCore.Http.Features.FormOptions>(RequestSizes.Limit);
        services.ConfigureHttpJsonOptions(json =>
        {
            var serializer = json.SerializerOptions;
            serializer.MaxDepth = RequestSizes.DeepestJson;
            serializer.Converters.Add(new UtcTimeConverter());
            serializer.TypeInfoResolverChain.Insert(0, ContractsJson.Default);
            serializer.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
            serializer.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
            serializer.NumberHandling = JsonNumberHandling.Strict;
            serializer.AllowOutOfOrderMetadataProperties = true;
            serializer.RespectRequiredConstructorParameters = true;
            serializer.RespectNullableAnnotations = true;
        });
    }

    public static void UseHosting(this WebApplication app, KralikiOptions options)
    {
        app.UseProxies();
        app.UseMiddleware<RequestIds>();
        app.UseSecurityHeaders();
        app.UseExceptionHandler(new ExceptionHandlerOptions
        {
            ExceptionHandler = ErrorAnswers.ExceptionAsync,
            StatusCodeSelector = error => error is BadHttpRequestException bad ? bad.StatusCode : StatusCodes.Status500InternalServerError,
            SuppressDiagnosticsCallback = context => context.Exception is BadHttpRequestException || ErrorAnswers.IsDatabaseAway(context.Exception),
            AllowStatusCode404Response = true,
        });
        app.UseStatusCodePages(ErrorAnswers.StatusAsync);
        app.UseRequestSizes();
        if (options.Demo || options.Edges.Hosts.Count > 0)
        {
            app.Use((http, next) => RefuseStrangeHostAsync(http, next, options));
        }
    }

    /// <summary>A page elsewhere whose name was pointed at this machine (DNS rebinding) must not reach us as if it were ours.</summary>
    private static Task RefuseStrangeHostAsync(HttpContext http, RequestDelegate next, KralikiOptions options)
    {
        var host = http.Request.Host.Host;
        return host is "localhost" or "127.0.0.1" or "[::1]"
            || string.Equals(host, options.PublicUrl?.Host, StringComparison.OrdinalIgnoreCase)
            || options.Edges.Hosts.Contains(host, StringComparer.OrdinalIgnoreCase)
            // Load balancers ask by address, whatever the name.
            || (!options.Demo && http.Request.Path.StartsWithSegments("/health"))
                ? next(http)
                : Problems.WriteAsync(http, StatusCodes.Status400BadRequest, "unknown_host", "This server answers at 127.0.0.1, localhost, the host of Kraliki:PublicUrl and those of Kraliki:Hosts only.");
    }
}
