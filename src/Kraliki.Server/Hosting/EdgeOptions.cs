using System.Net;

namespace Kraliki.Server.Hosting;

/// <summary>Whom this server listens to, and how often.</summary>
public sealed record EdgeOptions
{
    public RateOptions Limits { get; init; } = new();

    /// <summary>Origins of other web pages that may call the API with a Bearer token and open its sockets; <c>https://crm.example.org</c>. Default: none.</summary>
    public IReadOnlyList<string> Origins { get; init; } = [];

    /// <summary>Whose X-Forwarded-For, -Proto and -Host are believed. Default: nobody's.</summary>
    public IReadOnlyList<IPNetwork> Proxies { get; init; } = [];

    /// <summary>Names under which this server may be addressed, besides that of <c>PublicUrl</c> and this machine's own. Default: any, but in demo mode none.</summary>
    public IReadOnlyList<string> Hosts { get; init; } = [];

    internal static EdgeOptions Read(ConfigurationReader reader)
    {
        var ours = new RateOptions();
        return new()
        {
            Limits = new()
            {
                UserPerMinute = Rate(nameof(RateOptions.UserPerMinute)) ?? ours.UserPerMinute,
                AddressPerMinute = Rate(nameof(RateOptions.AddressPerMinute)) ?? ours.AddressPerMinute,
                SignInPerMinute = Rate(nameof(RateOptions.SignInPerMinute)) ?? ours.SignInPerMinute,
                MailPerMinute = Rate(nameof(RateOptions.MailPerMinute)) ?? ours.MailPerMinute,
                RefreshPerMinute = Rate(nameof(RateOptions.RefreshPerMinute)) ?? ours.RefreshPerMinute,
                SocketsPerMinute = Rate(nameof(RateOptions.SocketsPerMinute)) ?? ours.SocketsPerMinute,
                WebhooksPerMinute = Rate(nameof(RateOptions.WebhooksPerMinute)) ?? ours.WebhooksPerMinute,
                ReportsPerMinute = Rate(nameof(RateOptions.ReportsPerMinute)) ?? ours.ReportsPerMinute,
            },
            Origins = [.. reader.List("Cors:Origins").Where(origin => IsOrigin(origin) || Refuse("Cors:Origins", origin, OriginRemedy(origin)))],
            Proxies = [.. reader.List("Proxies").Select(Network).OfType<IPNetwork>()],
            Hosts = [.. reader.List("Hosts").Where(host => Uri.CheckHostName(host) is not UriHostNameType.Unknown || Refuse("Hosts", host, "must be a host's name without scheme and port, such as calls.example.org"))],
        };

        int? Rate(string name) => reader.Number($"Limits:{name}", from: 1, to: 1_000_000);

        bool Refuse(string key, string value, string remedy)
        {
            reader.Complain(key, value, remedy);
            return false;
        }

        IPNetwork? Network(string text)
        {
            var network = IPNetwork.TryParse(text, out var range) ? range
                : IPAddress.TryParse(text, out var single) ? new IPNetwork(single, single.GetAddressBytes().Length * 8)
                : (IPNetwork?)null;
            if (network is { PrefixLength: > 0 })
            {
                return network;
            }

            Refuse("Proxies", text, network is null
                ? "must be addresses or networks such as 10.0.0.7 or 10.0.0.0/24"
                : "would let everybody forge their address; name the proxy's own address or network");
            return null;
        }
    }

    // What browsers send as Origin: scheme, host, and a port unless it is the scheme's own; never a path.
    private static bool IsOrigin(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" && url.GetLeftPart(UriPartial.Authority) == text && url.UserInfo.Length == 0;

    private static string OriginRemedy(string text) => text.Contains('*')
        ? "must name each origin; a wildcard would let any page in"
        : "must be an origin as browsers send it, such as https://crm.example.org, without a path and in lower case";
}

/// <summary>How many requests a minute are answered. A count may come at once after a quiet minute; for users a fifth of it.</summary>
/// <remarks>Counted by this node in its own memory. An IPv6 address stands for its /64, which is one subscriber.</remarks>
public sealed record RateOptions
{
    /// <summary>Of one signed-in user.</summary>
    public int UserPerMinute { get; init; } = 600;

    /// <summary>Of one address where nobody is signed in.</summary>
    public int AddressPerMinute { get; init; } = 300;

    /// <summary>Of one address, for what checks passwords and codes: many people behind one address may start their shift, a guesser may not.</summary>
    public int SignInPerMinute { get; init; } = 60;

    /// <summary>Of one address (or signed-in user) to each route that sends mail.</summary>
    public int MailPerMinute { get; init; } = 10;

    /// <summary>Of one address: a whole office renews its tokens from there, and every tab may try at once.</summary>
    public int RefreshPerMinute { get; init; } = 600;

    /// <summary>Of one address: after a restart every console behind it comes back at once, and a carrier has few addresses for all calls.</summary>
    public int SocketsPerMinute { get; init; } = 6_000;

    /// <summary>Of one address, from which a carrier may report on a thousand calls; forged ones end here, before a signature is computed and an audit line written.</summary>
    public int WebhooksPerMinute { get; init; } = 6_000;

    /// <summary>Of one user: a page that fails in a loop must not fill the log.</summary>
    public int ReportsPerMinute { get; init; } = 30;
}
