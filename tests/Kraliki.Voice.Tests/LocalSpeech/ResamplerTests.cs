using Kraliki.LocalSpeech;

namespace Kraliki.Voice.Tests.LocalSpeech;

public sealed class ResamplerTests
{
    public static TheoryData<int, int> Rates => new()
    {
        { 8000, 16000 }, { 16000, 8000 }, { 8000, 24000 }, { 24000, 8000 }, { 16000, 24000 }, { 24000, 16000 }, { 48000, 8000 }, { 8000, 48000 },
    };

    private static short[] Tone(double hz, int rate, double seconds, double amplitude = 16_000)
        => [.. Enumerable.Range(0, (int)(rate * seconds)).Select(i => (short)Math.Round(amplitude * Math.Sin(2 * Math.PI * hz * i / rate)))];

    [Theory]
    [MemberData(nameof(Rates))]
    public void A_tone_in_the_speech_band_comes_out_with_sixty_decibels_of_quiet_around_it(int from, int to)
    {
        foreach (double hz in new[] { 200.0, 1000, 2500, 3300 })
        {
            var heard = Resampler.Convert(Tone(hz, from, 0.5), from, to);
            var wanted = Tone(hz, to, 0.5);
            Assert.Equal(wanted.Length, heard.Length);
            double signal = 0, noise = 0;
            for (int i = to / 20; i < wanted.Length - (to / 20); i++)
            {
                signal += Math.Pow(wanted[i], 2);
                noise += Math.Pow(heard[i] - wanted[i], 2);
            }

            Assert.True(10 * Math.Log10(signal / noise) >= 60, $"{from} → {to} at {hz} Hz: {10 * Math.Log10(signal / noise):0.0} dB");
        }
    }

    [Theory]
    [InlineData(16000, 8000, 5000)]
    [InlineData(24000, 8000, 5000)]
    [InlineData(24000, 16000, 10000)]
    [InlineData(48000, 8000, 7000)]
    public void What_the_lower_rate_cannot_carry_is_gone(int from, int to, double hz)
        => Assert.All(Resampler.Convert(Tone(hz, from, 0.3), from, to)[200..^200], sample => Assert.InRange((int)sample, -16, 16));

    [Theory]
    [MemberData(nameof(Rates))]
    public void Pieces_of_any_length_give_the_samples_of_the_whole(int from, int to)
    {
        var tone = Tone(700, from, 0.2);
        var whole = new Resampler(from, to).Process(tone);
        var pieces = new Resampler(from, to);
        var together = new List<short>();
        var random = new Random(7);
        for (int at = 0; at < tone.Length;)
        {
            int length = Math.Min(random.Next(1, 700), tone.Length - at);
            together.AddRange(pieces.Process(tone.AsSpan(at, length)));
            at += length;
        }

        Assert.Equal(whole, together);
        pieces.Reset();
        Assert.Equal(whole, pieces.Process(tone));
    }

    [Fact]
    public void A_piece_costs_no_allocation()
    {
        var resampler = new Resampler(8000, 24000);
        var frame = new short[160];
        var output = new short[resampler.MostOutput(160)];
        resampler.Process(frame, output);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            resampler.Process(frame, output);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
