using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace Kraliki.Voice.Net;

/// <summary>The other side refused the WebSocket or could not be reached.</summary>
/// <param name="status">HTTP status of the refusal; null when there was no HTTP answer.</param>
public sealed class HandshakeException(string message, HttpStatusCode? status = null, Exception? inner = null) : Exception(message, inner)
{
    public HttpStatusCode? Status { get; } = status;
}

/// <summary>Opens client WebSockets (RFC 6455 §4.1) for the call path: no extensions, no sub-protocols, no proxy.</summary>
public static class MediaConnector
{
    private const int MaxResponseHead = 16 * 1024;

    /// <param name="uri"><c>ws:</c> or <c>wss:</c>.</param>
    /// <param name="headers">Extra request headers.</param>
    /// <exception cref="HandshakeException">Refused or unreachable.</exception>
    public static async Task<MediaSocket> ConnectAsync(
        Uri uri,
        IReadOnlyList<KeyValuePair<string, string>> headers,
        MediaSocketOptions options,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        if (headers.FirstOrDefault(header => !header.Value.All(c => c is >= ' ' and <= '~')) is { Key: { } unfit })
        {
            throw new HandshakeException($"The header {unfit} for {uri.Host} holds a line break or a character outside of ASCII.");
        }

        Stream? stream = null;
        try
        {
            var polled = Poller.Supported ? await PolledStream.ConnectAsync(uri.IdnHost, uri.Port, cancellationToken).ConfigureAwait(false) : null;
            stream = polled ?? await ConnectAsync(uri, cancellationToken).ConfigureAwait(false);

            byte[] received;
            using (cancellationToken.UnsafeRegister(static connection => ((Stream)connection!).Dispose(), stream))
            {
                if (uri.Scheme == Uri.UriSchemeWss)
                {
                    var tls = new SslStream(stream);
                    stream = tls;
                    await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = uri.IdnHost }, cancellationToken).ConfigureAwait(false);
                }

                received = await HandshakeAsync(stream, uri, headers, cancellationToken).ConfigureAwait(false);
            }

            polled?.Inline = true;
            return new MediaSocket(new StreamTransport(stream, received), isServer: false, options, time);
        }
        catch (Exception e)
        {
            stream?.Dispose();
            cancellationToken.ThrowIfCancellationRequested();
            if (e is SocketException or IOException or ObjectDisposedException or System.Security.Authentication.AuthenticationException)
            {
                throw new HandshakeException($"{uri.Host}:{uri.Port} cannot be reached: {e.Message}", inner: e);
            }

            throw;
        }
    }

    private static async Task<Stream> ConnectAsync(Uri uri, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(uri.IdnHost, uri.Port, cancellationToken).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>The value that proves a server understood the handshake (RFC 6455 §4.2.2).</summary>
    public static string AcceptKey(string clientKey)
        => Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(clientKey + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));

    /// <returns>Bytes that followed the response head.</returns>
    private static async Task<byte[]> HandshakeAsync(
        Stream stream, Uri uri, IReadOnlyList<KeyValuePair<string, string>> headers, CancellationToken cancellationToken)
    {
        string key = Convert.ToBase64String(RandomNumberGenerator.GetBytes(16));
        var request = new StringBuilder()
            .Append("GET ").Append(uri.PathAndQuery).Append(" HTTP/1.1\r\nHost: ").Append(uri.IsDefaultPort ? uri.IdnHost : $"{uri.IdnHost}:{uri.Port}")
            .Append("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ").Append(key).Append("\r\n");
        foreach (var (name, value) in headers)
        {
            request.Append(name).Append(": ").Append(value).Append("\r\n");
        }

        await stream.WriteAsync(Encoding.ASCII.GetBytes(request.Append("\r\n").ToString()), cancellationToken).ConfigureAwait(false);

        var head = new byte[MaxResponseHead];
        int length = 0;
        int end;
        while ((end = head.AsSpan(0, length).IndexOf("\r\n\r\n"u8)) < 0)
        {
            int count = length == head.Length ? 0 : await stream.ReadAsync(head.AsMemory(length), cancellationToken).ConfigureAwait(false);
            if (count == 0)
            {
                throw new HandshakeException($"{uri.Host} ended the connection in the middle of the WebSocket handshake.");
            }

            length += count;
        }

        var lines = Encoding.ASCII.GetString(head, 0, end).Split("\r\n");
        var status = lines[0].Split(' ', 3);
        if (status.Length < 2 || !int.TryParse(status[1], out int code))
        {
            throw new HandshakeException($"{uri.Host} did not answer the WebSocket handshake with HTTP.");
        }

        string? accept = lines.Skip(1)
            .Select(line => line.Split(':', 2))
            .FirstOrDefault(parts => parts.Length == 2 && parts[0].Equals("Sec-WebSocket-Accept", StringComparison.OrdinalIgnoreCase))?[1].Trim();
        if (code != 101 || accept != AcceptKey(key))
        {
            throw new HandshakeException($"{uri.Host} refused the WebSocket with HTTP {code}.", (HttpStatusCode)code);
        }

        return head.AsSpan(end + 4, length - end - 4).ToArray();
    }
}
