using System.Diagnostics.Metrics;
using Kraliki.Server.Identity;
using Microsoft.AspNetCore.Cors.Infrastructure;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;

namespace Kraliki.Server.Hosting;

/// <summary>Which web pages may use this server: its own, and those of the configured origins with a token.</summary>
/// <remarks>
/// Cookies work for our own pages alone: they are SameSite=Strict, a cross-origin answer never allows credentials, and the
/// CSRF header is not among the allowed ones. Pages of a configured origin send a Bearer token.
/// </remarks>
internal static class Origins
{
    // Names start with OperationsSetup.TelemetryNames.
    private static readonly Counter<long> Refused = new Meter("Kraliki.Edges").CreateCounter<long>(
        "kraliki.sockets.foreign_origin", description: "WebSocket upgrades refused because a page of another origin asked for them.");

    public static void AddOrigins(this IServiceCollection services, EdgeOptions edges) =>
        services.AddCors(cors => cors.AddDefaultPolicy(new CorsPolicyBuilder([.. edges.Origins])
            .WithMethods("GET", "POST", "PUT", "PATCH", "DELETE")
            .WithHeaders(HeaderNames.Authorization, HeaderNames.ContentType, HeaderNames.IfMatch, "Idempotency-Key", RequestIds.Header, HeaderNames.TraceParent, HeaderNames.TraceState)
            .WithExposedHeaders(RequestIds.Header, HeaderNames.ETag, HeaderNames.RetryAfter, HeaderNames.Location)
            .SetPreflightMaxAge(TimeSpan.FromMinutes(10))
            .Build()));

    /// <summary>Goes after routing and before everything that may refuse, so that a permitted page can read the refusal.</summary>
    public static void UseOrigins(this WebApplication app, EdgeOptions edges)
    {
        if (edges.Origins.Count > 0)
        {
            app.UseCors();
        }

        app.Use((http, next) => RefuseForeignSocketAsync(http, next, edges.Origins));
    }

    /// <summary>
    /// The same-origin rule does not hold for WebSockets: any page may open one to anywhere. Browsers name their page in
    /// Origin (RFC 6455 §10.2), carriers and programs send none. One place for every upgrade, whatever the route.
    /// </summary>
    private static Task RefuseForeignSocketAsync(HttpContext http, RequestDelegate next, IReadOnlyList<string> others)
    {
        if (!IsUpgrade(http))
        {
            return next(http);
        }

        var own = http.RequestServices.GetRequiredService<PublicUrls>().Origin;
        if (http.Request.Headers.Origin is not [var origin, ..])
        {
            // Cookies come from browsers, and a browser that hides its page is none to be trusted.
            if (!AuthCookies.Come(http.Request))
            {
                return next(http);
            }

            origin = null;
        }

        if (string.Equals(origin, own, StringComparison.OrdinalIgnoreCase) || others.Contains(origin, StringComparer.OrdinalIgnoreCase))
        {
            return next(http);
        }

        Refused.Add(1);
        return Problems.WriteAsync(http, StatusCodes.Status403Forbidden, "foreign_origin", $"Sockets may be opened by pages of {own} only.");
    }

    // HTTP/1.1 asks by Upgrade, HTTP/2 by CONNECT with :protocol (RFC 8441).
    private static bool IsUpgrade(HttpContext http) =>
        http.Request.Headers.ContainsKey(HeaderNames.Upgrade) || http.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true };
}
