using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace Kraliki.Server.Hosting;

/// <summary>The single place that makes absolute http and ws URLs of this server.</summary>
/// <remarks>
/// <c>Kraliki:PublicUrl</c> wins when it is set. Without it the request's own scheme and host are used (already corrected
/// by the forwarded headers of a proxy on this machine), and outside a request the first bound address. Safe from any thread.
/// </remarks>
public sealed class PublicUrls(KralikiOptions options, IServer server, IHttpContextAccessor http)
{
    /// <summary>Scheme, host and port, without a trailing slash.</summary>
    /// <exception cref="InvalidOperationException">Asked before the server listens, without <c>Kraliki:PublicUrl</c>.</exception>
    public string Origin
    {
        get
        {
            if (options.PublicUrl is { } configured)
            {
                return configured.GetLeftPart(UriPartial.Authority);
            }

            return http.HttpContext?.Request is { } request && request.Host.HasValue
                ? $"{request.Scheme}://{request.Host}"
                : BoundAddress;
        }
    }

    /// <param name="path">Begins with a slash.</param>
    public string Http(string path) => Origin + path;

    /// <inheritdoc cref="Http"/>
    public string Socket(string path) => string.Concat("ws", Origin.AsSpan("http".Length), path);

    /// <summary>For carriers and for links in mails: never taken from a request, whose host anybody can choose.</summary>
    public string FixedHttp(string path) => FixedOrigin + path;

    /// <inheritdoc cref="FixedHttp"/>
    public string FixedSocket(string path) => string.Concat("ws", FixedOrigin.AsSpan("http".Length), path);

    private string FixedOrigin => options.PublicUrl?.GetLeftPart(UriPartial.Authority) ?? BoundAddress;

    private string BoundAddress
    {
        get
        {
            var address = server.Features.Get<IServerAddressesFeature>()?.Addresses.FirstOrDefault()
                ?? throw new InvalidOperationException("The server does not listen yet.");

            // A wildcard is an address to listen on, not one to connect to.
            return new UriBuilder(address.Replace("//*", "//127.0.0.1", StringComparison.Ordinal).Replace("//+", "//127.0.0.1", StringComparison.Ordinal)) is var url
                && url.Host is "0.0.0.0" or "[::]"
                    ? $"{url.Scheme}://127.0.0.1:{url.Port}"
                    : $"{url.Scheme}://{url.Host}:{url.Port}";
        }
    }
}
