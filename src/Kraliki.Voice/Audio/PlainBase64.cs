using System.Buffers.Text;

namespace Kraliki.Voice.Audio;

/// <summary>Base64 as it travels through the call path undecoded: whole groups, padding at the end only, no white space.</summary>
internal static class PlainBase64
{
    /// <summary>The library's own check lets white space pass, with which lengths no longer tell how much audio there is.</summary>
    public static bool IsValid(ReadOnlySpan<byte> base64) => Base64.IsValid(base64, out int bytes) && base64.Length % 4 == 0 && bytes == DecodedLength(base64);

    /// <param name="base64">Checked by <see cref="IsValid"/>.</param>
    public static int DecodedLength(ReadOnlySpan<byte> base64)
    {
        int padding = base64.Length == 0 || base64[^1] != '=' ? 0 : base64[^2] == '=' ? 2 : 1;
        return (base64.Length / 4 * 3) - padding;
    }
}
