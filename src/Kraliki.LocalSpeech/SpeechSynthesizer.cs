using Kraliki.LocalSpeech.Native;

namespace Kraliki.LocalSpeech;

/// <summary>A voice of flite. Simulated callers speak with <see cref="Rms"/>, the only one that the recogniser understands well; agents with another.</summary>
public enum VoiceName
{
    Rms,
    Slt,
    Awb,
    Kal,
}

/// <summary>Speaks English text by flite, about thirty times faster than real time.</summary>
/// <remarks>Safe from any thread: flite keeps global state, so texts are spoken one after the other, each 4–40 ms for a phrase.</remarks>
public static class SpeechSynthesizer
{
    /// <summary>Of everything that <see cref="Speak"/> returns.</summary>
    public const int SampleRate = 8000;

    private static readonly Lock Gate = new();
    private static readonly Dictionary<VoiceName, nint> Voices = [];

    /// <summary>Speaks a whole text: for long ones go phrase by phrase with <see cref="PhraseSplitter"/>.</summary>
    /// <returns>PCM16 mono at 8 kHz; empty for a text without words.</returns>
    /// <exception cref="SpeechPartsMissingException"/>
    public static short[] Speak(string text, VoiceName voice)
    {
        if (!text.Any(char.IsLetterOrDigit))
        {
            return [];
        }

        lock (Gate)
        {
            return Synthesize(text, Voice(voice));
        }
    }

    private static unsafe short[] Synthesize(string text, nint voice)
    {
        var wave = Flite.TextToWave(text, voice);
        if (wave == null)
        {
            return [];
        }

        try
        {
            var samples = new ReadOnlySpan<short>(wave->Samples, wave->SampleCount);

            // The diphone voice kal is made at 8 kHz, the others at 16 kHz.
            return wave->SampleRate == SampleRate ? samples.ToArray() : Resampler.Convert(samples, wave->SampleRate, SampleRate);
        }
        finally
        {
            Flite.DeleteWave(wave);
        }
    }

    private static nint Voice(VoiceName name)
    {
        if (!Voices.TryGetValue(name, out nint voice))
        {
            if (Voices.Count == 0)
            {
                SpeechParts.Require();
                _ = Flite.Init();
            }

            voice = Voices[name] = Flite.RegisterVoice(name);
        }

        return voice;
    }
}
