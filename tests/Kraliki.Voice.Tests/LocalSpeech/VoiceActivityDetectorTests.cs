using Kraliki.LocalSpeech;

namespace Kraliki.Voice.Tests.LocalSpeech;

public sealed class VoiceActivityDetectorTests
{
    private const int QuietMs = 1000;
    private static readonly short[] Quiet = new short[QuietMs * 8];

    [Theory]
    [InlineData(null)]
    [InlineData(20.0)]
    public void Speech_is_found_within_100_ms_and_ends_once(double? noiseDb)
    {
        short[] line = [.. Quiet, .. Speech(), .. Quiet];
        var found = Run(noiseDb is { } db ? Sounds.Mix(line, db) : line);

        Assert.Equal([VoiceActivity.Started, VoiceActivity.Stopped], found.Select(change => change.Activity));
        Assert.InRange(found[0].AtMs, QuietMs, QuietMs + 100);
        Assert.InRange(found[0].SpeechStartMs, QuietMs - 20, QuietMs + 60);
    }

    [Fact]
    public void Stop_comes_after_the_configured_silence()
    {
        short[] line = [.. Quiet, .. Speech(), .. Quiet];
        foreach (int silenceMs in (int[])[300, 800])
        {
            var stopped = Run(line, new(SilenceMs: silenceMs))[^1];
            Assert.Equal(VoiceActivity.Stopped, stopped.Activity);
            Assert.Equal(silenceMs, stopped.AtMs - stopped.SpeechEndMs);
        }
    }

    [Fact]
    public void Silence_is_no_speech() => Assert.Empty(Run([.. Quiet, .. Quiet, .. Quiet]));

    [Theory]
    [InlineData(0.003)]
    [InlineData(0.01)]
    public void Steady_noise_from_the_start_is_no_speech(double rms) => Assert.Empty(Run(Sounds.Noise(5000, rms)));

    [Fact]
    public void Noise_that_sets_in_is_recognised_as_noise_within_three_seconds()
    {
        var found = Run([.. Quiet, .. Sounds.Noise(5000, 0.02)]);
        Assert.Equal(VoiceActivity.Stopped, found[^1].Activity);
        Assert.InRange(found[^1].AtMs, QuietMs, QuietMs + 3000);
    }

    [Fact]
    public void Cough_starts_and_stops_like_a_short_utterance()
    {
        var found = Run([.. Quiet, .. Sounds.Cough(300), .. Quiet]);
        Assert.Equal([VoiceActivity.Started, VoiceActivity.Stopped], found.Select(change => change.Activity));
        Assert.InRange(found[1].SpeechEndMs - found[0].SpeechStartMs, 150, 320);
    }

    [Fact]
    public void Click_is_no_speech() => Assert.Empty(Run([.. Quiet, .. Sounds.Noise(20, 0.5), .. Quiet]));

    [Fact]
    public void Higher_threshold_wants_louder_speech()
    {
        short[] faint = [.. Speech().Select(sample => (short)(sample / 30))];
        short[] line = [.. Quiet, .. faint, .. Quiet];
        Assert.NotEmpty(Run(line, new(Threshold: 0.1)));
        Assert.Empty(Run([.. line.Select(sample => (short)(sample / 3))], new(Threshold: 1)));
    }

    [Fact]
    public void Frame_allocates_nothing()
    {
        var detector = new VoiceActivityDetector(new());
        short[] frame = Sounds.Noise(20, 0.1);
        detector.Process(frame);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            detector.Process(frame);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    /// <summary>Starts with its first sound, not with the synthesizer's leading silence.</summary>
    private static short[] Speech()
    {
        short[] spoken = SpeechSynthesizer.Speak("Hello, I have a question about my booking.", VoiceName.Rms);
        int first = Array.FindIndex(spoken, sample => Math.Abs((int)sample) > 600);
        return spoken[first..];
    }

    private static List<(VoiceActivity Activity, long AtMs, long SpeechStartMs, long SpeechEndMs)> Run(short[] line, VoiceActivityOptions? options = null)
    {
        var detector = new VoiceActivityDetector(options ?? new());
        var changes = new List<(VoiceActivity, long, long, long)>();
        for (int start = 0; start + VoiceActivityDetector.FrameSamples <= line.Length; start += VoiceActivityDetector.FrameSamples)
        {
            var activity = detector.Process(line.AsSpan(start, VoiceActivityDetector.FrameSamples));
            if (activity != VoiceActivity.None)
            {
                changes.Add((activity, detector.PositionMs, detector.SpeechStartMs, detector.SpeechEndMs));
            }
        }

        return changes;
    }
}
