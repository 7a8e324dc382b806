using System.Buffers.Binary;
using Kraliki.Server.Cluster;
using Kraliki.Server.Sessions.Calls;
using Kraliki.Server.Sessions.Journal;

namespace Kraliki.Server.Sessions;

/// <summary>
/// Sees to it that no session is left alone when its call is gone: after a lost node at once, and now and then after whatever
/// else went wrong. Every node does this, each for its share.
/// </summary>
/// <remarks>It only asks; the grain knows whether a call still speaks for the session and decides.</remarks>
internal sealed partial class SessionReaper(
    JournalReader journal, IGrainFactory grains, ClusterNodes nodes, LiveCalls calls, SessionLimits limits, TimeProvider time, ILogger<SessionReaper> log)
    : BackgroundService
{
    // A dead node leaves some hundred sessions behind, and each is waited for; more at once would only queue up in the journal.
    private const int AtOnce = 16;

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(SweepRegularlyAsync(stoppingToken), SweepAfterDeathsAsync(stoppingToken));

    private async Task SweepRegularlyAsync(CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(limits.SweepInterval, time);
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            await SweepAsync(nodes.Living, cancellationToken);
        }
    }

    private async Task SweepAfterDeathsAsync(CancellationToken cancellationToken)
    {
        await foreach (var living in nodes.LivingAsync(cancellationToken))
        {
            await SweepAsync(living, cancellationToken);
        }
    }

    private async Task SweepAsync(IReadOnlyList<string> living, CancellationToken cancellationToken)
    {
        await GrainCalls.TryAsync(
            async () =>
            {
                var unattended = await journal.UnattendedAsync(time.GetUtcNow() - limits.UnusedSessionLife, living, nodes.Self, cancellationToken);
                await Parallel.ForEachAsync(
                    unattended.Where(session => session.Node == nodes.Self ? calls.Find(session.Id) is null : IsOurs(session.Id, living)),
                    new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken },
                    (session, stop) => LookAfterAsync(session.Id, session.Node, stop));
            },
            failure =>
            {
                // An outage of the database is logged once, as such.
                if (failure is not JournalUnavailableException)
                {
                    LogSweepFailed(failure);
                }
            });
    }

    /// <summary>Repeated here: while the cluster settles after a death, first calls fail, and one that does must not keep the others waiting.</summary>
    private async ValueTask LookAfterAsync(Guid session, string? node, CancellationToken cancellationToken)
    {
        var grain = grains.GetGrain<ISessionGrain>(session);
        await GrainCalls.TryAsync(
            () => GrainCalls.RepeatAsync(
                async () =>
                {
                    await (node == nodes.Self ? grain.DisownAsync(node) : grain.ReapAsync());
                    return true;
                },
                time,
                cancellationToken),
            LogSweepFailed);
    }

    /// <summary>The living share what the dead have left, without talking about it: all see the same list in the same order.</summary>
    private bool IsOurs(Guid session, IReadOnlyList<string> living) =>
        living[(int)(BinaryPrimitives.ReadUInt32LittleEndian(session.ToByteArray().AsSpan(12)) % (uint)living.Count)] == nodes.Self;
}
