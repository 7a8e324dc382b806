using System.Buffers.Binary;
using Kraliki.LocalSpeech;
using Kraliki.Simulators.OpenAI;

namespace Kraliki.Simulators.Gemini;

/// <summary>The user's sound: finds utterances in it and gives them to the ear. Belongs to its session's gate.</summary>
/// <remarks>
/// Transcription goes by utterances, whatever the activities are: an activity that a client leaves open is written down too.
/// </remarks>
/// <param name="started">An utterance began.</param>
/// <param name="stopped">It ended; the callback is for its words, null when hearing failed.</param>
internal sealed class LiveInput(IEar ear, LiveSetup setup, Action started, Func<Action<string?>> stopped)
{
    // A transcriber does not wait for the end of a turn.
    private const int TranscriberSilenceMs = 240;
    private const int PrefixFrames = 20;

    private VoiceActivityDetector _detector = NewDetector(setup);
    private readonly Queue<short[]> _prefix = new();
    private readonly List<short> _frame = [];
    private Resampler? _down;
    private int _rate;

    public bool Speaking { get; private set; }

    /// <summary>Milliseconds of sound so far.</summary>
    public double HeardMs { get; private set; }

    public void Hear(ReadOnlySpan<byte> pcm, int rate)
    {
        if (rate != _rate)
            (_rate, _down) = (rate, rate == 8_000 ? null : new Resampler(rate, 8_000));
        var samples = new short[pcm.Length / 2];
        for (var i = 0; i < samples.Length; i++)
            samples[i] = BinaryPrimitives.ReadInt16LittleEndian(pcm[(2 * i)..]);
        HeardMs += samples.Length * 1000.0 / rate;
        foreach (var sample in _down?.Process(samples) ?? samples)
        {
            _frame.Add(sample);
            if (_frame.Count == VoiceActivityDetector.FrameSamples)
            {
                HearFrame([.. _frame]);
                _frame.Clear();
            }
        }
    }

    /// <summary>Nothing follows of the utterance that was begun, if any.</summary>
    public void End()
    {
        if (!Speaking)
            return;
        Speaking = false;
        if (_detector.Speaking)
            _detector = NewDetector(setup);
        ear.End(stopped());
    }

    private void HearFrame(short[] frame)
    {
        var activity = _detector.Process(frame);
        if (activity == VoiceActivity.Started)
        {
            Speaking = true;
            started();
            ear.Begin();
            while (_prefix.TryDequeue(out var before))
                ear.Feed(before);
        }

        if (Speaking)
        {
            ear.Feed(frame);
        }
        else
        {
            _prefix.Enqueue(frame);
            if (_prefix.Count > PrefixFrames)
                _prefix.Dequeue();
        }

        if (activity == VoiceActivity.Stopped)
            End();
    }

    private static VoiceActivityDetector NewDetector(LiveSetup setup) =>
        new(new VoiceActivityOptions(SilenceMs: setup.Automatic ? setup.SilenceMs : TranscriberSilenceMs));
}
