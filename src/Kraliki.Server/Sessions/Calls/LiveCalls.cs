using System.Collections.Concurrent;
using Kraliki.Server.Sessions.Live;

namespace Kraliki.Server.Sessions.Calls;

/// <summary>The calls whose carrier socket this node holds. Safe from any thread.</summary>
public sealed class LiveCalls
{
    private readonly ConcurrentDictionary<Guid, LiveCall> _calls = new();
    private readonly IGrainFactory _grains;
    private readonly SessionFeeds _feeds;
    private readonly NodeLink _node;
    private readonly TimeProvider _time;
    private readonly ILogger<LiveCall> _log;

    internal LiveCalls(IGrainFactory grains, SessionFeeds feeds, NodeLink node, TimeProvider time, ILogger<LiveCall> log)
    {
        _grains = grains;
        _feeds = feeds;
        _node = node;
        _time = time;
        _log = log;
        node.Calls = this;
        feeds.ListenersChanged += (session, listened) => Find(session)?.SetListening(listened);
    }

    internal IEnumerable<LiveCall> All => _calls.Values;

    public LiveCall? Find(Guid sessionId) => _calls.GetValueOrDefault(sessionId);

    /// <summary>A media socket takes the session over. Dispose the call when the socket is done.</summary>
    /// <returns>Null when there is no such session or it has ended.</returns>
    public async Task<LiveCall?> AttachAsync(Guid sessionId, CancellationToken cancellationToken)
    {
        var grain = _grains.GetGrain<ISessionGrain>(sessionId);
        var attachment = await GrainCalls.RepeatAsync(() => grain.AttachAsync(_node.Reference(_grains)), _time, cancellationToken);
        if (attachment is null)
        {
            return null;
        }

        // What the call will say to the grain belongs to that request, whichever socket brought it here.
        attachment.Trace?.Enter();
        var call = new LiveCall(sessionId, attachment, grain, this, _feeds, _time, _log);
        _calls[sessionId] = call;
        return call;
    }

    internal void Remove(LiveCall call) => _calls.TryRemove(new(call.SessionId, call));
}
