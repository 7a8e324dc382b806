using System.Numerics;

namespace Kraliki.LocalSpeech;

/// <param name="Threshold">0–1 as in OpenAI's server VAD: how far above the line's noise speech must be, 0.5 being 10 dB.</param>
/// <param name="SilenceMs">Silence that ends an utterance, in milliseconds.</param>
/// <param name="PrefixMs">Audio before the detected start that belongs to the utterance, in milliseconds; used by those who cut audio out.</param>
public sealed record VoiceActivityOptions(double Threshold = 0.5, int SilenceMs = 500, int PrefixMs = 300);

public enum VoiceActivity
{
    None,
    Started,
    Stopped,
}

/// <summary>
/// Tells speech from silence by the level above the line's noise floor, which it follows. Deterministic, allocates nothing,
/// well under a microsecond per millisecond of audio. Not thread-safe.
/// </summary>
/// <remarks>
/// 1. A frame's level is measured without what lies below speech (hum, offset).
/// 2. The noise floor is the lowest level of the last 1.6 s: speech dips between its sounds, noise doesn't.
/// 3. Loud frames, three of the last four, start speech: one click doesn't, and the onset is found within 80 ms.
/// 4. <see cref="VoiceActivityOptions.SilenceMs"/> without a loud frame ends it.
/// </remarks>
public sealed class VoiceActivityDetector(VoiceActivityOptions options)
{
    /// <summary>20 ms at 8 kHz.</summary>
    public const int FrameSamples = 160;

    public const int FrameMs = 20;

    // Levels in dB below a full-scale square wave. The least floor keeps digital silence from making breath count as
    // speech; the first one lets a caller who speaks at once be heard, and a noisy line start without a false alarm.
    private const float LeastFloor = -60;
    private const float FirstFloor = -46;
    private const int FramesPerSlot = 10;
    private const int OnsetWindow = 4;
    private const int OnsetFrames = 3;

    // The minimum of noise lies below its mean by about this much.
    private const float MinimumBias = 3;

    private readonly float _margin = 4 + (12 * (float)options.Threshold);
    private readonly int _silenceFrames = Math.Max(1, options.SilenceMs / FrameMs);
    private readonly float[] _slotMinima = CreateSlots();
    private int _slot;
    private int _framesInSlot;
    private uint _recentLoud;
    private int _quietFrames;
    private float _previous;
    private float _highPassed;

    public bool Speaking { get; private set; }

    /// <summary>Milliseconds of audio seen.</summary>
    public long PositionMs { get; private set; }

    /// <summary>Where the current or last speech began, ± a frame, without prefix.</summary>
    public long SpeechStartMs { get; private set; }

    /// <summary>Where the sound of the last speech ended: <see cref="VoiceActivityOptions.SilenceMs"/> before it was known.</summary>
    public long SpeechEndMs { get; private set; }

    /// <param name="frame"><see cref="FrameSamples"/> of PCM16 at 8 kHz.</param>
    public VoiceActivity Process(ReadOnlySpan<short> frame)
    {
        float level = Level(frame);
        bool loud = level > Floor() + _margin;
        FollowFloor(level);
        PositionMs += FrameMs;

        _recentLoud = (_recentLoud << 1) | (loud ? 1u : 0);
        if (!Speaking)
        {
            uint window = _recentLoud & ((1u << OnsetWindow) - 1);
            if (BitOperations.PopCount(window) < OnsetFrames)
            {
                return VoiceActivity.None;
            }

            Speaking = true;
            _quietFrames = 0;
            SpeechStartMs = PositionMs - (FrameMs * (BitOperations.Log2(window) + 1));
            return VoiceActivity.Started;
        }

        _quietFrames = loud ? 0 : _quietFrames + 1;
        if (_quietFrames < _silenceFrames)
        {
            return VoiceActivity.None;
        }

        Speaking = false;
        _recentLoud = 0;
        SpeechEndMs = PositionMs - (FrameMs * _quietFrames);
        return VoiceActivity.Stopped;
    }

    private float Level(ReadOnlySpan<short> frame)
    {
        float energy = 0;
        foreach (short sample in frame)
        {
            // One-pole high-pass at about 130 Hz: below the fundamental of most voices, above mains hum.
            _highPassed = 0.9f * (_highPassed + sample - _previous);
            _previous = sample;
            energy += _highPassed * _highPassed;
        }

        return 10 * MathF.Log10((energy / frame.Length / (32768f * 32768f)) + 1e-12f);
    }

    private float Floor()
    {
        float lowest = _slotMinima[0];
        foreach (float minimum in _slotMinima)
        {
            lowest = Math.Min(lowest, minimum);
        }

        return Math.Max(LeastFloor, lowest + MinimumBias);
    }

    private void FollowFloor(float level)
    {
        _slotMinima[_slot] = Math.Min(_slotMinima[_slot], level);
        if (++_framesInSlot == FramesPerSlot)
        {
            _framesInSlot = 0;
            _slot = (_slot + 1) % _slotMinima.Length;
            _slotMinima[_slot] = float.MaxValue;
        }
    }

    private static float[] CreateSlots()
    {
        var slots = new float[8];
        Array.Fill(slots, FirstFloor - MinimumBias);
        return slots;
    }
}
