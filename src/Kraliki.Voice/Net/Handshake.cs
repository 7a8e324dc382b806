using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace Kraliki.Voice.Net;

/// <summary>The other side refused the WebSocket or could not be reached.</summary>
/// <param name="status">HTTP status of the refusal; null when there was no HTTP answer.</param>
public sealed class HandshakeException(string message, HttpStatusCode? status = null, Exception? inner = null) : Exception(message, inner)
{
    public HttpStatusCode? Status { get; } = status;
}

/// <summary>The HTTP half of a WebSocket, RFC 6455 §4: texts only, no connection.</summary>
public static class Handshake
{
    internal const int MaxHead = 16 * 1024;

    internal static ReadOnlySpan<byte> EndOfHead => "\r\n\r\n"u8;

    /// <summary>The value that proves a server understood the handshake (§4.2.2).</summary>
    public static string AcceptKey(string clientKey)
        => Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(clientKey + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));

    /// <summary>A client's key is 16 random bytes in base64: 24 characters (§4.1).</summary>
    public static bool IsKey(string? key) => key is { Length: 24 };

    internal static (byte[] Request, string Key) Request(Uri uri, IReadOnlyList<KeyValuePair<string, string>> headers)
    {
        string key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(16));
        var request = new StringBuilder()
            .Append("GET ").Append(uri.PathAndQuery).Append(" HTTP/1.1\r\nHost: ").Append(uri.Authority)
            .Append("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ").Append(key).Append("\r\n");
        foreach (var (name, value) in headers)
        {
            request.Append(name).Append(": ").Append(value).Append("\r\n");
        }

        return (Encoding.ASCII.GetBytes(request.Append("\r\n").ToString()), key);
    }

    /// <param name="head">The response up to the empty line.</param>
    /// <exception cref="HandshakeException">It is not the 101 that belongs to <paramref name="key"/>.</exception>
    internal static void CheckResponse(ReadOnlySpan<byte> head, string key, string host)
    {
        var lines = Encoding.ASCII.GetString(head).Split("\r\n");
        var status = lines[0].Split(' ', 3);
        if (status.Length < 2 || !int.TryParse(status[1], out int code))
        {
            throw new HandshakeException($"{host} did not answer the WebSocket handshake with HTTP.");
        }

        if (code != 101 || Header(lines, "Sec-WebSocket-Accept") != AcceptKey(key))
        {
            throw new HandshakeException($"{host} refused the WebSocket with HTTP {code}.", (HttpStatusCode)code);
        }
    }

    /// <summary>The answer of a server to a request that asks for a WebSocket as §4.2.1 wants it.</summary>
    /// <returns>Null when the request is something else.</returns>
    internal static byte[]? Accept(ReadOnlySpan<byte> head)
    {
        var lines = Encoding.ASCII.GetString(head).Split("\r\n");
        string? key = Header(lines, "Sec-WebSocket-Key");
        return IsKey(key)
            && "websocket".Equals(Header(lines, "Upgrade"), StringComparison.OrdinalIgnoreCase)
            && Header(lines, "Connection")?.Contains("upgrade", StringComparison.OrdinalIgnoreCase) == true
            && Header(lines, "Sec-WebSocket-Version") == "13"
            ? Encoding.ASCII.GetBytes($"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {AcceptKey(key!)}\r\n\r\n")
            : null;
    }

    private static string? Header(string[] lines, string name)
    {
        foreach (string line in lines.AsSpan(1))
        {
            int colon = line.IndexOf(':');
            if (colon > 0 && line.AsSpan(0, colon).Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                return line[(colon + 1)..].Trim();
            }
        }

        return null;
    }
}
