namespace Kraliki.Voice.Tests.LocalSpeech;

/// <summary>Sounds that are not speech, PCM16 at 8 kHz, the same in every run.</summary>
internal static class Sounds
{
    /// <param name="rms">Of full scale, 0–1.</param>
    public static short[] Noise(int milliseconds, double rms, int seed = 1)
    {
        var random = new Random(seed);
        var pcm = new short[milliseconds * 8];
        for (int i = 0; i < pcm.Length; i++)
        {
            double gaussian = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            pcm[i] = (short)Math.Clamp(gaussian * rms * short.MaxValue, short.MinValue, short.MaxValue);
        }

        return pcm;
    }

    /// <summary>A burst of noise that dies away.</summary>
    public static short[] Cough(int milliseconds)
    {
        short[] pcm = Noise(milliseconds, 0.2);
        for (int i = 0; i < pcm.Length; i++)
        {
            pcm[i] = (short)(pcm[i] * Math.Exp(-3.0 * i / pcm.Length));
        }

        return pcm;
    }

    public static short[] Mix(short[] speech, double noiseDb)
    {
        double rms = Math.Sqrt(speech.Average(sample => (double)sample * sample)) / short.MaxValue;
        short[] noise = Noise(speech.Length / 8, rms * Math.Pow(10, -noiseDb / 20));
        return [.. speech.Take(noise.Length).Zip(noise, (a, b) => (short)Math.Clamp(a + b, short.MinValue, short.MaxValue))];
    }
}
