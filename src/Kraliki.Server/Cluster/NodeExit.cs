namespace Kraliki.Server.Cluster;

/// <summary>Whether this node is leaving, for everybody who begins or holds something long. Safe from any thread.</summary>
internal sealed class NodeExit : IDisposable
{
    /// <summary>Consoles leave at random moments within this, so that a hundred of them do not come to the others at once.</summary>
    public static readonly TimeSpan ConsolesLeaveWithin = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _draining = new();
    private readonly CancellationTokenSource _ended = new();

    /// <summary>Fires when others begin to take over what is here: nothing new begins on this node. Never where there is nobody to hand over to.</summary>
    public CancellationToken Draining => _draining.Token;

    /// <summary>Fires when what is still here has to end: after the drain, or as soon as the server is asked to stop.</summary>
    public CancellationToken Ended => _ended.Token;

    public void Drain() => _draining.Cancel();

    public void End() => _ended.Cancel();

    public void Dispose()
    {
        _draining.Dispose();
        _ended.Dispose();
    }
}
