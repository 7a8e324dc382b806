using Kraliki.Server.Data;
using Kraliki.Server.Sessions.Journal;

namespace Kraliki.Server.Sessions;

/// <summary>Sees to it that no session stays unfinished when its call is gone: after a restart, a lost node, or when no call ever came.</summary>
/// <remarks>It only asks; the grain knows whether a call still speaks for the session and decides.</remarks>
internal sealed partial class SessionReaper(
    JournalReader journal, IGrainFactory grains, SessionLimits limits, TimeProvider time, ILogger<SessionReaper> log) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(limits.SweepInterval, time);
        do
        {
            await SweepAsync(stoppingToken);
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task SweepAsync(CancellationToken cancellationToken)
    {
        try
        {
            foreach (var session in await journal.UnfinishedAsync(time.GetUtcNow() - limits.UnusedSessionLife, cancellationToken))
            {
                await grains.GetGrain<ISessionGrain>(session).ReapAsync();
            }
        }
        catch (Exception e) when (GrainCalls.IsTransient(e) || DatabaseTrouble.Is(e))
        {
            LogSweepFailed(e);
        }
    }

    [LoggerMessage(EventId = 2041, Level = LogLevel.Warning, Message = "Abandoned sessions could not be looked for; the next round tries again")]
    private partial void LogSweepFailed(Exception exception);
}
