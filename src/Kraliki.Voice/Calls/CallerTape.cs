using System.Buffers;

namespace Kraliki.Voice.Calls;

/// <summary>The last seconds of caller audio: what waits for a provider, and what is said again to the next one when a provider dies. Not thread-safe.</summary>
/// <remarks>
/// A bounded ring of frames, drop-oldest, because old speech helps less than new. A position counts frames since the call
/// began; whoever is fed keeps a position of their own. Rents its memory (120 kB for 10 s) with the first frame, and more
/// only in a call where what would be dropped is still needed.
/// </remarks>
/// <param name="usual">Frames of 20 ms that are kept in any case.</param>
/// <param name="most">Frames of 20 ms that are kept at most.</param>
internal sealed class CallerTape(int usual, int most) : IDisposable
{
    public const int FrameMs = 20;

    public static readonly TimeSpan Frame = TimeSpan.FromMilliseconds(FrameMs);

    // Base64 of a 20 ms frame is 216 characters. Longer messages are cut at a multiple of 4 characters, where base64 may be cut.
    private const int SlotBytes = 240;

    private byte[]? _bytes;
    private int[]? _lengths;
    private int _capacity = usual;
    private long _oldest;

    /// <summary>Position behind the newest frame.</summary>
    public long End { get; private set; }

    /// <summary>Position of the oldest frame that is still here.</summary>
    public long Start => Math.Max(_oldest, End - _capacity);

    /// <param name="neededFrom">Position of the oldest frame that somebody may have to hear yet.</param>
    public void Add(ReadOnlySpan<byte> base64, long neededFrom)
    {
        while (base64.Length > 0)
        {
            if (_bytes is null || (End - Math.Max(neededFrom, _oldest) >= _capacity && _capacity < most))
            {
                Grow();
            }

            int slot = (int)(End % _capacity);
            int length = Math.Min(base64.Length, SlotBytes);
            base64[..length].CopyTo(_bytes.AsSpan(slot * SlotBytes));
            _lengths![slot] = length;
            End++;
            base64 = base64[length..];
        }
    }

    /// <summary>Base64 of one frame, from <see cref="Start"/> to before <see cref="End"/>.</summary>
    public ReadOnlySpan<byte> this[long position]
    {
        get
        {
            int slot = (int)(position % _capacity);
            return _bytes.AsSpan(slot * SlotBytes, _lengths![slot]);
        }
    }

    /// <summary>Rents the first memory, or twice as much with what is in the one before.</summary>
    private void Grow()
    {
        var (bytes, lengths, before) = (_bytes, _lengths, _capacity);
        _capacity = bytes is null ? _capacity : Math.Min(_capacity * 2, most);
        _bytes = ArrayPool<byte>.Shared.Rent(_capacity * SlotBytes);
        _lengths = ArrayPool<int>.Shared.Rent(_capacity);
        if (bytes is null)
        {
            return;
        }

        _oldest = Math.Max(_oldest, End - before);
        for (long position = _oldest; position < End; position++)
        {
            (int from, int to) = ((int)(position % before), (int)(position % _capacity));
            bytes.AsSpan(from * SlotBytes, lengths![from]).CopyTo(_bytes.AsSpan(to * SlotBytes));
            _lengths[to] = lengths[from];
        }

        ArrayPool<byte>.Shared.Return(bytes);
        ArrayPool<int>.Shared.Return(lengths!);
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
