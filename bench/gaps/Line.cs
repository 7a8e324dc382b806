namespace Kraliki.Gaps;

/// <summary>The telephone lines of all calls: one beat every 20 ms, made up for when it comes late, as a carrier's does.</summary>
internal sealed class Line : IAsyncDisposable
{
    public static readonly TimeSpan Beat = TimeSpan.FromMilliseconds(20);

    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _running;
    private Action[] _calls = [];

    public Line() => _running = Task.Run(RunAsync);

    /// <summary>The latest beat so far, milliseconds after its time: how busy the machine was.</summary>
    public double WorstLateMs { get; private set; }

    public IDisposable Add(Action frame)
    {
        lock (_gate)
        {
            _calls = [.. _calls, frame];
        }

        return new Subscription(this, frame);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        long origin = TimeProvider.System.GetTimestamp();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(5), TimeProvider.System);
        for (long beat = 1; await timer.WaitForNextTickAsync(_stop.Token);)
        {
            var now = TimeProvider.System.GetElapsedTime(origin);
            for (; Beat * beat <= now; beat++)
            {
                WorstLateMs = Math.Max(WorstLateMs, (now - (Beat * beat)).TotalMilliseconds);
                foreach (var frame in Volatile.Read(ref _calls))
                {
                    frame();
                }
            }
        }
    }

    private sealed class Subscription(Line line, Action frame) : IDisposable
    {
        public void Dispose()
        {
            lock (line._gate)
            {
                line._calls = [.. line._calls.Where(other => other != frame)];
            }
        }
    }
}

/// <summary>Frames of 20 ms, base64 of μ-law.</summary>
internal static class Sounds
{
    /// <summary>0xFF and 0x7F are the two zeros: a quiet line.</summary>
    public static readonly string Noise = Convert.ToBase64String([.. Enumerable.Range(0, 160).Select(at => at % 3 == 0 ? (byte)0x7F : (byte)0xFF)]);

    /// <summary>A square wave of 500 Hz, which detectors take for speech.</summary>
    public static readonly string Voice = Convert.ToBase64String([.. Enumerable.Range(0, 160).Select(at => at % 16 < 8 ? (byte)0x10 : (byte)0x90)]);
}
