using System.Threading.RateLimiting;

namespace Kraliki.Server.Hosting;

/// <summary>Names of the limits per address that a route can ask for.</summary>
public static class RateLimits
{
    /// <summary>60 tries to sign in per minute: many people behind one address may start their shift, a guesser may not.</summary>
    public const string Login = "login";

    /// <summary>30 error reports per minute: a page that fails in a loop must not fill the log.</summary>
    public const string Reports = "reports";

    public static void AddRateLimits(this IServiceCollection services) =>
        services.AddRateLimiter(limits =>
        {
            limits.OnRejected = async (rejected, _) =>
            {
                rejected.HttpContext.Response.Headers.RetryAfter = "60";
                await Problems.WriteAsync(
                    rejected.HttpContext,
                    StatusCodes.Status429TooManyRequests,
                    "too_many_requests",
                    "Too many requests from this address; try again in a minute.");
            };
            limits.AddPolicy(Login, http => PerMinute(http, 60));
            limits.AddPolicy(Reports, http => PerMinute(http, 30));
        });

    private static RateLimitPartition<string> PerMinute(HttpContext http, int permits) =>
        RateLimitPartition.GetFixedWindowLimiter(
            http.Connection.RemoteIpAddress?.ToString() ?? "",
            _ => new FixedWindowRateLimiterOptions { PermitLimit = permits, Window = TimeSpan.FromMinutes(1), QueueLimit = 0 });
}
