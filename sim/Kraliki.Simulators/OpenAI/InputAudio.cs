using Kraliki.LocalSpeech;

namespace Kraliki.Simulators.OpenAI;

/// <summary>The input audio buffer: finds turns in it and feeds the ear. Belongs to its session's gate.</summary>
/// <param name="started">Speech began; milliseconds of the stream, the padding before the first sound included.</param>
/// <param name="stopped">Speech ended; milliseconds of the stream. The owner takes the buffer inside the call.</param>
internal sealed class InputAudio(IEar ear, Action<int> started, Action<int> stopped)
{
    private const int FrameMs = VoiceActivityDetector.FrameMs;

    private readonly List<byte> _buffer = [];
    private readonly List<byte> _partialFrame = [];
    private Resampler _down = AudioFormat.Down();
    private AudioFormat _format = AudioFormat.Pcm;
    private TurnDetection? _turns;
    private VoiceActivityDetector? _detector;
    private bool _earIsOpen;

    /// <summary>All audio of the session so far.</summary>
    public double ReceivedMs { get; private set; }

    public double BufferedMs => (double)(_buffer.Count + _partialFrame.Count) / _format.BytesPerMs;

    public void Configure(AudioFormat format, TurnDetection? turns)
    {
        if (format != _format)
        {
            // Bytes of two formats cannot share a buffer.
            Clear();
            (_format, _down) = (format, AudioFormat.Down());
        }

        // Who answers may change in the middle of a turn without disturbing it; how turns are found may not.
        var same = turns is not null && _turns is not null
            && (turns.Threshold, turns.SilenceMs, turns.PrefixMs) == (_turns.Threshold, _turns.SilenceMs, _turns.PrefixMs);
        var neither = turns is null && _turns is null;
        _turns = turns;
        if (same || neither)
            return;
        _detector = NewDetector();
        if (turns is not null)
            CloseEar();
    }

    public void Append(ReadOnlySpan<byte> bytes)
    {
        var frameBytes = FrameMs * _format.BytesPerMs;
        while (!bytes.IsEmpty)
        {
            var take = Math.Min(bytes.Length, frameBytes - _partialFrame.Count);
            _partialFrame.AddRange(bytes[..take]);
            bytes = bytes[take..];
            if (_partialFrame.Count == frameBytes)
                AcceptPartialFrame();
        }
    }

    /// <summary>Empties the buffer. <see cref="EndUtterance"/> must follow, when the item exists.</summary>
    public byte[] Take()
    {
        AcceptPartialFrame(detect: false);
        if (!_earIsOpen)
            OpenEar();
        byte[] audio = [.. _buffer];
        Forget();
        return audio;
    }

    public void EndUtterance(Action<string?> heard)
    {
        _earIsOpen = false;
        ear.End(heard);
    }

    /// <summary>Lets the ear hear sound that did not come through the buffer.</summary>
    public void HearApart(byte[] audio, Action<string?> heard)
    {
        // The ear takes one utterance at a time; one that is open goes on with what follows.
        var wasOpen = _earIsOpen;
        CloseEar();
        ear.Begin();
        ear.Feed(_format.Decode(audio, AudioFormat.Down()));
        ear.End(heard);
        if (wasOpen)
            OpenEar();
    }

    public void Clear()
    {
        _partialFrame.Clear();
        Forget();
        CloseEar();
    }

    private void AcceptPartialFrame(bool detect = true)
    {
        var samples = _format.Decode(_partialFrame.ToArray(), _down);
        ReceivedMs += (double)_partialFrame.Count / _format.BytesPerMs;
        _buffer.AddRange(_partialFrame);
        _partialFrame.Clear();
        if (_earIsOpen)
            ear.Feed(samples);
        else if (_turns is null)
            OpenEar();

        if (_turns is not null && detect && samples.Length == VoiceActivityDetector.FrameSamples)
            Detect(samples, _turns);
    }

    private void Detect(short[] frame, TurnDetection turns)
    {
        switch (_detector!.Process(frame))
        {
            case VoiceActivity.Started:
                KeepLast(turns.PrefixMs + (int)(_detector.PositionMs - _detector.SpeechStartMs));
                OpenEar();
                started((int)(ReceivedMs - BufferedMs));
                break;
            case VoiceActivity.Stopped:
                stopped((int)ReceivedMs);
                break;
            default:
                // What is older than any padding and onset can never belong to a turn.
                if (!_earIsOpen)
                    KeepLast(turns.PrefixMs + 1_000);
                break;
        }
    }

    private void OpenEar()
    {
        ear.Begin();
        ear.Feed(_format.Decode(_buffer.ToArray(), AudioFormat.Down()));
        _earIsOpen = true;
    }

    private void CloseEar()
    {
        if (_earIsOpen)
            ear.Abandon();
        _earIsOpen = false;
    }

    private void Forget()
    {
        _buffer.Clear();

        // Taken in the middle of a turn: what follows is a turn of its own.
        if (_detector is { Speaking: true })
            _detector = NewDetector();
    }

    private VoiceActivityDetector? NewDetector() =>
        _turns is null ? null : new(new(_turns.Threshold, _turns.SilenceMs, _turns.PrefixMs));

    private void KeepLast(int ms) =>
        _buffer.RemoveRange(0, Math.Max(0, _buffer.Count - ms * _format.BytesPerMs));
}
