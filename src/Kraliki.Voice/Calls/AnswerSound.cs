using System.Buffers.Text;
using Kraliki.Voice.Audio;

namespace Kraliki.Voice.Calls;

/// <summary>Finds answers that have words and no voice: a provider that sends nothing but silence, or one sound over and over, is as dead as one that sends nothing (docs/adr/0030).</summary>
internal static class AnswerSound
{
    // Longer than any breath before a sentence.
    private const int LongestSilenceMs = 3_000;

    // No speech, and no music on hold either, repeats itself to the bit.
    private const int LongestRepetitionMs = 500;

    // −40 dB: line noise is quieter, a whisper is louder.
    private const double Audible = 0.01;

    /// <summary>Looks at the next audio of an answer. Only an answer that is silent so far, or repeats itself, is decoded for it.</summary>
    /// <param name="again">It is the same as the piece before it.</param>
    /// <returns>What is wrong, in a sentence; null when nothing is.</returns>
    public static string? Fault(Utterance utterance, ReadOnlySpan<byte> base64, bool again)
    {
        int ms = PlainBase64.DecodedLength(base64) / G711.BytesPerMs;
        if (!utterance.Audible)
        {
            utterance.Audible = IsAudible(base64);
            utterance.SilentMs += ms;
            return !utterance.Audible && utterance.SilentMs >= LongestSilenceMs && utterance.Text.Length > 0 ? "It answered with words but without a sound." : null;
        }

        utterance.RepeatedMs = again && IsAudible(base64) ? utterance.RepeatedMs + ms : 0;
        return utterance.RepeatedMs >= LongestRepetitionMs ? "It sent the same sound over and over." : null;
    }

    /// <summary>An answer is complete.</summary>
    /// <inheritdoc cref="Fault"/>
    public static string? FaultOf(Utterance utterance) =>
        utterance is { Audible: false, SilentMs: > 0, Text.Length: > 0 } ? "It answered with words but without a sound." : null;

    private static bool IsAudible(ReadOnlySpan<byte> base64)
    {
        // In slices: a delta may hold seconds of audio. 3,600 characters are 2,700 bytes.
        Span<byte> mulaw = stackalloc byte[2700];
        while (base64.Length > 0)
        {
            var slice = base64[..Math.Min(base64.Length, 3600)];
            base64 = base64[slice.Length..];
            Base64.DecodeFromUtf8(slice, mulaw, out _, out int length);
            if (G711.Peak(mulaw[..length]) >= Audible)
            {
                return true;
            }
        }

        return false;
    }
}
