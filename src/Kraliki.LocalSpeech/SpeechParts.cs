using System.Runtime.InteropServices;
using Kraliki.LocalSpeech.Native;

namespace Kraliki.LocalSpeech;

/// <param name="Name">What is missing, for people: "speech recognition".</param>
/// <param name="Remedy">One sentence that tells what to do.</param>
public sealed record MissingSpeechPart(string Name, string Remedy);

/// <summary>Speech was asked for on a machine that lacks native parts. The message names them and the remedy.</summary>
public sealed class SpeechPartsMissingException(IReadOnlyList<MissingSpeechPart> missing)
    : InvalidOperationException(string.Join(" ", missing.Select(part => part.Remedy)))
{
    public IReadOnlyList<MissingSpeechPart> Missing { get; } = missing;
}

/// <summary>The native parts that hearing and speaking need: system packages, not shipped with the product.</summary>
public static class SpeechParts
{
    private const string Install = "sudo apt-get install libpocketsphinx3 pocketsphinx-en-us libflite1";

    private static readonly (string Name, string Wanted, Func<bool> Present)[] Parts =
    [
        ("speech recognition", "libpocketsphinx3", () => Loads(PocketSphinx.BaseLibrary) && Loads(PocketSphinx.DecoderLibrary)),
        ("English recognition model", "pocketsphinx-en-us", () => File.Exists(Path.Combine(PocketSphinx.ModelDirectory, "en-us.lm.bin"))),
        ("speech synthesis", "libflite1", () => Loads(Flite.Library) && Enum.GetValues<VoiceName>().All(voice => Loads(Flite.VoiceLibrary(voice)))),
    ];

    /// <summary>Which parts are missing; empty when everything works. Never throws; looks anew each time.</summary>
    public static IReadOnlyList<MissingSpeechPart> Check() => Check(Parts);

    /// <exception cref="SpeechPartsMissingException"/>
    public static void Require()
    {
        if (Check() is { Count: > 0 } missing)
        {
            throw new SpeechPartsMissingException(missing);
        }
    }

    internal static IReadOnlyList<MissingSpeechPart> Check(IEnumerable<(string Name, string Wanted, Func<bool> Present)> parts) =>
    [
        .. from part in parts
           where !part.Present()
           select new MissingSpeechPart(part.Name, $"Local {part.Name} is missing ({part.Wanted}): run `{Install}` on Debian or Ubuntu, then start again."),
    ];

    /// <remarks>A loaded library stays loaded: unloading and loading again would only cost time.</remarks>
    internal static bool Loads(string library) => NativeLibrary.TryLoad(library, out _);
}
