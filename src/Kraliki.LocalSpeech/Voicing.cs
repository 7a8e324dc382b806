using System.Numerics;

namespace Kraliki.LocalSpeech;

/// <summary>
/// Measures how much of an utterance was voiced: has a pitch between 60 and 400 Hz, found by autocorrelation. Every word has
/// a voiced sound; a cough, breath or hiss has hardly any, and the decoder makes words of them all the same ("how").
/// </summary>
/// <remarks>About 20 million multiplications per second of audio. Not thread-safe.</remarks>
public sealed class Voicing
{
    /// <summary>No word has less: the shortest ("yes", "two") have about 100 ms of vowel.</summary>
    public const int LeastOfAWordMs = 60;

    // A whole number of vectors of any width.
    private const int FrameSamples = 160;
    private const int ShortestPeriod = 20;
    private const int LongestPeriod = 133;

    // White noise reaches about 0.3 by chance; vowels on a telephone line with noise 10 dB below them stay above 0.7.
    private const float VoicedCorrelation = 0.5f;

    // A frame and the longest period before it.
    private readonly float[] _window = new float[LongestPeriod + FrameSamples];
    private int _filled;

    /// <summary>Of the utterance so far, in steps of 20 ms.</summary>
    public int VoicedMs { get; private set; }

    public void Reset()
    {
        _filled = 0;
        VoicedMs = 0;
    }

    public void Hear(ReadOnlySpan<short> pcm8k)
    {
        foreach (short sample in pcm8k)
        {
            _window[_filled++] = sample;
            if (_filled == _window.Length)
            {
                VoicedMs += IsVoiced() ? FrameSamples / 8 : 0;
                _window.AsSpan(FrameSamples).CopyTo(_window);
                _filled = LongestPeriod;
            }
        }
    }

    private bool IsVoiced()
    {
        var frame = _window.AsSpan(LongestPeriod);
        float energy = Product(frame, frame);
        for (int period = ShortestPeriod; period <= LongestPeriod; period++)
        {
            var before = _window.AsSpan(LongestPeriod - period, FrameSamples);
            float product = Product(frame, before);
            if (product > 0 && product * product > VoicedCorrelation * VoicedCorrelation * energy * Product(before, before))
            {
                return true;
            }
        }

        return false;
    }

    private static float Product(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        var sum = Vector<float>.Zero;
        for (int i = 0; i + Vector<float>.Count <= FrameSamples; i += Vector<float>.Count)
        {
            sum += new Vector<float>(a[i..]) * new Vector<float>(b[i..]);
        }

        return Vector.Sum(sum);
    }
}
