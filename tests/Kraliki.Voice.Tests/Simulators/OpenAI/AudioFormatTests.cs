using Kraliki.Simulators.OpenAI;

namespace Kraliki.Voice.Tests.Simulators.OpenAI;

public sealed class AudioFormatTests
{
    // Decoder output values of ITU-T G.711 tables 1 and 2, scaled to 16 bits.
    [Theory]
    [InlineData(0x00, -32124, -5504)]
    [InlineData(0x80, 32124, 5504)]
    [InlineData(0xFF, 0, 848)]
    [InlineData(0x2A, -5372, -32256)]
    [InlineData(0xD5, 716, 8)]
    [InlineData(0x55, -716, -8)]
    public void Codes_have_the_levels_of_the_standard(byte code, short mulaw, short alaw)
    {
        Assert.Equal(mulaw, Companding.Mulaw.Decode(code));
        Assert.Equal(alaw, Companding.Alaw.Decode(code));
    }

    [Fact]
    public void Encoding_takes_the_nearest_level()
    {
        foreach (var law in (Companding[])[Companding.Mulaw, Companding.Alaw])
        {
            short[] levels = [.. Enumerable.Range(0, 256).Select(code => law.Decode((byte)code))];
            for (var sample = (int)short.MinValue; sample <= short.MaxValue; sample += 7)
            {
                var error = Math.Abs(law.Decode(law.Encode((short)sample)) - sample);
                Assert.True(error <= levels.Min(level => Math.Abs(level - sample)) + 1, $"{sample} is off by {error}.");
            }
        }
    }

    [Theory]
    [InlineData(300)]
    [InlineData(1_000)]
    [InlineData(3_000)]
    public void A_tone_survives_the_way_to_24_kHz_and_back(int hertz)
    {
        short[] tone = [.. Enumerable.Range(0, 1_600).Select(i => (short)(10_000 * Math.Sin(2 * Math.PI * hertz * i / 8_000)))];

        var back = AudioFormat.Pcm.Decode(AudioFormat.Pcm.Encode(tone, AudioFormat.Up()), AudioFormat.Down());

        // Both filters together delay by 46 samples at 24 kHz, a fraction of a sample here: power is compared, not samples.
        Assert.Equal(tone.Length, back.Length);
        Assert.Equal(1, Power(back[200..1_400]) / Power(tone[200..1_400]), 0.1);
    }

    private static double Power(short[] samples) => samples.Average(sample => (double)sample * sample);
}
