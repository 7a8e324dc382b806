namespace Kraliki.Chaos;

/// <summary>For what another process brings about, and nothing tells.</summary>
internal static class Wait
{
    /// <summary>Between two looks at the same thing: a twentieth of the shortest time that is measured here.</summary>
    public static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);

    /// <exception cref="ClusterException">It did not come true in time; the message is <paramref name="otherwise"/>.</exception>
    public static async Task UntilAsync(Func<Task<bool>> done, TimeSpan patience, string otherwise, TimeProvider time, CancellationToken cancellationToken)
    {
        var since = time.GetTimestamp();
        while (!await done())
        {
            if (time.GetElapsedTime(since) > patience)
            {
                throw new ClusterException(otherwise);
            }

            await Task.Delay(Look, time, cancellationToken);
        }
    }
}
