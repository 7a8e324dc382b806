using System.Buffers;
using System.Buffers.Text;

namespace Kraliki.Voice.Providers.Local;

/// <summary>Caller audio on its way from the loop's gate to the connection's steps: one second of μ-law in a ring. Safe for one writer and one reader.</summary>
/// <remarks>Full refuses the newest: the loop then keeps it in its own, longer backlog.</remarks>
internal sealed class CallerAudio
{
    private const int Capacity = 8000;

    private readonly Lock _gate = new();
    private readonly byte[] _ring = new byte[Capacity];
    private readonly byte[] _frame = new byte[Capacity];
    private int _start;
    private int _length;

    public enum Added
    {
        /// <summary>No room.</summary>
        Refused,

        /// <summary>The ring was empty: the reader must be told.</summary>
        First,

        /// <summary>The reader already knows that there is audio.</summary>
        Behind,
    }

    public Added Add(ReadOnlySpan<byte> base64Mulaw)
    {
        if (Base64.DecodeFromUtf8(base64Mulaw, _frame, out _, out int count) != OperationStatus.Done)
        {
            // Swallowed: a refused frame would be offered again and again.
            return Added.Behind;
        }

        lock (_gate)
        {
            if (count > Capacity - _length)
            {
                return Added.Refused;
            }

            int end = (_start + _length) % Capacity;
            int first = Math.Min(count, Capacity - end);
            _frame.AsSpan(0, first).CopyTo(_ring.AsSpan(end));
            _frame.AsSpan(first, count - first).CopyTo(_ring);
            bool empty = _length == 0;
            _length += count;
            return empty ? Added.First : Added.Behind;
        }
    }

    /// <returns>Bytes taken; 0 when the ring is empty, after which <see cref="Add"/> tells again.</returns>
    public int Take(Span<byte> mulaw)
    {
        lock (_gate)
        {
            int count = Math.Min(mulaw.Length, _length);
            int first = Math.Min(count, Capacity - _start);
            _ring.AsSpan(_start, first).CopyTo(mulaw);
            _ring.AsSpan(0, count - first).CopyTo(mulaw[first..]);
            _start = (_start + count) % Capacity;
            _length -= count;
            return count;
        }
    }
}
