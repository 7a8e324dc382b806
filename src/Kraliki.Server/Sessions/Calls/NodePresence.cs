using Kraliki.Server.Cluster;
using Kraliki.Server.Data;
using Kraliki.Server.Sessions.Journal;
using Kraliki.Server.Sessions.Live;

namespace Kraliki.Server.Sessions.Calls;

/// <summary>
/// Repeats to the grains which calls this node holds and which sessions it watches: a grain that woke up elsewhere knows
/// neither, and a call whose session went to someone else learns it here.
/// </summary>
/// <remarks>
/// <list type="number">
/// <item>Everything is repeated every <see cref="SessionLimits.RenewInterval"/>, and at once when a node comes or dies.</item>
/// <item>A session that somebody begins to listen to is repeated at once, so that the node with the call makes audio.</item>
/// <item>The journal is asked every <see cref="SessionLimits.FeedPollInterval"/> how far the watched sessions are: messages may
/// be lost, and a grain can lose its memory without a node's death.</item>
/// </list>
/// </remarks>
internal sealed partial class NodePresence(
    IGrainFactory grains,
    NodeLink node,
    ClusterNodes nodes,
    LiveCalls calls,
    SessionFeeds feeds,
    JournalReader journal,
    SessionLimits limits,
    TimeProvider time,
    ILogger<NodePresence> log)
    : BackgroundService
{
    // After a death each answer may take as long as a time-out; one after the other, the last would wait for minutes.
    private const int AtOnce = 16;

    // Far below the parameters that a database takes in one statement.
    private const int AskAtOnce = 500;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        feeds.ListenersChanged += OnListenersChanged;
        try
        {
            await Task.WhenAll(RenewRegularlyAsync(stoppingToken), RenewAfterChangesAsync(stoppingToken), CatchUpAsync(stoppingToken));
        }
        finally
        {
            feeds.ListenersChanged -= OnListenersChanged;
        }
    }

    private async Task RenewRegularlyAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(limits.RenewInterval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            await RenewAllAsync(stoppingToken);
        }
    }

    private async Task RenewAfterChangesAsync(CancellationToken stoppingToken)
    {
        await foreach (var _ in nodes.LivingAsync(stoppingToken))
        {
            await RenewAllAsync(stoppingToken);
        }
    }

    private async Task CatchUpAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(limits.FeedPollInterval, time);
        var failed = false;
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                foreach (var some in Watched().Chunk(AskAtOnce))
                {
                    await CatchUpAsync(some, afterFailure: failed, stoppingToken);
                }

                failed = false;
            }
            catch (Exception e) when (GrainCalls.IsTransient(e) || DatabaseTrouble.Is(e))
            {
                failed = true;
                if (e is not JournalUnavailableException)
                {
                    LogCatchingUpFailed(e);
                }
            }
        }
    }

    private async Task CatchUpAsync(SessionFeed[] some, bool afterFailure, CancellationToken stoppingToken)
    {
        var lastSeqs = await journal.LastSeqsAsync([.. some.Select(feed => feed.SessionId)], stoppingToken);
        var behind = some.Where(feed => lastSeqs.TryGetValue(feed.SessionId, out var seq) && seq > feed.LastSeq).ToList();
        behind.ForEach(feed => feed.Advance(lastSeqs[feed.SessionId]));
        if (afterFailure)
        {
            // Sockets that could not read what they knew of wait for something to happen.
            Array.ForEach(some, feed => feed.Wake());
        }

        await Parallel.ForEachAsync(behind, Limited(stoppingToken), async (feed, _) => await RenewAsync(feed));
    }

    private async Task RenewAllAsync(CancellationToken stoppingToken)
    {
        await Parallel.ForEachAsync(calls.All, Limited(stoppingToken), async (call, _) => await RenewAsync(call));
        await Parallel.ForEachAsync(Watched(), Limited(stoppingToken), async (feed, _) => await RenewAsync(feed));
    }

    private Task RenewAsync(LiveCall call) => RenewAsync(call.SessionId, async grain =>
    {
        if (!await grain.RenewAsync(call.Epoch, node.Reference(grains)))
        {
            call.LoseSession();
        }
    });

    private Task RenewAsync(SessionFeed feed) =>
        RenewAsync(feed.SessionId, async grain => feed.Advance(await grain.WatchAsync(node.Reference(grains))));

    /// <summary>The next round comes well before the grain loses patience.</summary>
    private Task RenewAsync(Guid session, Func<ISessionGrain, Task> renew) => GrainCalls.TryAsync(
        () => renew(grains.GetGrain<ISessionGrain>(session)),
        failure =>
        {
            // An outage of the database is logged once, as such.
            if (failure is not JournalUnavailableException)
            {
                LogRenewalFailed(failure, session);
            }
        });

    private void OnListenersChanged(Guid session, bool listened)
    {
        if (listened && calls.Find(session) is null && feeds.Find(session) is { } feed)
        {
            // Raised inside the feed's gate, which must not wait for a grain.
            _ = Task.Run(() => RenewAsync(feed));
        }
    }

    private IEnumerable<SessionFeed> Watched() => feeds.All.Where(feed => feed.Watchers > 0);

    private static ParallelOptions Limited(CancellationToken stoppingToken) => new() { MaxDegreeOfParallelism = AtOnce, CancellationToken = stoppingToken };
}
