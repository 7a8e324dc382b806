using Kraliki.Voice.Audio;

namespace Kraliki.Voice.Tests.Audio;

public sealed class G711Tests
{
    /// <summary>Table 2a/2b of G.711 as a formula, in the recommendation's 14-bit domain: written independently of the codec.</summary>
    private static int ItuValue(byte code)
    {
        int inverted = 255 - code;
        int segment = inverted / 16 % 8;
        int interval = inverted % 16;
        int magnitude = (int)Math.Pow(2, segment) * ((2 * interval) + 33) - 33;
        return inverted >= 128 ? -magnitude : magnitude;
    }

    [Fact]
    public void Every_code_decodes_to_the_value_of_the_recommendation()
    {
        for (int code = 0; code < 256; code++)
        {
            Assert.Equal(ItuValue((byte)code) * 4, G711.Decode((byte)code));
        }
    }

    [Fact]
    public void Every_code_survives_a_round_trip()
    {
        for (int code = 0; code < 256; code++)
        {
            // 0x7F is negative zero: it decodes to 0, which encodes as positive zero.
            byte expected = code == 0x7F ? G711.Silence : (byte)code;
            Assert.Equal(expected, G711.Encode(G711.Decode((byte)code)));
        }
    }

    [Fact]
    public void Every_sample_encodes_by_the_decision_values_of_the_recommendation()
    {
        // Column 4 of table 2a: the lowest magnitude, in the 14-bit domain, of each interval.
        var decisions = Enumerable.Range(0, 128).Select(k => ((16 + (k % 16)) * Math.Pow(2, (k / 16) + 1)) - 33).ToArray();
        for (int sample = short.MinValue; sample <= short.MaxValue; sample++)
        {
            double magnitude = Math.Min(Math.Abs(sample) / 4.0, 8158);
            int interval = Array.FindLastIndex(decisions, decision => decision <= magnitude);
            int expected = 255 - interval - (sample < 0 ? 128 : 0);
            Assert.Equal((byte)expected, G711.Encode((short)sample));
        }
    }

    [Fact]
    public void Spans_agree_with_single_samples()
    {
        var codes = Enumerable.Range(0, 256).Select(code => (byte)code).ToArray();
        var pcm = new short[256];
        var back = new byte[256];
        G711.Decode(codes, pcm);
        G711.Encode(pcm, back);
        Assert.Equal(codes.Select(G711.Decode), pcm);
        Assert.Equal(pcm.Select(G711.Encode), back);
    }
}
