using System.Collections.Concurrent;

namespace Kraliki.Server.Sessions.Live;

/// <summary>The sessions that somebody watches on this node. Safe from any thread.</summary>
internal sealed class SessionFeeds
{
    private readonly ConcurrentDictionary<Guid, SessionFeed> _feeds = new();
    private readonly Lock _joining = new();

    /// <summary>Raised with a session and whether anybody listens to its audio, here or on a node that is relayed to.</summary>
    public event Action<Guid, bool>? ListenersChanged;

    public IEnumerable<SessionFeed> All => _feeds.Values;

    public SessionFeed? Find(Guid sessionId) => _feeds.GetValueOrDefault(sessionId);

    public SessionFeed Join(Guid sessionId, WatcherOutbox watcher)
    {
        lock (_joining)
        {
            var feed = _feeds.GetOrAdd(sessionId, id => new SessionFeed(id, (session, listened) => ListenersChanged?.Invoke(session, listened)));
            feed.Join(watcher);
            return feed;
        }
    }

    public void Leave(SessionFeed feed, WatcherOutbox watcher)
    {
        lock (_joining)
        {
            feed.Leave(watcher);
            if (feed.IsEmpty)
            {
                _feeds.TryRemove(new(feed.SessionId, feed));
            }
        }
    }
}
