using System.Buffers;

namespace Kraliki.Voice.Calls;

/// <summary>The last seconds of caller audio: what waits for a provider, and what is said again to the next one when a provider dies. Not thread-safe.</summary>
/// <remarks>
/// A bounded ring of frames, drop-oldest, because old speech helps less than new. A position counts frames since the call
/// began; whoever is fed keeps a position of their own. Rents its memory (120 kB for 10 s) with the first frame.
/// </remarks>
/// <param name="capacity">Frames of 20 ms.</param>
internal sealed class CallerTape(int capacity) : IDisposable
{
    public const int FrameMs = 20;

    // Base64 of a 20 ms frame is 216 characters. Longer messages are cut at a multiple of 4 characters, where base64 may be cut.
    private const int SlotBytes = 240;

    private byte[]? _bytes;
    private int[]? _lengths;

    /// <summary>Position behind the newest frame.</summary>
    public long End { get; private set; }

    /// <summary>Position of the oldest frame that is still here.</summary>
    public long Start => Math.Max(0, End - capacity);

    public void Add(ReadOnlySpan<byte> base64)
    {
        _bytes ??= ArrayPool<byte>.Shared.Rent(capacity * SlotBytes);
        _lengths ??= ArrayPool<int>.Shared.Rent(capacity);
        while (base64.Length > 0)
        {
            int slot = (int)(End % capacity);
            int length = Math.Min(base64.Length, SlotBytes);
            base64[..length].CopyTo(_bytes.AsSpan(slot * SlotBytes));
            _lengths[slot] = length;
            End++;
            base64 = base64[length..];
        }
    }

    /// <summary>Base64 of one frame, from <see cref="Start"/> to before <see cref="End"/>.</summary>
    public ReadOnlySpan<byte> this[long position]
    {
        get
        {
            int slot = (int)(position % capacity);
            return _bytes.AsSpan(slot * SlotBytes, _lengths![slot]);
        }
    }

    public void Dispose()
    {
        if (_bytes is not null)
        {
            ArrayPool<byte>.Shared.Return(_bytes);
            ArrayPool<int>.Shared.Return(_lengths!);
            _bytes = null;
            _lengths = null;
        }
    }
}
