using Microsoft.AspNetCore.HttpOverrides;

namespace Kraliki.Server.Hosting;

/// <summary>What proxies say about a request counts only when it comes from one that is configured (<c>Kraliki:Proxies</c>).</summary>
internal static class Proxies
{
    /// <remarks>
    /// Configured last, because the framework has a switch in the environment (<c>ASPNETCORE_FORWARDEDHEADERS_ENABLED</c>)
    /// that would believe everybody.
    /// </remarks>
    public static void AddProxies(this IServiceCollection services, KralikiOptions options) =>
        services.PostConfigure<ForwardedHeadersOptions>(forwarded =>
        {
            forwarded.KnownProxies.Clear();
            forwarded.KnownIPNetworks.Clear();
            if (options.Edges.Proxies.Count == 0)
            {
                // Empty lists would mean everybody.
                forwarded.ForwardedHeaders = ForwardedHeaders.None;
                return;
            }

            // The public address, once it is known, is not asked from anybody.
            forwarded.ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto
                | (options.PublicUrl is null ? ForwardedHeaders.XForwardedHost : ForwardedHeaders.None);

            // From the last hop back, as far as each is a known proxy; what stands before that is the stranger's own writing.
            forwarded.ForwardLimit = null;
            options.Edges.Proxies.ToList().ForEach(forwarded.KnownIPNetworks.Add);
        });

    public static void UseProxies(this WebApplication app)
    {
        app.UseForwardedHeaders();
        app.Use((http, next) =>
        {
            // A socket that listens to both protocols reports IPv4 callers in IPv6 spelling; limits, delays and audit know one.
            if (http.Connection.RemoteIpAddress is { IsIPv4MappedToIPv6: true } mapped)
            {
                http.Connection.RemoteIpAddress = mapped.MapToIPv4();
            }

            return next(http);
        });
    }
}
