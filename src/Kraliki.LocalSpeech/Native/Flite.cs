using System.Runtime.InteropServices;

namespace Kraliki.LocalSpeech.Native;

/// <summary>The functions of flite 2 (Debian's <c>libflite1</c>) that the synthesizer calls.</summary>
internal static unsafe partial class Flite
{
    public const string Library = "libflite.so.1";

    [LibraryImport(Library, EntryPoint = "flite_init")]
    public static partial int Init();

    [LibraryImport(Library, EntryPoint = "flite_text_to_wave", StringMarshalling = StringMarshalling.Utf8)]
    public static partial Wave* TextToWave(string text, nint voice);

    [LibraryImport(Library, EntryPoint = "delete_wave")]
    public static partial void DeleteWave(Wave* wave);

    public static string VoiceLibrary(VoiceName voice) => $"libflite_cmu_us_{voice.ToString().ToLowerInvariant()}.so.1";

    /// <summary>Loads a voice: each is a library of its own with one registering function.</summary>
    public static nint RegisterVoice(VoiceName voice)
    {
        var register = (delegate* unmanaged<nint, nint>)NativeLibrary.GetExport(
            NativeLibrary.Load(VoiceLibrary(voice)), $"register_cmu_us_{voice.ToString().ToLowerInvariant()}");
        return register(0);
    }

    /// <summary><c>cst_wave</c> of cst_wave.h.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Wave
    {
        public nint Type;
        public int SampleRate;
        public int SampleCount;
        public int ChannelCount;
        public short* Samples;
    }
}
