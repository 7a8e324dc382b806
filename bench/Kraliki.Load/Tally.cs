using System.Diagnostics;

namespace Kraliki.Load;

/// <summary>What the loop saw. Written by the loop's thread only and read after its end, except <see cref="Open"/>.</summary>
internal sealed class Tally
{
    // 10 µs steps up to 2 s; what took longer counts in the last one.
    private const int StepMicros = 10;
    private readonly int[] _latencies = new int[200_000];
    private readonly Dictionary<string, int> _ends = [];
    private volatile int _open;
    private long _from = long.MaxValue;
    private long _until = long.MaxValue;

    public long FramesSent { get; private set; }
    public long FramesBack { get; private set; }
    public long FramesDamaged { get; private set; }
    public long FramesOutOfOrder { get; private set; }
    public long AudioMessages { get; private set; }
    public long Marks { get; private set; }
    public long Clears { get; private set; }
    public long MaxMicros { get; private set; }
    public int ProvidersEnded { get; private set; }

    /// <summary>Calls that are open now; any thread.</summary>
    public int Open => _open;

    public bool Measuring => InWindow(Stopwatch.GetTimestamp());

    /// <summary>Why calls ended before they were hung up; after the loop's end.</summary>
    public IReadOnlyDictionary<string, int> Ends => _ends;

    /// <summary>Frames sent from now on count. Any thread.</summary>
    public void BeginWindow() => Volatile.Write(ref _from, Stopwatch.GetTimestamp());

    /// <summary>Frames sent from now on do not count; answers to earlier ones still do. Any thread.</summary>
    public void EndWindow() => Volatile.Write(ref _until, Stopwatch.GetTimestamp());

    public void CallOpened() => _open++;

    public void CallEnded(string why)
    {
        _open--;
        _ends[why] = _ends.GetValueOrDefault(why) + 1;
    }

    public void ProviderEnded() => ProvidersEnded++;

    public void Sent(long at)
    {
        if (InWindow(at)) FramesSent++;
    }

    public void Back(long sentAt, long now)
    {
        if (!InWindow(sentAt)) return;
        FramesBack++;
        var micros = (long)Stopwatch.GetElapsedTime(sentAt, now).TotalMicroseconds;
        MaxMicros = Math.Max(MaxMicros, micros);
        _latencies[Math.Min(micros / StepMicros, _latencies.Length - 1)]++;
    }

    public void Damaged() => FramesDamaged++;

    public void OutOfOrder() => FramesOutOfOrder++;

    public void AudioMessage(long now)
    {
        if (InWindow(now)) AudioMessages++;
    }

    public void Mark() => Marks++;

    public void Clear() => Clears++;

    /// <summary>Milliseconds within which the given share (0–1) of the frames came back.</summary>
    public double Percentile(double share)
    {
        var wanted = (long)Math.Ceiling(FramesBack * share);
        long seen = 0;
        for (var i = 0; i < _latencies.Length; i++)
        {
            seen += _latencies[i];
            if (seen >= wanted) return (i + 1) * StepMicros / 1000.0;
        }

        return 0;
    }

    private bool InWindow(long at) => at >= Volatile.Read(ref _from) && at < Volatile.Read(ref _until);
}
