namespace Kraliki.Simulators.Callers;

/// <summary>Follows when the other side speaks, from the frames that the caller hears. Pure.</summary>
public sealed class AgentEar
{
    /// <summary>Shorter silences are pauses within an answer.</summary>
    public const int AnswerEndMs = 700;

    private readonly List<SpeechWindow> _windows = [];
    private long _startMs = -1;
    private long _lastMs = -1;

    /// <summary>True from the first audible frame until 700 ms of silence.</summary>
    public bool Speaking => _startMs >= 0;

    /// <summary>End of the last audible frame; -1 before the first.</summary>
    public long LastAudibleMs => _lastMs;

    /// <summary>Start of the window that is open, or -1.</summary>
    public long StartedMs => _startMs;

    /// <summary>Finished windows, and the open one with its end so far.</summary>
    public IReadOnlyList<SpeechWindow> Windows => Speaking ? [.. _windows, new SpeechWindow(_startMs, _lastMs)] : _windows;

    /// <returns>What changed with this frame.</returns>
    public EarChange Hear(long nowMs, ReadOnlySpan<byte> frame)
    {
        if (Mulaw.IsAudible(frame))
        {
            var began = !Speaking;
            if (began)
                _startMs = nowMs;
            _lastMs = nowMs + 20;
            return began ? EarChange.Began : EarChange.None;
        }
        if (!Speaking || nowMs - _lastMs < AnswerEndMs)
            return EarChange.None;
        _windows.Add(new SpeechWindow(_startMs, _lastMs));
        _startMs = -1;
        return EarChange.Ended;
    }
}

public enum EarChange
{
    None,
    Began,
    Ended,
}

public sealed record SpeechWindow(long StartMs, long EndMs);
