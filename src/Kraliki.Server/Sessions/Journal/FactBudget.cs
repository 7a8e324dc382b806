using System.Diagnostics.Metrics;

namespace Kraliki.Server.Sessions.Journal;

/// <summary>How many facts of all calls of this node wait for the journal. Safe from any thread.</summary>
internal sealed class FactBudget
{
    private readonly SessionLimits _limits;
    private int _waiting;

    public FactBudget(SessionLimits limits, IMeterFactory meters)
    {
        _limits = limits;
        meters.Create(DatabaseWatch.MeterName).CreateObservableGauge("kraliki.journal.waiting", () => Waiting, "{fact}", "Facts of calls that are not in the journal yet.");
    }

    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>Calls that have more to tell must end.</summary>
    public bool Exhausted => Waiting >= _limits.UnsavedFacts;

    public void Add() => Interlocked.Increment(ref _waiting);

    public void Remove(int facts) => Interlocked.Add(ref _waiting, -facts);
}
