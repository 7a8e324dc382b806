using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Threading.RateLimiting;
using Kraliki.Server.HotTier;
using Microsoft.AspNetCore.RateLimiting;

namespace Kraliki.Server.Hosting;

/// <summary>How often who may ask what: the names are for <c>RequireRateLimiting</c>, the numbers are in <see cref="RateOptions"/>.</summary>
/// <remarks>
/// A signed-in user is counted by name wherever they are, everybody else by address; a route with one of these names has
/// its own count, and then an anonymous request to it counts there alone. Counts are forgotten by the framework when they
/// have been full for ten seconds, so that their number is bounded by the addresses of the last minute. With Redis all nodes
/// count together (<see cref="SharedBucket"/>).
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

    public static void AddRateLimits(this IServiceCollection services, RateOptions rates)
    {
        services.AddRateLimiter(limits => limits.OnRejected = (rejected, _) => RefuseAsync(rejected.HttpContext, rejected.Lease));
        services.AddSingleton<Buckets>();
        services.AddOptions<RateLimiterOptions>().Configure<Buckets>((limits, buckets) =>
        {
            limits.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, string>(http => UserOf(http) is { } user
                ? buckets.PerMinute("any", user, rates.UserPerMinute, atOnce: Math.Max(1, rates.UserPerMinute / 5))
                : http.GetEndpoint()?.Metadata.GetMetadata<EnableRateLimitingAttribute>() is not null
                    ? RateLimitPartition.GetNoLimiter("")
                    : buckets.PerMinute("any", AddressOf(http), rates.AddressPerMinute));
            limits.AddPolicy(Login, http => buckets.PerMinute(Login, AddressOf(http), rates.SignInPerMinute));
            limits.AddPolicy(Mail, http => buckets.PerMinute(Mail, $"{UserOf(http) ?? AddressOf(http)} {RouteOf(http)}", rates.MailPerMinute));
            limits.AddPolicy(Refresh, http => buckets.PerMinute(Refresh, AddressOf(http), rates.RefreshPerMinute));
            limits.AddPolicy(Sockets, http => buckets.PerMinute(Sockets, AddressOf(http), rates.SocketsPerMinute));
            limits.AddPolicy(Webhooks, http => buckets.PerMinute(Webhooks, AddressOf(http), rates.WebhooksPerMinute));
            limits.AddPolicy(Reports, http => buckets.PerMinute(Reports, UserOf(http) ?? AddressOf(http), rates.ReportsPerMinute));
        });
    }

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

    /// <summary>Makes the counts: this node's own, or, with Redis, all nodes' together.</summary>
    private sealed class Buckets(RedisConnection redis, HotTierLimits limits, MasterKey master)
    {
        private readonly byte[] _key = master.Derive("rate-limits");

        /// <param name="policy">Counts of different policies have nothing to do with each other.</param>
        public RateLimitPartition<string> PerMinute(string policy, string key, int permits, int? atOnce = null) => redis.IsConfigured
            ? RateLimitPartition.Get<string>(key, _ => new SharedBucket(redis, limits.RequestPatience, Name(policy, key), Options(permits, atOnce)))
            : RateLimitPartition.GetTokenBucketLimiter(key, _ => Options(permits, atOnce));

        private static TokenBucketRateLimiterOptions Options(int permits, int? atOnce) => new()
        {
            TokenLimit = atOnce ?? permits,
            TokensPerPeriod = 1,
            ReplenishmentPeriod = TimeSpan.FromMinutes(1) / permits,

            // The partitions' owner refills them all with one timer.
            AutoReplenishment = false,

            // Who comes too often hears so at once; a queue would keep the connection and the caller waiting.
            QueueLimit = 0,
        };

        /// <summary>Addresses of people are nobody's business in Redis.</summary>
        private string Name(string policy, string key) => $"{policy}:{Convert.ToHexString(HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes(key)).AsSpan(0, 16))}";
    }
}
