using Kraliki.Contracts;
using Kraliki.Server.Sessions.Live;
using Kraliki.Voice.Calls;
using Orleans.Concurrency;

namespace Kraliki.Server.Sessions.Calls;

/// <summary>This node, for the session grains: commands find their call, events find their watchers.</summary>
/// <remarks>Held by the container for the life of the process: the cluster itself refers to it only weakly.</remarks>
internal sealed class NodeLink(SessionFeeds feeds, FeedRelays relays) : INodeLink
{
    private readonly Lock _creating = new();
    private INodeLink? _reference;

    /// <summary>Set once by <see cref="LiveCalls"/>, which needs the link to be made first.</summary>
    public LiveCalls? Calls { private get; set; }

    /// <summary>What grains are given to call this node by.</summary>
    public INodeLink Reference(IGrainFactory grains)
    {
        lock (_creating)
        {
            return _reference ??= grains.CreateObjectReference<INodeLink>(this);
        }
    }

    public Task<bool> CommandAsync(Guid session, long epoch, CallCommand command, Guid request)
    {
        if (Calls?.Find(session) is not { } call || call.Epoch != epoch)
        {
            return Task.FromResult(false);
        }

        if (request == Guid.Empty || call.IsNew(request))
        {
            call.Post(command);
        }

        return Task.FromResult(true);
    }

    public Task PublishAsync(Guid session, Immutable<SessionEvent[]> events)
    {
        feeds.Find(session)?.Publish(events.Value);
        return Task.CompletedTask;
    }

    public Task RelayAsync(Guid session, INodeLink to)
    {
        relays.Begin(session, to);
        return Task.CompletedTask;
    }

    public Task<FeedInterest> TakeAsync(Guid session, FleetingBatch batch)
    {
        if (feeds.Find(session) is not { } feed)
        {
            return Task.FromResult(FeedInterest.None);
        }

        feed.Take(batch);
        return Task.FromResult(feed.Interest);
    }
}
