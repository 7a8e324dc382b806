using System.Security.Cryptography;

namespace Kraliki.Simulators.Faults;

/// <summary>The audio that a connection sends, spoilt from the moment when a <see cref="FaultKind.Degrade"/> asks for it. Armed from any thread, used by one at a time.</summary>
public sealed class DegradedAudio
{
    /// <summary>What <see cref="Fault.Code"/> may be: nothing but silence (the default), the same piece again and again, white noise, pieces that lack their last byte.</summary>
    public static IReadOnlyList<string> Kinds { get; } = ["silence", "repeat", "noise", "short"];

    private volatile string? _kind;
    private byte[]? _first;

    public void Begin(Fault fault)
    {
        ArgumentNullException.ThrowIfNull(fault);
        _kind = fault.Code ?? Kinds[0];
    }

    /// <param name="audio">One piece, encoded as it would be sent.</param>
    /// <param name="silence">The byte that is silence in this encoding.</param>
    /// <returns>What is sent instead; the piece itself as long as nothing is armed.</returns>
    public byte[] Apply(byte[] audio, byte silence)
    {
        ArgumentNullException.ThrowIfNull(audio);
        switch (_kind)
        {
            case "silence":
                var quiet = new byte[audio.Length];
                Array.Fill(quiet, silence);
                return quiet;
            case "repeat":
                return _first ??= audio;
            case "noise":
                return RandomNumberGenerator.GetBytes(audio.Length);
            case "short":
                return audio.Length > 1 ? audio[..^1] : audio;
            default:
                return audio;
        }
    }
}
