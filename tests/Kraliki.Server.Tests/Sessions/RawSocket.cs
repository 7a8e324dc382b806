using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Kraliki.Contracts;

namespace Kraliki.Server.Tests.Sessions;

/// <summary>A client of the session socket that does nothing by itself, so that tests can misbehave.</summary>
internal sealed class RawSocket : IDisposable
{
    private readonly ClientWebSocket _socket = new();
    private readonly byte[] _buffer = new byte[256 * 1024];

    public WebSocketCloseStatus? CloseStatus => _socket.CloseStatus;

    public string? CloseReason => _socket.CloseStatusDescription;

    /// <summary>Binary frames that came before the last message.</summary>
    public List<byte[]> Audio { get; } = [];

    public static async Task<RawSocket> ConnectAsync(Uri url, CancellationToken cancellationToken, string? origin = null, int? receiveBuffer = null)
    {
        var raw = new RawSocket();
        if (origin is not null)
        {
            raw._socket.Options.SetRequestHeader("Origin", origin);
        }

        using var handler = new SocketsHttpHandler();
        if (receiveBuffer is { } size)
        {
            // A small window fills after a few messages when nobody reads.
            handler.ConnectCallback = async (context, token) =>
            {
                var socket = new System.Net.Sockets.Socket(System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Tcp) { ReceiveBufferSize = size, NoDelay = true };
                await socket.ConnectAsync(context.DnsEndPoint, token);
                return new System.Net.Sockets.NetworkStream(socket, ownsSocket: true);
            };
        }

        await raw._socket.ConnectAsync(url, new HttpMessageInvoker(handler, disposeHandler: false), cancellationToken);
        return raw;
    }

    /// <summary>Connects and identifies.</summary>
    public static async Task<(RawSocket Socket, Ready Ready)> EnterAsync(
        SessionServer server, Guid session, CancellationToken cancellationToken, long afterSeq = 0, bool maySteer = true, int? receiveBuffer = null)
    {
        var raw = await ConnectAsync(server.SocketUrl(session), cancellationToken, receiveBuffer: receiveBuffer);
        Assert.IsType<Hello>(await raw.ReceiveAsync(cancellationToken));
        await raw.SendAsync(new Identify(server.Ticket(session, maySteer), afterSeq), cancellationToken);
        return (raw, Assert.IsType<Ready>(await raw.ReceiveAsync(cancellationToken)));
    }

    public Task SendAsync(ClientMessage message, CancellationToken cancellationToken) =>
        SendAsync(JsonSerializer.Serialize(message, ContractsJson.Default.ClientMessage), cancellationToken);

    public Task SendAsync(string text, CancellationToken cancellationToken, WebSocketMessageType type = WebSocketMessageType.Text) =>
        _socket.SendAsync(Encoding.UTF8.GetBytes(text), type, endOfMessage: true, cancellationToken);

    /// <returns>Null when the server closed.</returns>
    public async Task<ServerMessage?> ReceiveAsync(CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(SessionServer.Patience);
        while (true)
        {
            var length = 0;
            ValueWebSocketReceiveResult part;
            do
            {
                try
                {
                    part = await _socket.ReceiveAsync(_buffer.AsMemory(length), limit.Token);
                }
                catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
                {
                    throw new TimeoutException("The server neither sent a message nor closed the socket.");
                }

                length += part.Count;
            }
            while (!part.EndOfMessage);

            switch (part.MessageType)
            {
                case WebSocketMessageType.Close:
                    return null;
                case WebSocketMessageType.Binary:
                    Audio.Add(_buffer[..length]);
                    break;
                default:
                    return JsonSerializer.Deserialize(_buffer.AsSpan(0, length), ContractsJson.Default.ServerMessage);
            }
        }
    }

    /// <summary>The next message of this type; others are passed over.</summary>
    public async Task<T> ReceiveAsync<T>(CancellationToken cancellationToken)
        where T : ServerMessage
    {
        while (await ReceiveAsync(cancellationToken) is { } message)
        {
            if (message is T wanted)
            {
                return wanted;
            }
        }

        throw new InvalidOperationException($"The socket closed ({CloseStatus} {CloseReason}) before a {typeof(T).Name} came.");
    }

    /// <summary>Reads the fatal error and the close after it.</summary>
    public async Task<SocketError> ReceiveEndAsync(CancellationToken cancellationToken)
    {
        var error = await ReceiveAsync<SocketError>(cancellationToken);
        Assert.True(error.Fatal, error.Message);
        Assert.Null(await ReceiveAsync(cancellationToken));
        Assert.Equal(error.Code, CloseReason);
        return error;
    }

    /// <returns>Why the server closed; "lost" when it did not say.</returns>
    public async Task<string?> ReadToEndAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (await ReceiveAsync(cancellationToken) is not null)
            {
            }

            return CloseReason;
        }
        catch (WebSocketException)
        {
            return "lost";
        }
    }

    public void Dispose() => _socket.Dispose();
}
