using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Kraliki.Load;

internal enum Opcode : byte
{
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

/// <summary>The framing of RFC 6455 §5, and the opening handshake of §4, as far as a load tool needs them.</summary>
internal static class WebSocketFrame
{
    public const int MaxHeader = 14;

    /// <summary>Reads one frame from the front of <paramref name="buffer"/> and unmasks it in place.</summary>
    /// <returns>Bytes taken; 0 when the frame is not complete yet.</returns>
    public static int TryRead(Span<byte> buffer, out Opcode opcode, out bool final, out Span<byte> payload)
    {
        opcode = default;
        final = false;
        payload = default;
        if (buffer.Length < 2) return 0;

        final = (buffer[0] & 0x80) != 0;
        opcode = (Opcode)(buffer[0] & 0x0F);
        var masked = (buffer[1] & 0x80) != 0;
        long length = buffer[1] & 0x7F;
        var header = 2;
        if (length == 126)
        {
            if (buffer.Length < 4) return 0;
            length = BinaryPrimitives.ReadUInt16BigEndian(buffer[2..]);
            header = 4;
        }
        else if (length == 127)
        {
            if (buffer.Length < 10) return 0;
            length = BinaryPrimitives.ReadInt64BigEndian(buffer[2..]);
            header = 10;
        }

        var start = header + (masked ? 4 : 0);
        if (buffer.Length - start < length) return 0;

        payload = buffer.Slice(start, (int)length);
        if (masked) Unmask(payload, MemoryMarshal.Read<uint>(buffer[header..]));
        return start + (int)length;
    }

    /// <summary>Writes the header of one unfragmented frame.</summary>
    /// <param name="masked">
    /// True on the client's side. The key is zero: valid framing, the receiver has the same work, and the sender none.
    /// </param>
    public static int WriteHeader(Span<byte> destination, Opcode opcode, int length, bool masked)
    {
        destination[0] = (byte)(0x80 | (byte)opcode);
        var mask = masked ? 0x80 : 0;
        int header;
        if (length < 126)
        {
            destination[1] = (byte)(mask | length);
            header = 2;
        }
        else if (length <= ushort.MaxValue)
        {
            destination[1] = (byte)(mask | 126);
            BinaryPrimitives.WriteUInt16BigEndian(destination[2..], (ushort)length);
            header = 4;
        }
        else
        {
            destination[1] = (byte)(mask | 127);
            BinaryPrimitives.WriteInt64BigEndian(destination[2..], length);
            header = 10;
        }

        if (!masked) return header;
        destination.Slice(header, 4).Clear();
        return header + 4;
    }

    /// <summary>The server's <c>Sec-WebSocket-Accept</c> for a client's key (RFC 6455 §4.2.2).</summary>
    public static string Accept(string key) =>
#pragma warning disable CA5350 // SHA-1 is what the handshake is defined by; it protects nothing.
        Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
#pragma warning restore CA5350

    private static void Unmask(Span<byte> payload, uint key)
    {
        if (key == 0) return;
        var i = 0;
        var wide = new Vector<uint>(key);
        for (; i <= payload.Length - Vector<byte>.Count; i += Vector<byte>.Count)
        {
            var part = payload.Slice(i, Vector<byte>.Count);
            (new Vector<uint>(part) ^ wide).CopyTo(part);
        }

        for (; i < payload.Length; i++) payload[i] ^= (byte)(key >> (8 * (i & 3)));
    }
}
