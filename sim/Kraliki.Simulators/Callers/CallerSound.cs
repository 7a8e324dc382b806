namespace Kraliki.Simulators.Callers;

/// <summary>Sounds of the simulated caller that are no speech: 8 kHz PCM, the same on every run.</summary>
public static class CallerSound
{
    private const int SampleRate = 8000;

    /// <summary>Two bursts of noise with a sharp onset and a fast decay, as a cough has.</summary>
    public static short[] Cough(TimeSpan length)
    {
        var samples = Noise(length, 6000);
        var half = Math.Max(1, samples.Length / 2);
        for (var i = 0; i < samples.Length; i++)
            samples[i] = (short)(samples[i] * Math.Exp(-5.0 * (i % half) / half));
        return samples;
    }

    /// <summary>Noise that falls off toward high frequencies, as rooms and streets do.</summary>
    /// <param name="rms">Root mean square on the 16-bit scale.</param>
    public static short[] Noise(TimeSpan length, double rms)
    {
        var samples = new short[(int)(length.TotalSeconds * SampleRate)];
        var state = 0x9E3779B9u;
        var low = 0.0;
        // Uniform noise has a deviation of 1/√3; the one-pole filter with a = 0.5 leaves √(a / (2 − a)) of it.
        var gain = rms * Math.Sqrt(3) / Math.Sqrt(0.5 / 1.5);
        for (var i = 0; i < samples.Length; i++)
        {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            low += 0.5 * ((state / (double)uint.MaxValue * 2) - 1 - low);
            samples[i] = (short)Math.Clamp(low * gain, short.MinValue, short.MaxValue);
        }
        return samples;
    }

    /// <summary>Level of the parts that are not silence.</summary>
    public static double SpeechLevel(IEnumerable<short[]> lines)
    {
        double sum = 0;
        long count = 0;
        foreach (var sample in lines.SelectMany(line => line).Where(sample => Math.Abs((int)sample) > 300))
        {
            sum += (double)sample * sample;
            count++;
        }
        return count == 0 ? 2500 : Math.Sqrt(sum / count);
    }

    /// <summary>Without the silence that a synthesizer puts around a line, so that start and end mean the speech itself.</summary>
    public static short[] Trim(short[] line)
    {
        ArgumentNullException.ThrowIfNull(line);
        const int Level = 120;
        var first = Array.FindIndex(line, sample => Math.Abs((int)sample) > Level);
        if (first < 0)
            return line;
        var last = Array.FindLastIndex(line, sample => Math.Abs((int)sample) > Level);
        return line[first..(last + 1)];
    }
}
