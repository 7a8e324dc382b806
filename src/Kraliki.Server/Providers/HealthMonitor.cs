using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Kraliki.Contracts;
using Kraliki.Voice.Providers;

namespace Kraliki.Server.Providers;

/// <summary>Probes providers: those whose breaker wants to know whether they are well again, and any that a person asks about. Safe from any thread.</summary>
internal sealed partial class HealthMonitor : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly VoiceProviders _providers;
    private readonly Breakers _breakers;
    private readonly TimeProvider _time;
    private readonly ILogger<HealthMonitor> _log;
    private readonly Histogram<double> _answers;
    private readonly Counter<long> _probes;

    // One probe per provider at a time; who asks meanwhile gets its result too.
    private readonly ConcurrentDictionary<string, Lazy<Task<ProbeView>>> _running = new();
    private readonly CancellationTokenSource _stopping = new();

    public HealthMonitor(VoiceProviders providers, Breakers breakers, IMeterFactory meters, TimeProvider time, ILogger<HealthMonitor> log)
    {
        (_providers, _breakers, _time, _log) = (providers, breakers, time, log);
        var meter = meters.Create(Breakers.MeterName);
        _probes = meter.CreateCounter<long>("kraliki.provider.probes", "{probe}", "Synthetic calls, by provider and whether they passed.");
        _answers = meter.CreateHistogram<double>("kraliki.provider.probe.answer.duration", "s", "In synthetic calls: end of the question → first audio of the answer.");
    }

    /// <summary>Calls the provider, which may cost money; up to 24 seconds.</summary>
    /// <param name="cancellationToken">Ends the waiting, not the probe.</param>
    public Task<ProbeView> ProbeAsync(IVoiceProvider provider, CancellationToken cancellationToken) =>
        _running.GetOrAdd(provider.Name, _ => new(() => RunAsync(provider))).Value.WaitAsync(cancellationToken);

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await base.StopAsync(cancellationToken);
    }

    public override void Dispose()
    {
        _stopping.Dispose();
        base.Dispose();
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(VoiceProviders.Names.Select(name => WatchAsync(name, stoppingToken)));

    /// <summary>Each by itself: one that answers slowly does not keep the others waiting.</summary>
    private async Task WatchAsync(string name, CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, _time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            if (_providers.Find(name) is { } provider && await _breakers.TryBeginProbeAsync(provider, stoppingToken))
            {
                await ProbeAsync(provider, stoppingToken);
            }
        }
    }

    private async Task<ProbeView> RunAsync(IVoiceProvider provider)
    {
        // Not in the asker's context, nor before the dictionary holds it.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            var probe = await ProviderProbe.RunAsync(provider, _time, _stopping.Token);
            _breakers.Probed(provider, probe);
            _probes.Add(1, new KeyValuePair<string, object?>("provider", provider.Name), new("passed", probe.Passed));
            if (probe.AnswerMs is { } answer)
            {
                _answers.Record(answer / 1000.0, new KeyValuePair<string, object?>("provider", provider.Name));
            }

            LogProbed(provider.Name, probe.Passed, probe.Detail);
            return probe;
        }
        finally
        {
            _running.TryRemove(provider.Name, out _);
        }
    }
}
