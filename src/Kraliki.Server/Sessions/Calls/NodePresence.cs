using Kraliki.Server.Data;
using Kraliki.Server.Sessions.Live;

namespace Kraliki.Server.Sessions.Calls;

/// <summary>
/// Repeats to the grains which calls this node holds and which sessions it watches: a grain that woke up elsewhere knows
/// neither, and a call whose session went to someone else learns it here.
/// </summary>
internal sealed partial class NodePresence(
    IGrainFactory grains, NodeLink node, LiveCalls calls, SessionFeeds feeds, SessionLimits limits, TimeProvider time, ILogger<NodePresence> log)
    : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(limits.RenewInterval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            foreach (var call in calls.All)
            {
                await RenewAsync(call);
            }

            foreach (var feed in feeds.All)
            {
                await RenewAsync(feed);
            }
        }
    }

    private async Task RenewAsync(LiveCall call)
    {
        try
        {
            if (!await grains.GetGrain<ISessionGrain>(call.SessionId).RenewAsync(call.Epoch, node.Reference(grains)))
            {
                call.LoseSession();
            }
        }
        catch (Exception e) when (GrainCalls.IsTransient(e) || DatabaseTrouble.Is(e))
        {
            // The next round comes well before the grain loses patience.
            LogRenewalFailed(e, call.SessionId);
        }
    }

    private async Task RenewAsync(SessionFeed feed)
    {
        try
        {
            feed.Advance(await grains.GetGrain<ISessionGrain>(feed.SessionId).WatchAsync(node.Reference(grains)));
        }
        catch (Exception e) when (GrainCalls.IsTransient(e) || DatabaseTrouble.Is(e))
        {
            LogRenewalFailed(e, feed.SessionId);
        }
    }

    [LoggerMessage(EventId = 2031, Level = LogLevel.Warning, Message = "Session {SessionId} does not answer this node's renewal")]
    private partial void LogRenewalFailed(Exception exception, Guid sessionId);
}
