using System.Numerics;

namespace Kraliki.Voice.Audio;

/// <summary>ITU-T G.711 μ-law: 8 kHz, one byte per sample, 20 ms = 160 bytes. Linear side is 16-bit PCM, of which the codec uses the top 14 bits.</summary>
public static class G711
{
    /// <summary>Bytes (= samples) in one millisecond.</summary>
    public const int BytesPerMs = 8;

    /// <summary>Bytes in one 20 ms frame.</summary>
    public const int FrameBytes = 160;

    /// <summary>The byte that decodes to 0.</summary>
    public const byte Silence = 0xFF;

    // 33 in the 14-bit domain of the recommendation, 132 in ours (<< 2).
    private const int Bias = 0x84;
    private const int Clip = 32635;

    private static readonly short[] DecodeTable = BuildDecodeTable();

    public static short Decode(byte mulaw) => DecodeTable[mulaw];

    public static byte Encode(short sample)
    {
        int sign = (sample >> 8) & 0x80;
        int magnitude = Math.Min(sign != 0 ? -sample : sample, Clip) + Bias;
        int exponent = BitOperations.Log2((uint)magnitude) - 7;
        int mantissa = (magnitude >> (exponent + 3)) & 0x0F;
        return (byte)~(sign | (exponent << 4) | mantissa);
    }

    /// <param name="pcm">At least as long as <paramref name="mulaw"/>.</param>
    public static void Decode(ReadOnlySpan<byte> mulaw, Span<short> pcm)
    {
        pcm = pcm[..mulaw.Length];
        var table = DecodeTable;
        for (int i = 0; i < mulaw.Length; i++)
        {
            pcm[i] = table[mulaw[i]];
        }
    }

    /// <param name="mulaw">At least as long as <paramref name="pcm"/>.</param>
    public static void Encode(ReadOnlySpan<short> pcm, Span<byte> mulaw)
    {
        mulaw = mulaw[..pcm.Length];
        for (int i = 0; i < pcm.Length; i++)
        {
            mulaw[i] = Encode(pcm[i]);
        }
    }

    /// <summary>Peak of a stretch of audio, 0–1.</summary>
    public static double Peak(ReadOnlySpan<byte> mulaw)
    {
        int peak = 0;
        foreach (byte b in mulaw)
        {
            peak = Math.Max(peak, Math.Abs((int)DecodeTable[b]));
        }

        return peak / 32768.0;
    }

    private static short[] BuildDecodeTable()
    {
        var table = new short[256];
        for (int i = 0; i < 256; i++)
        {
            int code = ~i;
            int magnitude = ((((code & 0x0F) << 3) + Bias) << ((code & 0x70) >> 4)) - Bias;
            table[i] = (short)((code & 0x80) != 0 ? -magnitude : magnitude);
        }

        return table;
    }
}
