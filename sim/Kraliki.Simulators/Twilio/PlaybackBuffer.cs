using Kraliki.Simulators.Callers;

namespace Kraliki.Simulators.Twilio;

/// <summary>What the carrier holds for the caller's ear: audio in order, with marks between. Pure; not safe from several threads at once.</summary>
/// <remarks>
/// "Audio is buffered and played in order. A mark comes back when all audio queued before it has played, or at once if
/// nothing is buffered. Clear empties the buffer and sends back all outstanding marks." (Media Streams, WebSocket messages)
/// </remarks>
public sealed class PlaybackBuffer
{
    // Unbounded on purpose: Twilio takes audio faster than real time without pushing back. A minute is 480 kB.
    private readonly Queue<byte[]> _audio = new();
    private readonly Queue<(string Name, long Position, long QueuedMs)> _marks = new();
    private int _headAt;
    private long _queued;
    private long _played;

    /// <summary>Bytes that wait; 8 are a millisecond.</summary>
    public long Buffered => _queued - _played;

    public void Add(byte[] mulaw)
    {
        ArgumentNullException.ThrowIfNull(mulaw);
        if (mulaw.Length == 0)
            return;
        _audio.Enqueue(mulaw);
        _queued += mulaw.Length;
    }

    public void AddMark(string name, long nowMs) => _marks.Enqueue((name, _queued, nowMs));

    /// <summary>A mark whose audio has played, to be sent back now. Ask before each frame is played and after each mark is added.</summary>
    public bool TryTakeMark(out string name, out long queuedMs)
    {
        if (_marks.TryPeek(out var mark) && mark.Position <= _played)
        {
            _marks.Dequeue();
            (name, queuedMs) = (mark.Name, mark.QueuedMs);
            return true;
        }
        (name, queuedMs) = ("", 0);
        return false;
    }

    /// <summary>Forgets the audio. Every outstanding mark can be taken right after.</summary>
    public void Clear()
    {
        _audio.Clear();
        _headAt = 0;
        _played = _queued;
    }

    /// <summary>Plays one frame; what is missing is silence.</summary>
    public void Play(Span<byte> frame)
    {
        var filled = 0;
        while (filled < frame.Length && _audio.TryPeek(out var head))
        {
            var part = Math.Min(frame.Length - filled, head.Length - _headAt);
            head.AsSpan(_headAt, part).CopyTo(frame[filled..]);
            filled += part;
            _headAt += part;
            _played += part;
            if (_headAt < head.Length)
                continue;
            _audio.Dequeue();
            _headAt = 0;
        }
        frame[filled..].Fill(Mulaw.Silence);
    }
}
