namespace Kraliki.Simulators.OpenAI;

/// <summary>What a session has planned for later. One timer; entries run in order of time, inside the session's gate.</summary>
/// <remarks>
/// Times are kept as they were planned: an entry that runs late plans its successor from its own due time, so a chain of
/// steps stays on an absolute grid, and one jump of a virtual clock plays the whole chain.
/// </remarks>
internal sealed class Agenda : IDisposable
{
    private readonly TimeProvider _time;
    private readonly Lock _gate;
    private readonly long _start;
    private readonly ITimer _timer;
    private readonly PriorityQueue<Entry, (TimeSpan At, long Order)> _entries = new();
    private TimeSpan? _running;
    private long _order;
    private bool _disposed;

    public Agenda(TimeProvider time, Lock gate)
    {
        (_time, _gate, _start) = (time, gate, time.GetTimestamp());
        _timer = time.CreateTimer(_ => RunDue(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Time since the session began; inside an entry, the moment it was due.</summary>
    public TimeSpan Now => _running ?? _time.GetElapsedTime(_start);

    /// <summary>Plans an action. Call inside the gate.</summary>
    public Entry After(TimeSpan delay, Action action)
    {
        var entry = new Entry(Now + delay, action);
        _entries.Enqueue(entry, (entry.At, _order++));
        Arm();
        return entry;
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            _entries.Clear();
            _timer.Dispose();
        }
    }

    private void RunDue()
    {
        lock (_gate)
        {
            while (_entries.TryPeek(out var entry, out var key) && key.At <= _time.GetElapsedTime(_start))
            {
                _entries.Dequeue();
                _running = key.At;
                entry.Run();
            }

            _running = null;
            Arm();
        }
    }

    private void Arm()
    {
        // An entry that is running re-arms once, at its end.
        if (_disposed || _running is not null || !_entries.TryPeek(out _, out var next))
            return;
        var wait = next.At - _time.GetElapsedTime(_start);
        _timer.Change(wait > TimeSpan.Zero ? wait : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
    }

    internal sealed class Entry(TimeSpan at, Action action)
    {
        private bool _cancelled;

        public TimeSpan At => at;

        public void Cancel() => _cancelled = true;

        public void Run()
        {
            if (!_cancelled)
                action();
        }
    }
}
