using System.Runtime.InteropServices;
using System.Text;
using Kraliki.Voice.Audio;

namespace Kraliki.Voice.Tests.Audio;

public sealed class PcmAudioTests
{
    [Theory]
    [InlineData(16_000)]
    [InlineData(24_000)]
    public void A_telephone_tone_reaches_the_provider_with_sixty_decibels_of_quiet_around_it(int rate)
    {
        foreach (double hz in new[] { 300.0, 1000, 2500, 3300 })
        {
            var narrow = Tone(hz, 8000, 1.0);
            var outlet = new PcmOutlet(rate);
            short[] wide = [.. narrow.Chunk(160).SelectMany(frame => Pcm(outlet.Convert(frame)))];
            Assert.Equal(narrow.Length * rate / 8000, wide.Length);
            Assert.InRange(SignalToNoise(wide, hz, rate), 60, 200);
        }
    }

    [Fact]
    public void A_providers_tone_reaches_the_telephone_as_cleanly_as_its_codec_allows()
    {
        foreach (double hz in new[] { 300.0, 1000, 2500, 3300 })
        {
            short[] heard = Mulaw(new PcmInlet(24_000), [Base64(Tone(hz, 24_000, 1.0))]);

            // G.711 itself leaves 38 dB for a loud tone (ITU-T G.712); a filter that adds to it would show.
            Assert.InRange(SignalToNoise(heard, hz, 8000), 35, 60);
        }
    }

    [Fact]
    public void What_the_telephone_cannot_carry_does_not_come_back_as_another_sound()
    {
        short[] heard = Mulaw(new PcmInlet(24_000), [Base64(Tone(5000, 24_000, 0.5))]);
        Assert.True(heard.Skip(400).Max(Math.Abs) < 30, $"a tone of 5 kHz is heard at a level of {heard.Skip(400).Max(Math.Abs)}");
    }

    [Fact]
    public void Pieces_of_any_length_sound_like_one_even_when_they_cut_samples()
    {
        byte[] pcm = MemoryMarshal.AsBytes<short>(Tone(440, 24_000, 0.7)).ToArray();
        short[] whole = Mulaw(new PcmInlet(24_000), [Convert.ToBase64String(pcm)]);
        foreach (int size in new[] { 1, 7, 333, 960, 4801 })
        {
            short[] pieces = Mulaw(new PcmInlet(24_000), pcm.Chunk(size).Select(Convert.ToBase64String));
            Assert.Equal(whole, pieces);
        }
    }

    [Fact]
    public void After_a_reset_nothing_of_the_old_sound_is_left()
    {
        var inlet = new PcmInlet(24_000);
        Mulaw(inlet, [Convert.ToBase64String(MemoryMarshal.AsBytes<short>(Tone(440, 24_000, 0.1)).ToArray().AsSpan(0, 4799))]);
        inlet.Reset();
        Assert.All(Mulaw(inlet, [Base64(new short[2400])]), sample => Assert.Equal(0, sample));
    }

    [Fact]
    public void A_frame_costs_no_allocation_in_either_direction()
    {
        var outlet = new PcmOutlet(16_000);
        var inlet = new PcmInlet(24_000);
        short[] frame = Tone(440, 8000, 0.02);
        byte[] answer = Encoding.ASCII.GetBytes(Base64(Tone(440, 24_000, 0.2)));
        long spent = 0;
        for (int round = 0; round < 500; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            outlet.Convert(frame);
            ReadOnlySpan<byte> rest = answer;
            while (rest.Length > 0)
            {
                inlet.Next(ref rest);
            }

            // The first rounds run unoptimised code.
            spent += round < 100 ? 0 : GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Assert.Equal(0, spent);
    }

    private static short[] Tone(double hz, int rate, double seconds)
        => [.. Enumerable.Range(0, (int)(rate * seconds)).Select(i => (short)Math.Round(16_000 * Math.Sin(2 * Math.PI * hz * i / rate)))];

    private static string Base64(short[] pcm) => Convert.ToBase64String(MemoryMarshal.AsBytes<short>(pcm));

    private static short[] Pcm(ReadOnlySpan<byte> base64) => MemoryMarshal.Cast<byte, short>(Convert.FromBase64String(Encoding.ASCII.GetString(base64))).ToArray();

    private static short[] Mulaw(PcmInlet inlet, IEnumerable<string> pieces)
    {
        var heard = new List<short>();
        foreach (string piece in pieces)
        {
            ReadOnlySpan<byte> rest = Encoding.ASCII.GetBytes(piece);
            while (rest.Length > 0)
            {
                foreach (byte code in Convert.FromBase64String(Encoding.ASCII.GetString(inlet.Next(ref rest))))
                {
                    heard.Add(G711.Decode(code));
                }
            }
        }

        return [.. heard];
    }

    /// <summary>In dB: what a sine of this frequency, of any level and phase, explains, over what it does not. Without the filter's onset.</summary>
    private static double SignalToNoise(short[] sound, double hz, int rate)
    {
        var middle = sound.Skip(rate / 20).Take(rate * 9 / 10 / 10 * 10).ToArray();
        double re = 0, im = 0, energy = 0;
        for (int i = 0; i < middle.Length; i++)
        {
            double angle = 2 * Math.PI * hz * i / rate;
            re += middle[i] * Math.Cos(angle);
            im += middle[i] * Math.Sin(angle);
            energy += (double)middle[i] * middle[i];
        }

        double signal = 2 * ((re * re) + (im * im)) / middle.Length;
        return 10 * Math.Log10(signal / Math.Max(1e-9, energy - signal));
    }
}
