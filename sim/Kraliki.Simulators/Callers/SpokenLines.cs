using System.Collections.Concurrent;
using Kraliki.LocalSpeech;

namespace Kraliki.Simulators.Callers;

/// <summary>Speaks a text: 8 kHz PCM16.</summary>
/// <param name="voice">Name of a synthesizer voice, in lower case.</param>
public delegate short[] Speak(string text, string voice);

/// <summary>Makes the sounds of a script, each line once for all calls. Safe from any thread.</summary>
public sealed class SpokenLines(Speak? speak = null)
{
    // A line is about 40 kB. Beyond a few hundred different lines somebody generates scripts, and keeping them gains nothing.
    private const int MostKept = 500;

    private readonly ConcurrentDictionary<(string Text, string Voice), short[]> _kept = new();
    private readonly Speak _speak = speak ?? Synthesize;

    /// <exception cref="SpeechPartsMissingException">The synthesizer is not installed; the message has the remedy.</exception>
    public short[] Speak(string text, string voice)
    {
        if (_kept.TryGetValue((text, voice), out var line))
            return line;
        line = CallerSound.Trim(_speak(text, voice));
        if (_kept.Count < MostKept)
            _kept[(text, voice)] = line;
        return line;
    }

    /// <summary>The sounds of all steps that have one.</summary>
    /// <exception cref="SpeechPartsMissingException"/>
    public IReadOnlyDictionary<ScriptStep, short[]> Prepare(CallerScript script)
    {
        ArgumentNullException.ThrowIfNull(script);
        // By reference: two equal steps ("uh-huh" twice) are two places in the script.
        var sounds = new Dictionary<ScriptStep, short[]>(ReferenceEqualityComparer.Instance);
        foreach (var step in script.Steps)
        {
            if (step is SpeakStep line)
                sounds[step] = Speak(line.Text, script.Voice);
            else if (step is SoundStep sound)
                sounds[step] = sound.Sound == "cough" ? CallerSound.Cough(sound.Length) : CallerSound.Noise(sound.Length, 2500);
        }
        return sounds;
    }

    private static short[] Synthesize(string text, string voice) => SpeechSynthesizer.Speak(text, Enum.Parse<VoiceName>(voice, ignoreCase: true));
}
