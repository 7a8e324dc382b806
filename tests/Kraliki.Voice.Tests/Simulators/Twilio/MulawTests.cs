using Kraliki.Simulators.Callers;

namespace Kraliki.Voice.Tests.Simulators.Twilio;

public sealed class MulawTests
{
    [Fact]
    public void Every_code_survives_a_round_trip() =>
        Assert.All(Enumerable.Range(0, 256), code => Assert.Equal(Mulaw.Decode((byte)code), Mulaw.Decode(Mulaw.Encode(Mulaw.Decode((byte)code)))));

    [Theory]
    [InlineData(0, 0xFF)]
    [InlineData(32124, 0x80)]
    [InlineData(32767, 0x80)]
    [InlineData(-32124, 0x00)]
    [InlineData(-32768, 0x00)]
    [InlineData(924, 0xCF)]
    public void Known_samples_have_their_codes(int sample, byte code) => Assert.Equal(code, Mulaw.Encode(sample));

    [Fact]
    public void Coding_errs_by_half_a_step_at_most() => Assert.All(
        Enumerable.Range(-32124, 64249).Where(sample => sample % 7 == 0),
        sample => Assert.True(Math.Abs(Mulaw.Decode(Mulaw.Encode(sample)) - sample) <= Math.Max(4, (Math.Abs(sample) + 132) / 32), $"{sample}"));
}
