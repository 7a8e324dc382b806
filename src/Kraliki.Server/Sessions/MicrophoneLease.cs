namespace Kraliki.Server.Sessions;

/// <summary>How long the microphone stays with a tab that no node sees any more. One thread.</summary>
/// <remarks>
/// Time counts only while nodes ask: after an outage of the database, or when the grain has moved, the tab's own node may
/// not be the first to ask, and the tab must not lose the microphone for that.
/// </remarks>
internal sealed class MicrophoneLease(SessionLimits limits, TimeProvider time)
{
    private DateTimeOffset _seenAt;
    private DateTimeOffset _askedAt;

    /// <summary>The tab has just been heard of.</summary>
    public void Renew() => _seenAt = _askedAt = time.GetUtcNow();

    /// <param name="seen">The asking node has a socket of the tab.</param>
    public bool HasRunOut(bool seen)
    {
        var now = time.GetUtcNow();
        if (seen || now - _askedAt > limits.MicrophoneSweep * 2)
        {
            _seenAt = now;
        }

        _askedAt = now;

        // Seen at a round, the tab may have gone at any time before the next one.
        return now - _seenAt >= limits.MicrophoneGrace + limits.MicrophoneSweep;
    }
}
