using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Claims;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.RateLimiting;

namespace Kraliki.Server.Hosting;

/// <summary>How often who may ask what: the names are for <c>RequireRateLimiting</c>, the numbers are in <see cref="RateOptions"/>.</summary>
/// <remarks>
/// A signed-in user is counted by name wherever they are, everybody else by address; a route with one of these names has
/// its own count, and then an anonymous request to it counts there alone. Counts are forgotten by the framework when they
/// have been full for ten seconds, so that their number is bounded by the addresses of the last minute.
/// </remarks>
public static class RateLimits
{
    /// <summary>Whatever checks a password or a code that could be guessed. By address, also for who is signed in.</summary>
    public const string Login = "login";

    /// <summary>Whatever sends mail.</summary>
    public const string Mail = "mail";

    public const string Refresh = "refresh";

    /// <summary>Whatever upgrades to a WebSocket.</summary>
    public const string Sockets = "sockets";

    /// <summary>Carriers' webhooks.</summary>
    public const string Webhooks = "webhooks";

    public const string Reports = "reports";

    public static void AddRateLimits(this IServiceCollection services, RateOptions rates) =>
        services.AddRateLimiter(limits =>
        {
            limits.OnRejected = (rejected, _) => RefuseAsync(rejected.HttpContext, rejected.Lease);
            limits.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, string>(http => UserOf(http) is { } user
                ? PerMinute(user, rates.UserPerMinute, atOnce: Math.Max(1, rates.UserPerMinute / 5))
                : http.GetEndpoint()?.Metadata.GetMetadata<EnableRateLimitingAttribute>() is not null
                    ? RateLimitPartition.GetNoLimiter("")
                    : PerMinute(AddressOf(http), rates.AddressPerMinute));
            limits.AddPolicy(Login, http => PerMinute(AddressOf(http), rates.SignInPerMinute));
            limits.AddPolicy(Mail, http => PerMinute($"{UserOf(http) ?? AddressOf(http)} {RouteOf(http)}", rates.MailPerMinute));
            limits.AddPolicy(Refresh, http => PerMinute(AddressOf(http), rates.RefreshPerMinute));
            limits.AddPolicy(Sockets, http => PerMinute(AddressOf(http), rates.SocketsPerMinute));
            limits.AddPolicy(Webhooks, http => PerMinute(AddressOf(http), rates.WebhooksPerMinute));
            limits.AddPolicy(Reports, http => PerMinute(UserOf(http) ?? AddressOf(http), rates.ReportsPerMinute));
        });

    private static RateLimitPartition<string> PerMinute(string key, int permits, int? atOnce = null) =>
        RateLimitPartition.GetTokenBucketLimiter(key, _ => new TokenBucketRateLimiterOptions
        {
            TokenLimit = atOnce ?? permits,
            TokensPerPeriod = 1,
            ReplenishmentPeriod = TimeSpan.FromMinutes(1) / permits,

            // Who comes too often hears so at once; a queue would keep the connection and the caller waiting.
            QueueLimit = 0,
        });

    private static async ValueTask RefuseAsync(HttpContext http, RateLimitLease lease)
    {
        var wait = lease.TryGetMetadata(MetadataName.RetryAfter, out var after) ? (int)Math.Max(1, Math.Ceiling(after.TotalSeconds)) : 1;
        http.Response.Headers.RetryAfter = wait.ToString(CultureInfo.InvariantCulture);
        await Problems.WriteAsync(http, StatusCodes.Status429TooManyRequests, "too_many_requests", $"Too many requests; try again in {wait} s.");
    }

    private static string? UserOf(HttpContext http) =>
        http.User.Identity?.IsAuthenticated == true && http.User.FindFirstValue("sub") is { } user ? $"user {user}" : null;

    // The pattern, because a path can be spelt in many ways.
    private static string? RouteOf(HttpContext http) => (http.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText;

    private static string AddressOf(HttpContext http) => AddressOf(http.Connection.RemoteIpAddress);

    /// <summary>What stands for one subscriber: an IPv4 address, or the /64 that a provider gives to one line.</summary>
    internal static string AddressOf(IPAddress? address)
    {
        if (address is not { AddressFamily: AddressFamily.InterNetworkV6 })
        {
            return $"{address}";
        }

        if (address.IsIPv4MappedToIPv6)
        {
            return $"{address.MapToIPv4()}";
        }

        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        bytes[8..].Clear();
        return $"{new IPAddress(bytes)}/64";
    }
}
