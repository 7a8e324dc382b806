namespace Kraliki.Simulators.Callers;

/// <summary>One steady 20 ms beat for all calls of a simulator: a single timer with absolute deadlines, so that lateness never adds up.</summary>
/// <remarks>Subscribers are called one after the other on the timer's thread and must not block. A late beat is made up for by calling them once per missed frame.</remarks>
public sealed class FrameClock : IDisposable
{
    private static readonly TimeSpan Frame = TimeSpan.FromMilliseconds(20);

    // A machine that slept must not make every call talk for minutes in one burst.
    private const int MostMadeUp = 50;

    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private readonly Lock _gate = new();
    private readonly long _origin;
    private Action[] _subscribers = [];
    private long _beat;
    private bool _running;
    private bool _disposed;

    public FrameClock(TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(time);
        _time = time;
        _origin = time.GetTimestamp();
        _timer = time.CreateTimer(_ => Beat(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Calls <paramref name="onFrame"/> 50 times a second until the result is disposed. A call that is under way may still finish after that.</summary>
    public IDisposable Subscribe(Action onFrame)
    {
        lock (_gate)
        {
            _subscribers = [.. _subscribers, onFrame];
            if (!_running)
            {
                _running = true;
                _beat = Elapsed() / Frame.Ticks;
                Arm();
            }
        }
        return new Subscription(this, onFrame);
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            _subscribers = [];
        }
        _timer.Dispose();
    }

    private void Beat()
    {
        Action[] subscribers;
        long due;
        lock (_gate)
        {
            subscribers = _subscribers;
            if (subscribers.Length == 0)
            {
                _running = false;
                return;
            }
            var beat = Elapsed() / Frame.Ticks;
            due = Math.Min(beat - _beat, MostMadeUp);
            _beat = beat;
        }
        for (; due > 0; due--)
        {
            foreach (var subscriber in subscribers)
                subscriber();
        }
        lock (_gate)
            Arm();
    }

    private void Arm()
    {
        if (_disposed)
            return;
        // Rounded up to the timer's whole milliseconds: an early beat would find no frame due and spin.
        var wait = ((_beat + 1) * Frame.Ticks) - Elapsed();
        _timer.Change(TimeSpan.FromMilliseconds(Math.Max(1, Math.Ceiling(wait / (double)TimeSpan.TicksPerMillisecond))), Timeout.InfiniteTimeSpan);
    }

    private long Elapsed() => _time.GetElapsedTime(_origin).Ticks;

    private void Unsubscribe(Action onFrame)
    {
        lock (_gate)
            _subscribers = [.. _subscribers.Where(other => other != onFrame)];
    }

    private sealed class Subscription(FrameClock clock, Action onFrame) : IDisposable
    {
        public void Dispose() => clock.Unsubscribe(onFrame);
    }
}
