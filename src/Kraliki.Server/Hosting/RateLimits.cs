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
/// its own count, and then an anonymous request to it counts there alone. Counts are forgotten by their limiter when they
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
        services.AddSingleton(rates);
        services.AddSingleton<Buckets>();
        services.AddSingleton<Counts>();
    }

    public static void UseRateLimits(this WebApplication app) => app.Use(app.Services.GetRequiredService<Counts>().CountAsync);

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

    /// <summary>Counts each request, first for who sends it and then for its route's purpose.</summary>
    /// <remarks>
    /// Not the framework's middleware: that never disposes its limiter (.NET 10), whose timer then ticks for ever and keeps a
    /// server that has ended in memory, with all that it had.
    /// </remarks>
    private sealed class Counts(Buckets buckets, RateOptions rates) : IAsyncDisposable
    {
        private readonly PartitionedRateLimiter<HttpContext> _any = PartitionedRateLimiter.Create<HttpContext, string>(http => UserOf(http) is { } user
            ? buckets.PerMinute("any", user, rates.UserPerMinute, atOnce: Math.Max(1, rates.UserPerMinute / 5))
            : PolicyOf(http) is not null
                ? RateLimitPartition.GetNoLimiter("")
                : buckets.PerMinute("any", AddressOf(http), rates.AddressPerMinute));

        private readonly PartitionedRateLimiter<HttpContext> _own = PartitionedRateLimiter.Create<HttpContext, string>(http => PolicyOf(http) switch
        {
            null => RateLimitPartition.GetNoLimiter(""),
            Login => buckets.PerMinute(Login, AddressOf(http), rates.SignInPerMinute),
            Mail => buckets.PerMinute(Mail, $"{UserOf(http) ?? AddressOf(http)} {RouteOf(http)}", rates.MailPerMinute),
            Refresh => buckets.PerMinute(Refresh, AddressOf(http), rates.RefreshPerMinute),
            Sockets => buckets.PerMinute(Sockets, AddressOf(http), rates.SocketsPerMinute),
            Webhooks => buckets.PerMinute(Webhooks, AddressOf(http), rates.WebhooksPerMinute),
            Reports => buckets.PerMinute(Reports, UserOf(http) ?? AddressOf(http), rates.ReportsPerMinute),
            var unknown => throw new InvalidOperationException($"There is no rate limit \"{unknown}\"."),
        });

        public async Task CountAsync(HttpContext http, RequestDelegate next)
        {
            if (http.GetEndpoint()?.Metadata.GetMetadata<DisableRateLimitingAttribute>() is not null
                || (await IsLetInAsync(_any, http) && await IsLetInAsync(_own, http)))
            {
                await next(http);
            }
        }

        /// <returns>False when it has been refused.</returns>
        private static async ValueTask<bool> IsLetInAsync(PartitionedRateLimiter<HttpContext> limiter, HttpContext http)
        {
            using var lease = await limiter.AcquireAsync(http, permitCount: 1, http.RequestAborted);
            if (!lease.IsAcquired)
            {
                await RefuseAsync(http, lease);
            }

            return lease.IsAcquired;
        }

        public async ValueTask DisposeAsync()
        {
            await _any.DisposeAsync();
            await _own.DisposeAsync();
        }

        private static string? PolicyOf(HttpContext http) => http.GetEndpoint()?.Metadata.GetMetadata<EnableRateLimitingAttribute>()?.PolicyName;
    }

    /// <summary>Makes the buckets: this node's own, or, with Redis, all nodes' together.</summary>
    private sealed class Buckets(RedisConnection redis, HotTierLimits limits, MasterKey master)
    {
        private readonly byte[] _key = master.Derive("rate-limits");

        /// <param name="policy">Counts of different policies have nothing to do with each other.</param>
        public RateLimitPartition<string> PerMinute(string policy, string key, int permits, int? atOnce = null) => redis.IsConfigured
            ? RateLimitPartition.Get<string>($"{policy} {key}", _ => new SharedBucket(redis, limits.RequestPatience, Name(policy, key), Options(permits, atOnce)))
            : RateLimitPartition.GetTokenBucketLimiter($"{policy} {key}", _ => Options(permits, atOnce));

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
