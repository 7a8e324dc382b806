namespace Kraliki.Client;

/// <summary>How long to wait before the next try: any time from nothing up to a limit that doubles from <see cref="First"/> to <see cref="Longest"/>.</summary>
/// <remarks>
/// The whole wait is random, the first one too ("full jitter", https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/):
/// when a server dies all its clients notice at the same moment, and must not come to the next one at the same moment.
/// </remarks>
public sealed record Backoff(TimeSpan First, TimeSpan Longest)
{
    public static Backoff Default { get; } = new(TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(30));

    /// <param name="attempt">1 for the first wait.</param>
    /// <param name="jitter">A random number from 0 to 1.</param>
    public TimeSpan Delay(int attempt, double jitter)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(attempt, 1);

        // 2^30 times any sensible first limit is beyond every cap; this keeps the shift from overflowing.
        var factor = 1L << Math.Min(attempt - 1, 30);
        return Math.Min(First.TotalMilliseconds * factor, Longest.TotalMilliseconds) * jitter * TimeSpan.FromMilliseconds(1);
    }
}
