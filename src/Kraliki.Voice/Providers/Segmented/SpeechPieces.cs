using System.Buffers.Text;
using Kraliki.Voice.Audio;

namespace Kraliki.Voice.Providers.Segmented;

/// <summary>Brings μ-law of any length into base64 of whole frames, as it travels through the call path. Not thread-safe.</summary>
/// <param name="send">Gets base64; valid during the call only.</param>
internal sealed class SpeechPieces(Mailbox.AudioStep send)
{
    // Three frames are also whole groups of base64.
    private const int Step = 3 * G711.FrameBytes;
    private const int ChunkBytes = 4 * Step;

    private readonly byte[] _chunk = new byte[ChunkBytes];
    private readonly byte[] _base64 = new byte[ChunkBytes / 3 * 4];
    private int _length;

    /// <summary>Sends on what makes whole frames, so that nothing waits for long.</summary>
    public void Add(ReadOnlySpan<byte> mulaw)
    {
        while (mulaw.Length > 0)
        {
            int count = Math.Min(mulaw.Length, ChunkBytes - _length);
            mulaw[..count].CopyTo(_chunk.AsSpan(_length));
            _length += count;
            mulaw = mulaw[count..];
            Send(_length / Step * Step);
        }
    }

    /// <summary>Nothing more follows: sends what is left.</summary>
    public void Rest() => Send(_length);

    /// <summary>Nobody wants what is left.</summary>
    public void Drop() => _length = 0;

    private void Send(int length)
    {
        if (length > 0)
        {
            Base64.EncodeToUtf8(_chunk.AsSpan(0, length), _base64, out _, out int written);
            _chunk.AsSpan(length, _length - length).CopyTo(_chunk);
            _length -= length;
            send(_base64.AsSpan(0, written));
        }
    }
}
