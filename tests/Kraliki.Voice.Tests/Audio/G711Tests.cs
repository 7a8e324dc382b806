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
    public void Every_sample_encodes_to_the_nearest_code()
    {
        var values = Enumerable.Range(0, 256).Select(code => ItuValue((byte)code) * 4).ToArray();
        for (int sample = short.MinValue; sample <= short.MaxValue; sample++)
        {
            int error = Math.Abs(G711.Decode(G711.Encode((short)sample)) - sample);
            int best = values.Min(value => Math.Abs(value - sample));

            // Decision values lie on the 14-bit grid, so a 16-bit sample may miss the nearest code by up to two steps of it.
            Assert.InRange(error, best, best + 8);
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
