using System.Diagnostics.Metrics;
using Kraliki.Server.Sessions.Journal;

namespace Kraliki.Server.Sessions.Calls;

/// <summary>Tells watchers of this node's calls what is not saved yet, and the log what never was.</summary>
internal sealed partial class UnsavedFacts : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(100);

    private readonly LiveCalls _calls;
    private readonly FactBudget _budget;
    private readonly TimeProvider _time;
    private readonly ILogger<UnsavedFacts> _log;

    public UnsavedFacts(LiveCalls calls, FactBudget budget, IMeterFactory meters, TimeProvider time, ILogger<UnsavedFacts> log)
    {
        _calls = calls;
        _budget = budget;
        _time = time;
        _log = log;
        meters.Create(DatabaseWatch.MeterName).CreateObservableGauge(
            "kraliki.journal.oldest_waiting", () => Oldest.TotalSeconds, "s", "Age of the oldest fact that is not in the journal yet.");
    }

    private TimeSpan Oldest => _calls.All.Min(call => call.UnsavedSince) is { } since ? _time.GetUtcNow() - since : TimeSpan.Zero;

    /// <summary>Waits for what still waits, as long as the stop may last. Called when no call talks any more, and before the journal stops.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        while (_budget.Waiting > 0 && !cancellationToken.IsCancellationRequested)
        {
            await Task.Delay(Step, _time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await base.StopAsync(cancellationToken);
        if (_budget.Waiting is > 0 and var facts)
        {
            LogLost(facts, string.Join(' ', _calls.All.Where(call => call.UnsavedSince is not null).Select(call => call.SessionId)));
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, _time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            foreach (var call in _calls.All)
            {
                call.TellUnsaved();
            }
        }
    }
}
