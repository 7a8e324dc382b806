namespace Kraliki.Simulators.Callers;

/// <summary>G.711 μ-law, written for the simulators alone: the product's codec must not be able to agree with itself here.</summary>
public static class Mulaw
{
    public const byte Silence = 0xFF;

    /// <summary>Samples in a frame of 20 ms at 8 kHz.</summary>
    public const int FrameSize = 160;

    // About -47 dB below full scale: above a codec's idle noise, below the faintest speech sound of the synthesizers.
    private const int AudibleLevel = 150;

    private static readonly short[] Linear = BuildLinear();

    public static short Decode(byte code) => Linear[code];

    /// <summary>ITU-T G.711 on the 16-bit scale: sign, the segment of the biased magnitude, four bits within it, all inverted.</summary>
    public static byte Encode(int sample)
    {
        var sign = sample < 0 ? 0x80 : 0;
        // 132 moves the segment borders to powers of two; beyond 32635 the biased value would not fit 15 bits.
        var magnitude = Math.Min(Math.Abs(sample), 32635) + 132;
        var segment = 31 - int.LeadingZeroCount(magnitude) - 7;
        var step = (magnitude >> (segment + 3)) & 0x0F;
        return (byte)~(sign | (segment << 4) | step);
    }

    /// <summary>True when the mean level is above idle noise.</summary>
    public static bool IsAudible(ReadOnlySpan<byte> mulaw)
    {
        if (mulaw.IsEmpty)
            return false;
        long sum = 0;
        foreach (var code in mulaw)
            sum += Math.Abs((int)Linear[code]);
        return sum / mulaw.Length > AudibleLevel;
    }

    private static short[] BuildLinear()
    {
        var table = new short[256];
        for (var code = 0; code < 256; code++)
        {
            var bits = ~code;
            var magnitude = ((((bits & 0x0F) << 3) + 132) << ((bits >> 4) & 0x07)) - 132;
            table[code] = (short)((bits & 0x80) != 0 ? -magnitude : magnitude);
        }
        return table;
    }
}
