namespace Kraliki.LocalSpeech;

/// <summary>
/// Doubles and halves the sample rate between telephone audio (8 kHz) and what the speech engines use (16 kHz), with one
/// half-band low-pass: a Kaiser-windowed sinc, flat to 3.4 kHz, 60 dB down from 4.6 kHz.
/// </summary>
public static class HalfBand
{
    // Odd, so that the outermost tap is one of the non-zero ones.
    private const int Reach = 31;
    private const double KaiserBeta = 5.65;

    // At odd distances 1, 3, 5 … Reach from the centre; the even ones are zero, the centre is 1/2.
    private static readonly float[] Taps = CreateTaps();

    /// <summary>16 kHz → 8 kHz, a whole recording at once.</summary>
    public static short[] Halve(ReadOnlySpan<short> pcm16k)
    {
        var halved = new short[pcm16k.Length / 2];
        for (int i = 0; i < halved.Length; i++)
        {
            int centre = 2 * i;
            float sum = 0.5f * pcm16k[centre];
            for (int k = 0; k < Taps.Length; k++)
            {
                int distance = (2 * k) + 1;
                int before = centre - distance, after = centre + distance;
                sum += Taps[k] * ((before >= 0 ? pcm16k[before] : 0) + (after < pcm16k.Length ? pcm16k[after] : 0));
            }

            halved[i] = Clamp(sum);
        }

        return halved;
    }

    /// <summary>8 kHz → 16 kHz, a stream in pieces of any length. The output lags 16 input samples (2 ms) behind. Not thread-safe.</summary>
    public sealed class Doubler
    {
        private const int History = Reach + 1;
        private readonly short[] _recent = new short[History];
        private int _next;

        /// <param name="pcm16k">At least twice as long as the input.</param>
        /// <returns>Samples written: exactly twice the input's.</returns>
        public int Double(ReadOnlySpan<short> pcm8k, Span<short> pcm16k)
        {
            int written = 0;
            foreach (short sample in pcm8k)
            {
                _recent[_next] = sample;
                _next = (_next + 1) % History;

                // The zeros between the input samples vanish: one output is the delayed sample itself, the next one the
                // side taps' sum. Gain 2 makes up for the inserted zeros.
                pcm16k[written++] = At((History / 2) - 1);
                float sum = 0;
                for (int k = 0; k < Taps.Length; k++)
                {
                    sum += Taps[k] * (At((History / 2) - 1 - k) + At((History / 2) + k));
                }

                pcm16k[written++] = Clamp(2 * sum);
            }

            return written;
        }

        public void Reset() => Array.Clear(_recent);

        private short At(int age) => _recent[(_next + age) % History];
    }

    private static float[] CreateTaps()
    {
        var taps = new float[(Reach + 1) / 2];
        double total = 0;
        for (int k = 0; k < taps.Length; k++)
        {
            double distance = (2 * k) + 1;
            double sinc = Math.Sin(Math.PI * distance / 2) / (Math.PI * distance);
            double edge = distance / (Reach + 1);
            taps[k] = (float)(sinc * Bessel0(KaiserBeta * Math.Sqrt(1 - (edge * edge))) / Bessel0(KaiserBeta));
            total += 2 * taps[k];
        }

        for (int k = 0; k < taps.Length; k++)
        {
            taps[k] *= (float)(0.5 / total);
        }

        return taps;
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

    private static short Clamp(float sample) => (short)Math.Clamp(MathF.Round(sample), short.MinValue, short.MaxValue);
}
