using System.Diagnostics;

namespace Kraliki.Tests.Shared;

/// <summary>For what announces itself to nobody: looks again and again until it has happened. Whatever can be awaited is awaited instead.</summary>
internal static class Until
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(20);

    // Much more than anything here takes, because other tests run beside it.
    private static readonly TimeSpan DefaultPatience = TimeSpan.FromSeconds(20);

    /// <param name="otherwise">What did not happen, as a sentence.</param>
    public static Task TrueAsync(Func<bool> condition, string otherwise, CancellationToken cancellationToken, TimeSpan? patience = null) =>
        TrueAsync(() => Task.FromResult(condition()), otherwise, cancellationToken, patience);

    /// <inheritdoc cref="TrueAsync(Func{bool}, string, CancellationToken, TimeSpan?)"/>
    public static Task TrueAsync(Func<Task<bool>> condition, string otherwise, CancellationToken cancellationToken, TimeSpan? patience = null) =>
        FoundAsync(async () => await condition() ? otherwise : null, otherwise, cancellationToken, patience);

    /// <param name="look">Null: not yet.</param>
    /// <param name="otherwise">What did not happen, as a sentence.</param>
    public static async Task<T> FoundAsync<T>(Func<Task<T?>> look, string otherwise, CancellationToken cancellationToken, TimeSpan? patience = null)
        where T : class
    {
        using var timer = new PeriodicTimer(LookInterval);
        for (var began = Stopwatch.GetTimestamp(); ; await timer.WaitForNextTickAsync(cancellationToken))
        {
            if (await look() is { } found)
            {
                return found;
            }

            if (Stopwatch.GetElapsedTime(began) > (patience ?? DefaultPatience))
            {
                throw new TimeoutException($"{otherwise} (waited {Stopwatch.GetElapsedTime(began).TotalSeconds:0} s)");
            }
        }
    }
}
