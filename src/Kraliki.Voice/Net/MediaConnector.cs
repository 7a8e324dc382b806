using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Kraliki.Voice.Net.Polling;

namespace Kraliki.Voice.Net;

/// <summary>Opens client WebSockets (RFC 6455 §4.1) for the call path: no extensions, no sub-protocols, no proxy.</summary>
public static class MediaConnector
{
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
        try
        {
            ByteTransport transport = OperatingSystem.IsLinux() && uri.Scheme == Uri.UriSchemeWs
                ? await PolledConnect.ConnectAsync(uri, headers, cancellationToken).ConfigureAwait(false)
                : await ConnectStreamAsync(uri, headers, cancellationToken).ConfigureAwait(false);
            return new MediaSocket(transport, isServer: false, options, time);
        }
        catch (Exception e) when (e is SocketException or IOException or AuthenticationException)
        {
            throw new HandshakeException($"{uri.Host}:{uri.Port} cannot be reached: {e.Message}", inner: e);
        }
    }

    private static async Task<ByteTransport> ConnectStreamAsync(
        Uri uri, IReadOnlyList<KeyValuePair<string, string>> headers, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        Stream? stream = null;
        try
        {
            await socket.ConnectAsync(uri.IdnHost, uri.Port, cancellationToken).ConfigureAwait(false);
            stream = new NetworkStream(socket, ownsSocket: true);
            if (uri.Scheme == Uri.UriSchemeWss)
            {
                var tls = new SslStream(stream);
                stream = tls;
                await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = uri.IdnHost }, cancellationToken).ConfigureAwait(false);
            }

            var (request, key) = Handshake.Request(uri, headers);
            await stream.WriteAsync(request, cancellationToken).ConfigureAwait(false);
            var head = new byte[Handshake.MaxHead];
            int length = 0;
            int end;
            while ((end = head.AsSpan(0, length).IndexOf(Handshake.EndOfHead)) < 0)
            {
                int count = length == head.Length ? 0 : await stream.ReadAsync(head.AsMemory(length), cancellationToken).ConfigureAwait(false);
                if (count == 0)
                {
                    throw new IOException("the connection ended in the middle of the WebSocket handshake");
                }

                length += count;
            }

            Handshake.CheckResponse(head.AsSpan(0, end), key, uri.Host);
            return new StreamTransport(stream, head.AsSpan(end + 4, length - end - 4).ToArray());
        }
        catch
        {
            stream?.Dispose();
            socket.Dispose();
            throw;
        }
    }
}
