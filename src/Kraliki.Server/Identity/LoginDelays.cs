using System.Globalization;
using Kraliki.Server.Hosting;

namespace Kraliki.Server.Identity;

/// <summary>
/// Makes guessing slow: from the fourth wrong password on, an account is closed to one address for 1, 2, 4 … 60 seconds.
/// By account and address together, so that nobody can lock others out of their account. Safe from any thread.
/// </summary>
internal sealed class LoginDelays(TimeProvider time)
{
    private const int FreeTries = 3;
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Memory = TimeSpan.FromMinutes(15);

    // When full, forgotten ones go, then the oldest: a guesser who fills it is held back by the limit per address anyway.
    private const int Capacity = 10_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<(string Email, string Address), (int Failures, DateTimeOffset Last)> _failures = [];

    /// <summary>429 with the seconds to wait.</summary>
    public static IResult Refusal(HttpContext http, TimeSpan wait)
    {
        var seconds = (int)Math.Ceiling(wait.TotalSeconds);
        http.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        return Problems.Result(429, "too_many_attempts", $"Too many wrong passwords; try again in {seconds} s.");
    }

    /// <returns>Zero when a try is welcome now.</returns>
    public TimeSpan Remaining(string email, string address)
    {
        lock (_gate)
        {
            if (!_failures.TryGetValue((email, address), out var entry) || entry.Failures < FreeTries)
            {
                return TimeSpan.Zero;
            }

            var delay = TimeSpan.FromSeconds(Math.Min(Longest.TotalSeconds, Math.Pow(2, entry.Failures - FreeTries)));
            var remaining = entry.Last + delay - time.GetUtcNow();
            return remaining > TimeSpan.Zero ? remaining : TimeSpan.Zero;
        }
    }

    public void Failed(string email, string address)
    {
        lock (_gate)
        {
            var now = time.GetUtcNow();
            if (_failures.Count >= Capacity)
            {
                MakeRoom(now);
            }

            var known = _failures.TryGetValue((email, address), out var entry) && now - entry.Last < Memory;
            _failures[(email, address)] = (known ? entry.Failures + 1 : 1, now);
        }
    }

    public void Succeeded(string email, string address)
    {
        lock (_gate)
        {
            _failures.Remove((email, address));
        }
    }

    private void MakeRoom(DateTimeOffset now)
    {
        foreach (var key in _failures.Where(pair => now - pair.Value.Last >= Memory).Select(pair => pair.Key).ToList())
        {
            _failures.Remove(key);
        }

        if (_failures.Count >= Capacity)
        {
            _failures.Remove(_failures.MinBy(pair => pair.Value.Last).Key);
        }
    }
}
