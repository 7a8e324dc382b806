using System.Numerics;

namespace Kraliki.LocalSpeech;

/// <summary>
/// Changes the rate of a stream of PCM16 samples between 8, 16, 24 and 48 kHz (any two rates with a small ratio): one
/// polyphase low-pass, a Kaiser-windowed sinc, flat to 85 % of the lower rate's band and some 70 dB down from 115 %.
/// </summary>
/// <remarks>
/// In pieces of any length, with the same samples whatever the pieces. The output lags <see cref="DelayMs"/> behind.
/// One stream per instance; not thread-safe. A piece costs no allocation.
/// </remarks>
public sealed class Resampler
{
    // Length of the filter over the larger of the two ratios' sides: 70 dB with a transition of 30 % of the band.
    private const int TapsPerStep = 29;
    private const double KaiserBeta = 6.76;
    private const int PieceLength = 512;

    private readonly int _up;
    private readonly int _down;
    private readonly int _window;

    // One row per phase, each in the order of the samples that it meets: oldest first.
    private readonly float[][] _phases;
    private readonly float[] _samples;

    // Where the next output lies, in steps of the common multiple of both rates from the first sample of the next piece.
    private int _next;

    public Resampler(int fromHz, int toHz)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(fromHz);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(toHz);
        int common = (int)BigInteger.GreatestCommonDivisor(fromHz, toHz);
        _up = toHz / common;
        _down = fromHz / common;

        // The delay, half the filter, is a whole number of samples of both rates.
        int step = _up * _down;
        int half = ((TapsPerStep * Math.Max(_up, _down) / 2) + step) / step * step;
        int taps = (2 * half) + 1;
        _window = (taps + _up - 1) / _up;
        _phases = MakePhases(taps);
        _samples = new float[_window - 1 + PieceLength];
        DelayMs = half / (double)_up / fromHz * 1000;
    }

    public double DelayMs { get; }

    /// <summary>At most so many samples come out for so many that go in.</summary>
    public int MostOutput(int input) => (int)(((long)input * _up / _down) + 1);

    /// <param name="output">At least <see cref="MostOutput"/> long.</param>
    /// <returns>Samples written.</returns>
    public int Process(ReadOnlySpan<short> input, Span<short> output)
    {
        int written = 0;
        while (input.Length > 0)
        {
            var piece = input[..Math.Min(input.Length, PieceLength)];
            input = input[piece.Length..];
            var fresh = _samples.AsSpan(_window - 1);
            for (int i = 0; i < piece.Length; i++)
            {
                fresh[i] = piece[i];
            }

            for (; _next < piece.Length * _up; _next += _down)
            {
                float sample = Dot(_samples.AsSpan(_next / _up, _window), _phases[_next % _up]);
                output[written++] = (short)Math.Clamp(MathF.Round(sample), short.MinValue, short.MaxValue);
            }

            _next -= piece.Length * _up;
            _samples.AsSpan(piece.Length, _window - 1).CopyTo(_samples);
        }

        return written;
    }

    /// <inheritdoc cref="Process(ReadOnlySpan{short}, Span{short})"/>
    public short[] Process(ReadOnlySpan<short> input)
    {
        var output = new short[MostOutput(input.Length)];
        return output[..Process(input, output)];
    }

    /// <summary>A whole recording at once, without the delay.</summary>
    public static short[] Convert(ReadOnlySpan<short> recording, int fromHz, int toHz)
    {
        var resampler = new Resampler(fromHz, toHz);
        int delay = (int)Math.Round(resampler.DelayMs * toHz / 1000);
        var tail = new short[(int)Math.Ceiling(resampler.DelayMs * fromHz / 1000) + resampler._down];
        short[] all = [.. resampler.Process(recording), .. resampler.Process(tail)];
        return all[delay..Math.Min(all.Length, delay + (int)((long)recording.Length * toHz / fromHz))];
    }

    /// <summary>Forgets what came before: the next sample begins a new stream.</summary>
    public void Reset()
    {
        Array.Clear(_samples);
        _next = 0;
    }

    private static float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        var sums = Vector<float>.Zero;
        int i = 0;
        for (; i <= a.Length - Vector<float>.Count; i += Vector<float>.Count)
        {
            sums += new Vector<float>(a[i..]) * new Vector<float>(b[i..]);
        }

        float sum = Vector.Sum(sums);
        for (; i < a.Length; i++)
        {
            sum += a[i] * b[i];
        }

        return sum;
    }

    private float[][] MakePhases(int taps)
    {
        var prototype = new double[taps];
        double centre = (taps - 1) / 2.0;
        double total = 0;
        for (int i = 0; i < taps; i++)
        {
            double x = i - centre;
            double cycles = x / Math.Max(_up, _down);
            double sinc = x == 0 ? 1 : Math.Sin(Math.PI * cycles) / (Math.PI * cycles);
            double edge = x / (centre + 1);
            prototype[i] = sinc * Bessel0(KaiserBeta * Math.Sqrt(1 - (edge * edge)));
            total += prototype[i];
        }

        var phases = new float[_up][];
        for (int phase = 0; phase < _up; phase++)
        {
            phases[phase] = new float[_window];
            for (int k = 0; (k * _up) + phase < taps; k++)
            {
                // Gain _up makes up for the zeros that stand between the samples in the common multiple of the rates.
                phases[phase][_window - 1 - k] = (float)(prototype[(k * _up) + phase] / total * _up);
            }
        }

        return phases;
    }

    /// <summary>Modified Bessel function of the first kind, order zero, by its power series.</summary>
    private static double Bessel0(double x)
    {
        double sum = 1, term = 1;
        for (int n = 1; term > 1e-12 * sum; n++)
        {
            term *= x / (2 * n) * (x / (2 * n));
            sum += term;
        }

        return sum;
    }
}
