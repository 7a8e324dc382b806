using System.Runtime.CompilerServices;
using Kraliki.Voice.Net;

namespace Kraliki.Voice.Calls;

/// <summary>The slow clock of all calls: one timer for the node, whatever the number of calls. Safe from any thread.</summary>
/// <remarks>
/// A timer per call woke the thread pool ten times a second for each; the workers' spinning after each wake-up cost more
/// than the audio (docs/performance.md).
/// </remarks>
internal sealed class CallTicker
{
    public static readonly TimeSpan Every = TimeSpan.FromMilliseconds(100);

    // One per clock: a test's virtual clock must drive its own calls and no others.
    private static readonly ConditionalWeakTable<TimeProvider, CallTicker> Tickers = [];

    private readonly Lock _gate = new();
    private readonly List<CallLoop> _calls = [];
    private readonly ITimer _timer;
    private CallLoop[] _ticking = [];
    private int _busy;

    private CallTicker(TimeProvider time)
        => _timer = time.CreateTimer(static state => ((CallTicker)state!).Tick(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);

    public static CallTicker Of(TimeProvider time) => Tickers.GetValue(time, static time => new CallTicker(time));

    public void Add(CallLoop call)
    {
        lock (_gate)
        {
            _calls.Add(call);
            _ticking = [];
            if (_calls.Count == 1)
            {
                _timer.Change(Every, Every);
            }
        }
    }

    /// <summary>A tick that is under way may still reach the call.</summary>
    public void Remove(CallLoop call)
    {
        lock (_gate)
        {
            _calls.Remove(call);
            _ticking = [];
            if (_calls.Count == 0)
            {
                _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            }
        }
    }

    private void Tick()
    {
        // A tick that the machine was too busy to finish in time is not overtaken by the next one.
        if (Interlocked.Exchange(ref _busy, 1) != 0)
        {
            return;
        }

        CallLoop[] calls;
        lock (_gate)
        {
            if (_ticking.Length != _calls.Count)
            {
                _ticking = [.. _calls];
            }

            calls = _ticking;
        }

        using (FlushScope.Enter())
        {
            foreach (var call in calls)
            {
                call.Tick();
            }
        }

        Volatile.Write(ref _busy, 0);
    }
}
