namespace Kraliki.LocalSpeech;

/// <summary>What an ear reports of one caller. Times are milliseconds of the audio that went in.</summary>
public abstract record EarEvent(int Utterance);

/// <param name="AtMs">Where speech began, without prefix.</param>
public sealed record EarSpeechStarted(int Utterance, long AtMs) : EarEvent(Utterance);

/// <param name="AtMs">Where the sound ended; known only <see cref="VoiceActivityOptions.SilenceMs"/> later.</param>
public sealed record EarSpeechStopped(int Utterance, long AtMs) : EarEvent(Utterance);

/// <param name="Text">The whole text so far.</param>
public sealed record EarPartial(int Utterance, string Text) : EarEvent(Utterance);

/// <summary>The last event of an utterance. An empty text means that it was no speech: a cough, noise.</summary>
public sealed record EarFinal(int Utterance, Recognition Recognition) : EarEvent(Utterance);

/// <summary>
/// Hears one caller's line: finds where speech starts and stops, and recognises it meanwhile on a decoder's thread.
/// Utterances are numbered from 1; the events of one come in the order started, partial…, stopped, final, and those of
/// the next may begin before the final of the last.
/// </summary>
/// <remarks>
/// Not thread-safe for its callers: one thread at a time hears. Events come one at a time, started and stopped inside
/// <see cref="Hear"/>, partial and final from a decoder's thread; handlers must return at once.
/// </remarks>
public sealed class LiveEar : IDisposable
{
    private const int SamplesPerMs = 8;

    private readonly RecognizerPool _pool;
    private readonly VoiceActivityDetector _detector;
    private readonly Action<EarEvent> _report;
    private readonly Lock _reporting = new();
    private readonly SpeakerMemory _speaker = new();

    // Audio shorter than a frame waits here for its rest.
    private readonly short[] _frame = new short[VoiceActivityDetector.FrameSamples];
    private int _frameLength;

    // The newest audio before speech: the prefix and what the detector needs to be sure. Overwrites the oldest.
    private readonly short[] _prefix;
    private long _prefixWritten;

    private LiveUtterance? _utterance;
    private int _number;

    /// <exception cref="SpeechPartsMissingException"/>
    public LiveEar(RecognizerPool pool, VoiceActivityOptions turns, Action<EarEvent> report)
    {
        pool.Prepare();
        _pool = pool;
        _detector = new(turns);
        _report = report;
        _prefix = new short[(Math.Clamp(turns.PrefixMs, 0, 5000) + 100) * SamplesPerMs];
    }

    public bool CallerSpeaking => _detector.Speaking;

    /// <summary>Takes audio: PCM16 at 8 kHz, any length, any pace. Never waits for the decoder.</summary>
    public void Hear(ReadOnlySpan<short> pcm8k)
    {
        while (!pcm8k.IsEmpty)
        {
            int count = Math.Min(pcm8k.Length, _frame.Length - _frameLength);
            pcm8k[..count].CopyTo(_frame.AsSpan(_frameLength));
            pcm8k = pcm8k[count..];
            _frameLength += count;
            if (_frameLength == _frame.Length)
            {
                _frameLength = 0;
                HearFrame();
            }
        }
    }

    /// <summary>Gives the current utterance up, if any: no partial or final follows for it.</summary>
    public void Dispose() => _utterance?.Cancel();

    private void HearFrame()
    {
        switch (_detector.Process(_frame))
        {
            case VoiceActivity.Started:
                int number = ++_number;
                Report(new EarSpeechStarted(number, _detector.SpeechStartMs));
                _utterance = _pool.Begin(
                    _speaker,
                    text => Report(new EarPartial(number, text)),
                    recognition => Report(new EarFinal(number, recognition)));
                HearPrefix(_utterance);
                _utterance.Hear(_frame);
                break;
            case VoiceActivity.Stopped:
                Report(new EarSpeechStopped(_number, _detector.SpeechEndMs));
                _utterance?.End();
                _utterance = null;
                break;
            default:
                _utterance?.Hear(_frame);
                break;
        }

        foreach (short sample in _frame)
        {
            _prefix[_prefixWritten++ % _prefix.Length] = sample;
        }
    }

    private void HearPrefix(LiveUtterance utterance)
    {
        int start = (int)(_prefixWritten % _prefix.Length);
        if (_prefixWritten >= _prefix.Length)
        {
            utterance.Hear(_prefix.AsSpan(start));
        }

        utterance.Hear(_prefix.AsSpan(0, start));
    }

    private void Report(EarEvent happened)
    {
        lock (_reporting)
        {
            _report(happened);
        }
    }
}
