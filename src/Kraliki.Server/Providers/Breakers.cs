using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Server.HotTier;
using Kraliki.Voice.Calls;
using Kraliki.Voice.Providers;

namespace Kraliki.Server.Providers;

/// <summary>Whether providers may be given calls, by what the calls and probes of all nodes have found out.</summary>
/// <remarks>
/// The database is the record (<see cref="Breaker"/>, one row per provider and model, written only in the version that was
/// read). A finding holds on its own node at once: what is known is the row as it was last read, and on top of it the
/// findings that it does not have yet. One loop brings those into the row and reads what others wrote, at once when there is
/// something to tell and else every <see cref="Interval"/>. Without the database each node goes by its own findings, and they
/// go into the row when it is back.
/// </remarks>
internal sealed partial class Breakers : BackgroundService, IProviderHealth
{
    public const string MeterName = "Kraliki.Providers";

    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    // By provider and model: as many entries as were ever configured.
    private readonly ConcurrentDictionary<(string Provider, string Model), Known> _known = new();

    // One writer per node: two would only meet at the row.
    private readonly SemaphoreSlim _committing = new(initialCount: 1);
    private readonly BreakerTables _tables;
    private readonly RedisConnection _redis;
    private readonly TimeProvider _time;
    private readonly BreakerRules _rules;
    private readonly ILogger<Breakers> _log;
    private readonly Doorbell _doorbell;
    private readonly Counter<long> _failures;
    private readonly Counter<long> _changes;
    private bool _failing;

    public Breakers(BreakerTables tables, RedisConnection redis, KralikiOptions options, IMeterFactory meters, TimeProvider time, ILogger<Breakers> log)
    {
        (_tables, _redis, _time, _rules, _log, _doorbell) = (tables, redis, time, options.Breaker, log, new(time));
        var meter = meters.Create(MeterName);
        _failures = meter.CreateCounter<long>("kraliki.provider.failures", "{connection}", "Connections of calls that a provider failed, by provider and failure.");
        _changes = meter.CreateCounter<long>("kraliki.provider.breaker.changes", "{change}", "Changes of a provider's breaker, counted once in the whole cluster.");
        meter.CreateObservableGauge(
            "kraliki.provider.breaker.state",
            () => _known.Values.Select(known => new Measurement<int>((int)known.View.State, new KeyValuePair<string, object?>("provider", known.View.Provider), new("model", known.View.Model))),
            description: "As this node knows it: 0 closed, 1 open, 2 half open.");
        redis.Hinted += (hint, _) =>
        {
            if (hint == Hint.Breakers)
            {
                _doorbell.Ring();
            }
        };
    }

    public bool Allows(IVoiceProvider provider) => Get(provider).View.State == BreakerState.Closed;

    public void Answered(IVoiceProvider provider, TimeSpan connectTime) => Learn(provider, new Finding.CallAnswered(_time.GetUtcNow(), connectTime));

    public void Failed(IVoiceProvider provider, ProviderFailure failure, string detail)
    {
        _failures.Add(1, new KeyValuePair<string, object?>("provider", provider.Name), new("failure", WireWord.Of(failure)));
        Learn(provider, new Finding.CallFailed(_time.GetUtcNow(), failure, detail));
    }

    public ProviderHealthView View(IVoiceProvider provider) => Get(provider).View.ToView();

    /// <summary>A probe has ended.</summary>
    public void Probed(IVoiceProvider provider, ProbeView probe) => Learn(provider, new Finding.ProbeEnded(_time.GetUtcNow(), probe));

    /// <summary>Takes it on to probe a provider that is due, if no other node has.</summary>
    /// <returns>True: probe it, and tell by <see cref="Probed"/>.</returns>
    public async Task<bool> TryBeginProbeAsync(IVoiceProvider provider, CancellationToken cancellationToken)
    {
        var known = Get(provider);
        if (!known.View.IsDue(_time.GetUtcNow()))
        {
            return false;
        }

        var begun = new Finding.ProbeBegun(_time.GetUtcNow());
        try
        {
            return await CommitAsync(known, begun, breaker => breaker.IsDue(begun.At), cancellationToken);
        }
        catch (Exception e) when (DatabaseTrouble.Is(e))
        {
            // Other nodes may do the same: better several probes than none.
            known.Add(begun, _rules);
            return true;
        }
    }

    /// <summary>Gives it calls again, whatever was found out.</summary>
    /// <param name="by">An e-mail address.</param>
    public async Task<ProviderHealthView> ResetAsync(IVoiceProvider provider, string by, CancellationToken cancellationToken)
    {
        var known = Get(provider);
        await CommitAsync(known, new Finding.Reset(_time.GetUtcNow(), by), _ => true, cancellationToken);
        Tell(known);
        return known.View.ToView();
    }

    /// <summary>Everything is known before the first call can come.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await ReadAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    public override void Dispose()
    {
        _committing.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            await _doorbell.WaitAsync(Interval, stoppingToken);
            try
            {
                await ReadAsync(stoppingToken);
                foreach (var known in _known.Values.Where(known => known.HasNews))
                {
                    await CommitAsync(known, null, _ => true, stoppingToken);
                }

                _failing = false;
            }
            catch (Exception e) when (DatabaseTrouble.Is(e))
            {
                if (!_failing)
                {
                    _failing = true;
                    LogAlone(e);
                }
            }

            foreach (var known in _known.Values)
            {
                Tell(known);
            }
        }
    }

    private Known Get(IVoiceProvider provider) => Get(provider.Name, provider.Capabilities.Model ?? "");

    private Known Get(string provider, string model) =>
        _known.TryGetValue((provider, model), out var known) ? known : _known.GetOrAdd((provider, model), key => new(key.Provider, key.Model));

    private void Learn(IVoiceProvider provider, Finding finding)
    {
        // A success that decides nothing can wait for the next round.
        if (Get(provider).Add(finding, _rules))
        {
            _doorbell.Ring();
        }
    }

    private async Task ReadAsync(CancellationToken cancellationToken)
    {
        foreach (var row in await _tables.ReadAllAsync(cancellationToken))
        {
            Get(row.Provider, row.Model).Learn(row, _rules);
        }
    }

    /// <summary>Brings this node's findings into the row, and then a decision.</summary>
    /// <param name="decision">Null: there is none.</param>
    /// <param name="still">Whether the decision is still wanted, as things stand in the row.</param>
    /// <returns>False when it is not.</returns>
    private async Task<bool> CommitAsync(Known known, Finding? decision, Func<Breaker, bool> still, CancellationToken cancellationToken)
    {
        await _committing.WaitAsync(cancellationToken);
        var findings = known.Take();
        try
        {
            // Whoever loses has met somebody who won.
            while (true)
            {
                List<BreakerChange> changes = [];
                var before = await _tables.ReadAsync(known.Provider, known.Model, cancellationToken);
                var after = findings.Aggregate(before ?? known.Fresh, (breaker, finding) => breaker.After(finding, _rules, changes));
                bool wanted = still(after);
                after = decision is null || !wanted ? after : after.After(decision, _rules, changes);
                if (after == (before ?? known.Fresh))
                {
                    known.Committed(after, _rules);
                    return wanted;
                }

                after = after with { Version = (before?.Version ?? 0) + 1 };
                if (await _tables.TryWriteAsync(before, after, changes, cancellationToken))
                {
                    known.Committed(after, _rules);
                    Announce(before, after, changes);
                    return wanted;
                }
            }
        }
        finally
        {
            known.PutBack();
            _committing.Release();
        }
    }

    private void Announce(Breaker? before, Breaker after, List<BreakerChange> changes)
    {
        foreach (var change in changes)
        {
            _changes.Add(1, new KeyValuePair<string, object?>("provider", change.Provider), new("to", WireWord.Of(change.To)));
        }

        if (changes.Count > 0 || after.Failures != before?.Failures)
        {
            _redis.Tell(Hint.Breakers, "");
        }
    }

    /// <summary>Says once on each node what holds there from now on.</summary>
    private void Tell(Known known)
    {
        var (before, now) = known.Tell();
        if (before == now.State)
        {
            return;
        }

        switch (now.State)
        {
            case BreakerState.Open:
                LogOpen(now.Provider, now.Model, now.LastError ?? "");
                break;
            case BreakerState.HalfOpen:
                LogHalfOpen(now.Provider, now.Model);
                break;
            default:
                LogClosed(now.Provider, now.Model);
                break;
        }
    }

    /// <summary>One breaker on this node. Safe from any thread.</summary>
    private sealed class Known(string provider, string model)
    {
        // During an outage of the database; the newest decide, so the oldest are dropped.
        private const int MostFindings = 200;

        private readonly Lock _gate = new();
        private Breaker _row = new() { Provider = provider, Model = model };
        private List<Finding> _findings = [];

        // On their way into the row.
        private List<Finding> _taken = [];
        private volatile Breaker _view = new() { Provider = provider, Model = model };
        private BreakerState _told;

        public string Provider => provider;

        public string Model => model;

        /// <summary>Before anything was learned.</summary>
        public Breaker Fresh { get; } = new() { Provider = provider, Model = model };

        /// <summary>What holds on this node.</summary>
        public Breaker View => _view;

        public bool HasNews
        {
            get
            {
                lock (_gate)
                {
                    return _findings.Count > 0;
                }
            }
        }

        /// <returns>True when the others should know soon.</returns>
        public bool Add(Finding finding, BreakerRules rules)
        {
            lock (_gate)
            {
                if (_findings.Count == MostFindings)
                {
                    _findings.RemoveAt(0);
                }

                _findings.Add(finding);
                var before = _view;
                _view = before.After(finding, rules, []);
                return before.State != _view.State || before.Failures != _view.Failures || finding is Finding.ProbeEnded;
            }
        }

        /// <summary>A row as it was read; an older one than is known changes nothing.</summary>
        public void Learn(Breaker row, BreakerRules rules)
        {
            lock (_gate)
            {
                if (row.Version > _row.Version)
                {
                    Build(row, rules);
                }
            }
        }

        /// <summary>The findings are on their way into the row. Until <see cref="Committed"/> or <see cref="PutBack"/>; one at a time.</summary>
        public IReadOnlyList<Finding> Take()
        {
            lock (_gate)
            {
                (_taken, _findings) = (_findings, []);
                return _taken;
            }
        }

        /// <summary>What was taken is in this row now.</summary>
        public void Committed(Breaker row, BreakerRules rules)
        {
            lock (_gate)
            {
                _taken = [];
                Build(row, rules);
            }
        }

        /// <summary>What was taken and did not get into the row.</summary>
        public void PutBack()
        {
            lock (_gate)
            {
                _findings = [.. _taken.Concat(_findings).TakeLast(MostFindings)];
                _taken = [];
            }
        }

        public (BreakerState Before, Breaker Now) Tell()
        {
            lock (_gate)
            {
                var before = _told;
                _told = _view.State;
                return (before, _view);
            }
        }

        private void Build(Breaker row, BreakerRules rules)
        {
            _row = row;
            _view = _taken.Concat(_findings).Aggregate(row, (breaker, finding) => breaker.After(finding, rules, []));
        }
    }
}
