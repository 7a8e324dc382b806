namespace Kraliki.Client;

/// <summary>How long to wait before the next try: doubles from <see cref="First"/> to <see cref="Longest"/>, plus up to 30 % so that many clients do not come back at once.</summary>
public sealed record Backoff(TimeSpan First, TimeSpan Longest)
{
    public static Backoff Default { get; } = new(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(30));

    /// <summary>The largest share of the plain delay that jitter adds.</summary>
    public const double MaxJitter = 0.3;

    /// <param name="attempt">1 for the first wait.</param>
    /// <param name="jitter">A random number from 0 to 1.</param>
    public TimeSpan Delay(int attempt, double jitter)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(attempt, 1);

        // 2^30 times any sensible first delay is beyond every cap; the limit keeps the shift from overflowing.
        var factor = 1L << Math.Min(attempt - 1, 30);
        var plain = Math.Min(First.TotalMilliseconds * factor, Longest.TotalMilliseconds);
        return TimeSpan.FromMilliseconds(plain * (1 + (MaxJitter * jitter)));
    }
}
