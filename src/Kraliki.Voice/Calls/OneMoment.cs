using System.Text;

namespace Kraliki.Voice.Calls;

/// <summary>What the caller hears while no provider has the call: a recording, because nobody is there who could say it.</summary>
internal static class OneMoment
{
    public const string Words = "One moment, please.";

    private static readonly byte[] Recording = Read();

    /// <summary>Base64 of μ-law at 8 kHz.</summary>
    public static ReadOnlySpan<byte> Base64 => Recording;

    private static byte[] Read()
    {
        using var stream = typeof(OneMoment).Assembly.GetManifestResourceStream("one-moment.ulaw")!;
        var mulaw = new byte[stream.Length];
        stream.ReadExactly(mulaw);
        return Encoding.ASCII.GetBytes(Convert.ToBase64String(mulaw));
    }
}
