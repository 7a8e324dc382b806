using System.Buffers;
using System.Buffers.Text;
using System.Runtime.InteropServices;
using Kraliki.LocalSpeech;

namespace Kraliki.Voice.Audio;

/// <summary>Telephone audio on its way to a provider that takes linear audio: PCM16 at 8 kHz to base64 of PCM16, little-endian, at another rate.</summary>
/// <remarks>One stream per instance: the filter keeps its state between calls. Not thread-safe. Allocates nothing per call.</remarks>
internal sealed class PcmOutlet(int rate)
{
    private readonly Resampler _resampler = new(8000, rate);
    private readonly byte[] _pcm = new byte[2 * ((G711.FrameBytes * rate / 8000) + 1)];
    private readonly byte[] _base64 = new byte[Base64.GetMaxEncodedToUtf8Length(2 * ((G711.FrameBytes * rate / 8000) + 1))];

    /// <param name="pcm8k">At most one frame of 20 ms.</param>
    /// <returns>Valid until the next call.</returns>
    public ReadOnlySpan<byte> Convert(ReadOnlySpan<short> pcm8k)
    {
        int samples = _resampler.Process(pcm8k, MemoryMarshal.Cast<byte, short>(_pcm.AsSpan()));
        if (!BitConverter.IsLittleEndian)
        {
            Reverse(_pcm.AsSpan(0, 2 * samples));
        }

        Base64.EncodeToUtf8(_pcm.AsSpan(0, 2 * samples), _base64, out _, out int length);
        return _base64.AsSpan(0, length);
    }

    /// <summary>What follows does not hang together with what came before.</summary>
    public void Reset() => _resampler.Reset();

    internal static void Reverse(Span<byte> pcm)
    {
        for (int i = 0; i + 1 < pcm.Length; i += 2)
        {
            (pcm[i], pcm[i + 1]) = (pcm[i + 1], pcm[i]);
        }
    }
}

/// <summary>Linear audio of a provider on its way to the telephone: base64 of PCM16, little-endian, at some rate to base64 of G.711 μ-law at 8 kHz.</summary>
/// <remarks>
/// One stream per instance, whose pieces may be cut anywhere, even inside a sample. Not thread-safe. Allocates nothing per piece.
/// </remarks>
internal sealed class PcmInlet(int rate)
{
    // 60 ms at 24 kHz; whole base64 groups and, after a carried byte, room for one sample more.
    private const int PieceCharacters = 3840;
    private const int PieceBytes = PieceCharacters / 4 * 3;

    private readonly Resampler _resampler = new(rate, 8000);
    private readonly byte[] _pcm = new byte[PieceBytes + 2];
    private readonly short[] _narrow = new short[(((PieceBytes / 2) + 1) * 8000L / rate) + 2];
    private readonly byte[] _mulaw = new byte[(((PieceBytes / 2) + 1) * 8000L / rate) + 2];
    private readonly byte[] _base64 = new byte[Base64.GetMaxEncodedToUtf8Length((int)((((PieceBytes / 2) + 1) * 8000L / rate) + 2))];
    private int _carried;

    /// <summary>Converts the next piece of <paramref name="base64Pcm"/> and takes it off; call until nothing is left.</summary>
    /// <param name="base64Pcm">Whole base64 groups without white space; what is none is thrown away.</param>
    /// <returns>Valid until the next call; may be empty.</returns>
    public ReadOnlySpan<byte> Next(ref ReadOnlySpan<byte> base64Pcm)
    {
        var piece = base64Pcm[..Math.Min(base64Pcm.Length, PieceCharacters)];
        base64Pcm = base64Pcm[piece.Length..];
        if (Base64.DecodeFromUtf8(piece, _pcm.AsSpan(_carried), out _, out int count) != OperationStatus.Done)
        {
            base64Pcm = default;
            return default;
        }

        int bytes = _carried + count;
        var whole = _pcm.AsSpan(0, bytes / 2 * 2);
        if (!BitConverter.IsLittleEndian)
        {
            PcmOutlet.Reverse(whole);
        }

        int samples = _resampler.Process(MemoryMarshal.Cast<byte, short>(whole), _narrow);
        G711.Encode(_narrow.AsSpan(0, samples), _mulaw);
        _carried = bytes - whole.Length;
        _pcm[0] = _pcm[whole.Length];
        Base64.EncodeToUtf8(_mulaw.AsSpan(0, samples), _base64, out _, out int length);
        return _base64.AsSpan(0, length);
    }

    /// <summary>What follows does not hang together with what came before.</summary>
    public void Reset()
    {
        _resampler.Reset();
        _carried = 0;
    }
}
