using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Kraliki.Server.Tests.Fuzz;

/// <summary>A request byte by byte as it is written here: nothing is made well-formed on the way.</summary>
/// <param name="Kind">For people: what is odd about it.</param>
internal sealed record RawRequest(string Kind, string Method, string Target, IReadOnlyList<(string Name, string Value)> Headers, byte[] Body)
{
    // More than any answer of the server may take; only a hanging one reaches it.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>Sends it over a connection of its own and reads the answer, or until the server closes.</summary>
    public async Task<RawAnswer> SendAsync(Uri server, CancellationToken cancellationToken)
    {
        using var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(server.Host, server.Port, cancellationToken);
        var connection = client.GetStream();
        var head = new StringBuilder($"{Method} {Target} HTTP/1.1\r\nHost: {server.Authority}\r\nConnection: close\r\n");
        foreach (var (name, value) in Headers)
        {
            head.Append(name).Append(": ").Append(value).Append("\r\n");
        }

        if (Body.Length > 0 && !Headers.Any(header => header.Name is "Content-Length" or "Transfer-Encoding"))
        {
            head.Append(CultureInfo.InvariantCulture, $"Content-Length: {Body.Length}\r\n");
        }

        byte[] bytes = [.. Encoding.Latin1.GetBytes(head.Append("\r\n").ToString()), .. Body];
        using var received = new MemoryStream();
        var buffer = new byte[64 * 1024];
        try
        {
            // Side by side: a server that refuses early does not read to the end.
            var writing = connection.WriteAsync(bytes, cancellationToken).AsTask();
            while (await connection.ReadAsync(buffer, cancellationToken).AsTask().WaitAsync(Patience, cancellationToken) is > 0 and var count)
            {
                received.Write(buffer, 0, count);
                if (RawAnswer.IsWhole(received.GetBuffer().AsSpan(0, (int)received.Length), Method))
                {
                    // The server would wait for the rest of a body that it has refused.
                    return RawAnswer.Parse(received.ToArray());
                }
            }

            await writing;
        }
        catch (IOException)
        {
            // Closed while it was still sent; whatever was answered before counts.
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"The server neither answered nor closed: {this}");
        }

        return RawAnswer.Parse(received.ToArray());
    }

    public override string ToString() =>
        $"{Kind}: {Method} {Cut(Target)} {string.Join(", ", Headers.Where(header => header.Name != "Authorization").Select(header => $"{header.Name}: {Cut(header.Value)}"))} body {Cut(Encoding.Latin1.GetString(Body))}";

    public static string Cut(string text) => string.Concat(text.Take(160).Select(c => c is < ' ' or > '~' ? $"\\x{(int)c:x2}" : $"{c}")) + (text.Length > 160 ? $"… ({text.Length})" : "");
}

/// <param name="Status">0 when the connection was closed without a word.</param>
internal sealed record RawAnswer(int Status, IReadOnlyDictionary<string, string> Headers, string Body)
{
    public static RawAnswer Parse(byte[] bytes)
    {
        var end = bytes.AsSpan().IndexOf("\r\n\r\n"u8);
        if (end < 0)
        {
            return new(0, new Dictionary<string, string>(), "");
        }

        var lines = Encoding.Latin1.GetString(bytes, 0, end).Split("\r\n");
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var line in lines.Skip(1))
        {
            var colon = line.IndexOf(':');
            headers[line[..colon]] = line[(colon + 1)..].Trim();
        }

        var body = bytes.AsSpan(end + 4);
        return new(
            int.Parse(lines[0].Split(' ')[1], CultureInfo.InvariantCulture),
            headers,
            headers.GetValueOrDefault("Transfer-Encoding") == "chunked" ? Unchunk(body) : Encoding.UTF8.GetString(body));
    }

    /// <summary>Nothing more is to come.</summary>
    public static bool IsWhole(ReadOnlySpan<byte> bytes, string method)
    {
        var end = bytes.IndexOf("\r\n\r\n"u8);
        if (end < 0)
        {
            return false;
        }

        var head = Parse(bytes[..(end + 4)].ToArray());
        return head.Status is 101 or 204 or 304 || method == "HEAD"
            || (head.Headers.TryGetValue("Content-Length", out var length) ? bytes.Length - end - 4 >= int.Parse(length, CultureInfo.InvariantCulture) : bytes.EndsWith("\r\n0\r\n\r\n"u8));
    }

    private static string Unchunk(ReadOnlySpan<byte> body)
    {
        var whole = new MemoryStream();
        while (body.IndexOf("\r\n"u8) is > 0 and var line
            && int.TryParse(Encoding.ASCII.GetString(body[..line]), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var size)
            && size > 0 && body.Length >= line + 2 + size)
        {
            whole.Write(body.Slice(line + 2, size));
            body = body[(line + 2 + size + 2)..];
        }

        return Encoding.UTF8.GetString(whole.ToArray());
    }
}
