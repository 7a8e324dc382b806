namespace Kraliki.Server.Sessions;

/// <summary>Who watches: nodes get committed events from here, and what is fleeting from the node that holds the call.</summary>
internal sealed partial class SessionGrain
{
    public async Task<long> WatchAsync(INodeLink node)
    {
        if (await CurrentAsync() is not { } row)
        {
            return -1;
        }

        _watchers.Subscribe(node, node);
        if (_owner is { } owner && !owner.Equals(node))
        {
            await owner.RelayAsync(row.Id, node);
        }

        return row.LastSeq;
    }

    /// <summary>A node that takes the call over, or is heard of for the first time, learns who watches it.</summary>
    private void ShowWatchers(INodeLink owner)
    {
        if (owner.Equals(_owner))
        {
            return;
        }

        foreach (var watcher in _watchers.Where(watcher => !watcher.Equals(owner)))
        {
            owner.RelayAsync(this.GetPrimaryKey(), watcher).Ignore();
        }
    }
}
