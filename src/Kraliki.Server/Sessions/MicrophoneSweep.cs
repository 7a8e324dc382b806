using Kraliki.Server.Sessions.Journal;
using Kraliki.Server.Sessions.Live;

namespace Kraliki.Server.Sessions;

/// <summary>Sees to it that no microphone stays with a tab that is gone: every node says of each one that is held whether it has the holder's socket.</summary>
/// <remarks>The session's grain puts the answers together, wherever it lives.</remarks>
internal sealed partial class MicrophoneSweep(
    JournalReader journal, IGrainFactory grains, OpenTabs tabs, SessionLimits limits, TimeProvider time, ILogger<MicrophoneSweep> log) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var failing = false;
        using var timer = new PeriodicTimer(limits.MicrophoneSweep, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            await GrainCalls.TryAsync(
                async () =>
                {
                    foreach (var (session, user, client) in await journal.MicrophonesAsync(stoppingToken))
                    {
                        await TendAsync(session, user, client);
                    }

                    failing = false;
                },
                failure =>
                {
                    if (!failing)
                    {
                        LogSweepFailed(failure);
                    }

                    failing = true;
                });
        }
    }

    /// <summary>One whose grain is on the way to another node does not keep the others waiting.</summary>
    private Task TendAsync(Guid session, string user, string client) => GrainCalls.TryAsync(
        () => grains.GetGrain<ISessionGrain>(session).TendMicrophoneAsync(user, client, tabs.Has(session, user, client)),
        failure => LogNotTended(failure, session));
}
