using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Kraliki.Voice.Net;

/// <summary>RFC 6455 §5.2 opcodes.</summary>
internal enum Opcode : byte
{
    Continuation = 0x0,
    Text = 0x1,
    Binary = 0x2,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xA,
}

/// <summary>Why a byte stream is not acceptable WebSocket; the value is the close code to answer with (RFC 6455 §7.4.1).</summary>
internal enum FrameFault : ushort
{
    None = 0,
    ProtocolError = 1002,
    TooBig = 1009,
}

/// <summary>Incremental RFC 6455 parser: bytes in, in any fragmentation; whole messages out. Not thread-safe.</summary>
/// <remarks>
/// A message that lies whole and unfragmented in the input, the only case on the hot path, is unmasked in place and
/// delivered without a copy. Everything else is gathered in one buffer that grows up to the message limit and is kept.
/// No extension is ever negotiated, so reserved bits are an error.
/// </remarks>
/// <param name="fromClient">True on a server's socket: frames must be masked; else they must not be.</param>
/// <param name="maxMessage">Largest data message in bytes; checked before anything is allocated.</param>
internal sealed class FrameReader(bool fromClient, int maxMessage)
{
    /// <summary>Takes one whole frame of the wire's meaning. The payload is valid during the call only.</summary>
    /// <param name="opcode">Text or binary: a whole reassembled message. Close, ping, pong: as on the wire.</param>
    public delegate void Deliver(Opcode opcode, ReadOnlySpan<byte> payload);

    private byte[] _pending = [];
    private int _pendingLength;
    private byte[] _message = [];
    private int _messageLength;
    private Opcode _messageOpcode;
    private bool _inMessage;

    /// <summary>Takes the next bytes of the stream; they are unmasked in place.</summary>
    /// <returns>The first fault; the reader must not be used after one.</returns>
    public FrameFault Feed(Span<byte> bytes, Deliver deliver)
    {
        if (_pendingLength == 0)
        {
            var fault = Parse(bytes, deliver, out int used);
            if (used < bytes.Length && fault == FrameFault.None)
            {
                Append(ref _pending, ref _pendingLength, bytes[used..]);
            }

            return fault;
        }
        else
        {
            Append(ref _pending, ref _pendingLength, bytes);
            var fault = Parse(_pending.AsSpan(0, _pendingLength), deliver, out int used);
            _pendingLength -= used;
            _pending.AsSpan(used, _pendingLength).CopyTo(_pending);
            return fault;
        }
    }

    private FrameFault Parse(Span<byte> bytes, Deliver deliver, out int used)
    {
        used = 0;
        while (bytes.Length - used >= 2)
        {
            var rest = bytes[used..];
            bool final = (rest[0] & 0x80) != 0;
            var opcode = (Opcode)(rest[0] & 0x0F);
            bool masked = (rest[1] & 0x80) != 0;
            if ((rest[0] & 0x70) != 0 || masked != fromClient)
            {
                return FrameFault.ProtocolError;
            }

            int headerLength = 2;
            long length = rest[1] & 0x7F;
            if (length == 126)
            {
                headerLength = 4;
                if (rest.Length < headerLength)
                {
                    return FrameFault.None;
                }

                length = BinaryPrimitives.ReadUInt16BigEndian(rest[2..]);
            }
            else if (length == 127)
            {
                headerLength = 10;
                if (rest.Length < headerLength)
                {
                    return FrameFault.None;
                }

                length = BinaryPrimitives.ReadInt64BigEndian(rest[2..]);
            }

            bool control = ((byte)opcode & 0x8) != 0;
            if (control && (!final || length > 125))
            {
                return FrameFault.ProtocolError;
            }

            if (length < 0 || length > maxMessage - (control ? 0 : _messageLength))
            {
                return FrameFault.TooBig;
            }

            if (masked)
            {
                headerLength += 4;
            }

            int frameLength = headerLength + (int)length;
            if (rest.Length < frameLength)
            {
                return FrameFault.None;
            }

            var payload = rest[headerLength..frameLength];
            if (masked)
            {
                Mask(payload, MemoryMarshal.Read<uint>(rest[(headerLength - 4)..]));
            }

            used += frameLength;
            if (!Take(opcode, final, payload, deliver))
            {
                return FrameFault.ProtocolError;
            }
        }

        return FrameFault.None;
    }

    private bool Take(Opcode opcode, bool final, ReadOnlySpan<byte> payload, Deliver deliver)
    {
        switch (opcode)
        {
            case Opcode.Text or Opcode.Binary when !_inMessage && final:
            case Opcode.Ping or Opcode.Pong:
            case Opcode.Close when payload.Length != 1:
                deliver(opcode, payload);
                return true;

            case Opcode.Text or Opcode.Binary when !_inMessage:
                _inMessage = true;
                _messageOpcode = opcode;
                Append(ref _message, ref _messageLength, payload);
                return true;

            case Opcode.Continuation when _inMessage:
                Append(ref _message, ref _messageLength, payload);
                if (final)
                {
                    int length = _messageLength;
                    _inMessage = false;
                    _messageLength = 0;
                    deliver(_messageOpcode, _message.AsSpan(0, length));
                }

                return true;

            default:
                return false;
        }
    }

    private static void Append(ref byte[] buffer, ref int length, ReadOnlySpan<byte> bytes)
    {
        int needed = length + bytes.Length;
        if (buffer.Length < needed)
        {
            Array.Resize(ref buffer, (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(needed, 1024)));
        }

        bytes.CopyTo(buffer.AsSpan(length));
        length = needed;
    }

    /// <summary>XORs with the four key bytes, key in memory order (RFC 6455 §5.3); its own inverse.</summary>
    internal static void Mask(Span<byte> payload, uint key)
    {
        var wide = MemoryMarshal.Cast<byte, Vector<byte>>(payload);
        var vectorKey = Vector.AsVectorByte(new Vector<uint>(key));
        for (int i = 0; i < wide.Length; i++)
        {
            wide[i] ^= vectorKey;
        }

        Span<byte> keyBytes = stackalloc byte[4];
        MemoryMarshal.Write(keyBytes, key);
        for (int i = wide.Length * Vector<byte>.Count; i < payload.Length; i++)
        {
            payload[i] ^= keyBytes[i & 3];
        }
    }
}

/// <summary>Writes RFC 6455 frame headers; a message is always one frame.</summary>
internal static class FrameWriter
{
    /// <summary>Longest header: 2 + 8 length + 4 mask.</summary>
    public const int MaxHeader = 14;

    /// <param name="maskKey">Null on a server's socket; a fresh random key on a client's (RFC 6455 §5.3).</param>
    /// <returns>The header's length.</returns>
    public static int WriteHeader(Span<byte> destination, Opcode opcode, int payloadLength, uint? maskKey)
    {
        destination[0] = (byte)(0x80 | (byte)opcode);
        int at;
        if (payloadLength < 126)
        {
            destination[1] = (byte)payloadLength;
            at = 2;
        }
        else if (payloadLength <= ushort.MaxValue)
        {
            destination[1] = 126;
            BinaryPrimitives.WriteUInt16BigEndian(destination[2..], (ushort)payloadLength);
            at = 4;
        }
        else
        {
            destination[1] = 127;
            BinaryPrimitives.WriteUInt64BigEndian(destination[2..], (ulong)payloadLength);
            at = 10;
        }

        if (maskKey is { } key)
        {
            destination[1] |= 0x80;
            MemoryMarshal.Write(destination[at..], key);
            at += 4;
        }

        return at;
    }
}
