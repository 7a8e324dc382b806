namespace Kraliki.Server.HotTier;

/// <summary>Lets one loop rest until its next round is due or somebody rings. Rings during a round are one, and the next round follows at once.</summary>
internal sealed class Doorbell(TimeProvider time)
{
    private volatile TaskCompletionSource _rung = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Safe from any thread.</summary>
    public void Ring() => _rung.TrySetResult();

    /// <summary>For one task at a time.</summary>
    public async Task WaitAsync(TimeSpan atMost, CancellationToken cancellationToken)
    {
        await _rung.Task.WaitAsync(atMost, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
        if (_rung.Task.IsCompleted)
        {
            _rung = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }
}
