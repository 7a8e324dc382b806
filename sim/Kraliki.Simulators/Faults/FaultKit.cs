namespace Kraliki.Simulators.Faults;

/// <summary>Holds armed faults and hands each to its connection at its moment. Safe from any thread.</summary>
/// <remarks>
/// A simulator calls <see cref="Open"/> for each connection and tells the track about frames and events; the track calls back
/// when a fault is due, outside all locks of the kit: on the thread that reported the frame or event, or on a timer's.
/// </remarks>
public sealed class FaultKit(TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly List<Armed> _waiting = [];
    private readonly Dictionary<string, FaultTrack> _open = [];
    private int _happened;

    /// <summary>Faults that still wait for a connection.</summary>
    public IReadOnlyList<Fault> Waiting
    {
        get
        {
            lock (_gate)
                return [.. _waiting.Select(armed => armed.Fault)];
        }
    }

    /// <summary>Ids of the connections that are open, for <see cref="Fault.Connection"/>.</summary>
    public IReadOnlyList<string> Connections
    {
        get
        {
            lock (_gate)
                return [.. _open.Keys];
        }
    }

    /// <summary>How many faults have come about so far, refusals too: who arms one can tell whether it ever struck.</summary>
    public int Happened => Volatile.Read(ref _happened);

    /// <exception cref="ArgumentException">The fault is not possible, or names a connection that is not open.</exception>
    public void Arm(Fault fault)
    {
        ArgumentNullException.ThrowIfNull(fault);
        if (fault.Problem() is { } problem)
            throw new ArgumentException(problem, nameof(fault));
        FaultTrack? track = null;
        lock (_gate)
        {
            if (fault.Connection is null)
                _waiting.Add(new Armed(fault));
            else if (!_open.TryGetValue(fault.Connection, out track))
                throw new ArgumentException($"No connection '{fault.Connection}' is open.", nameof(fault));
        }
        track?.Add(fault);
    }

    /// <summary>Disarms everything that did not happen yet, on open connections too.</summary>
    public void Clear()
    {
        FaultTrack[] tracks;
        lock (_gate)
        {
            _waiting.Clear();
            tracks = [.. _open.Values];
        }
        foreach (var track in tracks)
            track.Clear();
    }

    /// <summary>A connection opened: it takes the faults that wait for the next one. Dispose the track when it closes.</summary>
    /// <param name="apply">Called once per due fault; must be safe from any thread.</param>
    public FaultTrack Open(string connection, Action<Fault> apply)
    {
        ArgumentNullException.ThrowIfNull(connection);
        ArgumentNullException.ThrowIfNull(apply);
        var track = new FaultTrack(time, fault => Happen(fault, apply), closed => Close(connection, closed));
        List<Fault> taken;
        lock (_gate)
        {
            _open[connection] = track;
            taken = Take(refusals: false);
        }
        foreach (var fault in taken)
            track.Add(fault);
        return track;
    }

    /// <summary>A request comes in: how it is to be refused; null when it is not. Ask before <see cref="Open"/>.</summary>
    public Fault? Refusal()
    {
        Fault? refusal;
        lock (_gate)
            refusal = Take(refusals: true).FirstOrDefault();
        if (refusal is not null)
            Interlocked.Increment(ref _happened);
        return refusal;
    }

    private void Happen(Fault fault, Action<Fault> apply)
    {
        Interlocked.Increment(ref _happened);
        apply(fault);
    }

    private List<Fault> Take(bool refusals)
    {
        List<Armed> due = [.. _waiting.Where(armed => armed.Fault.Kind == FaultKind.Refuse == refusals)];
        foreach (var armed in due)
            armed.Uses++;
        _waiting.RemoveAll(armed => armed.Fault.Connections > 0 && armed.Uses >= armed.Fault.Connections);
        return [.. due.Select(armed => armed.Fault)];
    }

    private void Close(string connection, FaultTrack track)
    {
        lock (_gate)
        {
            if (_open.TryGetValue(connection, out var current) && current == track)
                _open.Remove(connection);
        }
    }

    private sealed class Armed(Fault fault)
    {
        public Fault Fault { get; } = fault;

        public int Uses { get; set; }
    }
}

/// <summary>The faults of one connection.</summary>
public sealed class FaultTrack : IDisposable
{
    private readonly Lock _gate = new();
    private readonly List<Pending> _pending = [];
    private readonly TimeProvider _time;
    private readonly Action<Fault> _apply;
    private readonly Action<FaultTrack> _closed;
    private volatile bool _any;

    internal FaultTrack(TimeProvider time, Action<Fault> apply, Action<FaultTrack> closed)
    {
        _time = time;
        _apply = apply;
        _closed = closed;
    }

    /// <summary>An audio frame passed.</summary>
    public void Frame()
    {
        // Almost every connection has no fault armed: the frame path must not take a lock for them.
        if (_any)
            Apply(pending => pending.FramesLeft is not null && --pending.FramesLeft == 0);
    }

    /// <summary>A protocol event passed.</summary>
    public void Event(string name)
    {
        if (_any)
            Apply(pending => pending.Fault.At?.On == name);
    }

    public void Dispose()
    {
        Clear();
        _closed(this);
    }

    internal void Add(Fault fault)
    {
        if (fault.At is null or { AfterMs: null, AfterFrames: null or 0, On: null } or { AfterMs: 0 })
        {
            _apply(fault);
            return;
        }
        var pending = new Pending(fault) { FramesLeft = fault.At.AfterFrames };
        lock (_gate)
        {
            _pending.Add(pending);
            _any = true;
            if (fault.At.AfterMs is { } ms)
                pending.Timer = _time.CreateTimer(_ => Apply(other => other == pending), null, TimeSpan.FromMilliseconds(ms), Timeout.InfiniteTimeSpan);
        }
    }

    internal void Clear()
    {
        lock (_gate)
        {
            foreach (var pending in _pending)
                pending.Timer?.Dispose();
            _pending.Clear();
            _any = false;
        }
    }

    private void Apply(Func<Pending, bool> isDue)
    {
        List<Pending>? due = null;
        lock (_gate)
        {
            for (var i = 0; i < _pending.Count; i++)
            {
                if (!isDue(_pending[i]))
                    continue;
                (due ??= []).Add(_pending[i]);
                _pending.RemoveAt(i--);
            }
            _any = _pending.Count > 0;
        }
        foreach (var pending in due ?? [])
        {
            pending.Timer?.Dispose();
            _apply(pending.Fault);
        }
    }

    private sealed class Pending(Fault fault)
    {
        public Fault Fault { get; } = fault;

        public int? FramesLeft { get; set; }

        public ITimer? Timer { get; set; }
    }
}
