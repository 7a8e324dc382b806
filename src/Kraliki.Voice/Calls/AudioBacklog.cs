using System.Buffers;

namespace Kraliki.Voice.Calls;

/// <summary>Caller audio that cannot be sent yet: a bounded queue of frames, drop-oldest, because old speech helps less than new. Not thread-safe.</summary>
/// <remarks>Rents its memory with the first frame and gives it back when it runs empty, so that a call at rest holds none.</remarks>
/// <param name="capacity">Frames of 20 ms.</param>
internal sealed class AudioBacklog(int capacity) : IDisposable
{
    // Base64 of a 20 ms frame is 216 characters. Longer messages are cut at a multiple of 4 characters, where base64 may be cut.
    private const int SlotBytes = 240;

    private byte[]? _bytes;
    private int[]? _lengths;
    private int _first;

    public int Count { get; private set; }

    /// <summary>Frames thrown away since the call began.</summary>
    public long Dropped { get; private set; }

    public void Add(ReadOnlySpan<byte> base64)
    {
        _bytes ??= ArrayPool<byte>.Shared.Rent(capacity * SlotBytes);
        _lengths ??= ArrayPool<int>.Shared.Rent(capacity);
        while (base64.Length > 0)
        {
            if (Count == capacity)
            {
                _first = (_first + 1) % capacity;
                Count--;
                Dropped++;
            }

            int slot = (_first + Count) % capacity;
            int length = Math.Min(base64.Length, SlotBytes);
            base64[..length].CopyTo(_bytes.AsSpan(slot * SlotBytes));
            _lengths[slot] = length;
            Count++;
            base64 = base64[length..];
        }
    }

    /// <summary>The oldest frame; only when <see cref="Count"/> is not 0.</summary>
    public ReadOnlySpan<byte> Peek() => _bytes.AsSpan(_first * SlotBytes, _lengths![_first]);

    public void RemoveFirst()
    {
        _first = (_first + 1) % capacity;
        if (--Count == 0)
        {
            Dispose();
        }
    }

    public void Dispose()
    {
        Count = 0;
        _first = 0;
        if (_bytes is not null)
        {
            ArrayPool<byte>.Shared.Return(_bytes);
            ArrayPool<int>.Shared.Return(_lengths!);
            _bytes = null;
            _lengths = null;
        }
    }
}
