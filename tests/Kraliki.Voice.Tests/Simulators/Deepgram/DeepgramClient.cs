using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Kraliki.Voice.Tests.Simulators.Deepgram;

/// <summary>A plain client of the simulator over a real socket.</summary>
internal sealed class DeepgramClient : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly ClientWebSocket _socket = new();

    public WebSocketCloseStatus? CloseCode => _socket.CloseStatus;

    public string? CloseReason => _socket.CloseStatusDescription;

    public List<JsonObject> Messages { get; } = [];

    /// <summary>Length of all binary messages so far.</summary>
    public int AudioBytes { get; private set; }

    public static async Task<DeepgramClient> ConnectAsync(Uri baseUrl, string path, string? authorization = "Token dg-test", params string[] protocols)
    {
        var client = new DeepgramClient();
        if (authorization is not null)
            client._socket.Options.SetRequestHeader("Authorization", authorization);
        foreach (string protocol in protocols)
            client._socket.Options.AddSubProtocol(protocol);
        await client._socket.ConnectAsync(new Uri($"ws://{baseUrl.Authority}{path}"), TestContext.Current.CancellationToken);
        return client;
    }

    public async Task SendAsync(string json) =>
        await _socket.SendAsync(Encoding.UTF8.GetBytes(json), WebSocketMessageType.Text, true, TestContext.Current.CancellationToken);

    /// <summary>Audio in messages of so many bytes, as fast as the socket takes them.</summary>
    public async Task PlayAsync(byte[] audio, int frame = 160)
    {
        foreach (var piece in audio.Chunk(frame))
            await _socket.SendAsync(piece, WebSocketMessageType.Binary, true, TestContext.Current.CancellationToken);
    }

    public async Task SendEmptyAsync() =>
        await _socket.SendAsync(Array.Empty<byte>(), WebSocketMessageType.Binary, true, TestContext.Current.CancellationToken);

    /// <summary>The next message of a type that fits; those before it are kept in <see cref="Messages"/>.</summary>
    public async Task<JsonObject> ExpectAsync(string type, Func<JsonObject, bool>? fits = null)
    {
        while (await NextAsync(type) is { } message)
        {
            if ((string)message["type"]! == type && (fits is null || fits(message)))
                return message;
        }

        throw new InvalidOperationException($"The socket closed with {CloseCode} '{CloseReason}' before '{type}'; seen: {Seen}.");
    }

    public async Task ExpectCloseAsync()
    {
        while (await NextAsync("the close") is not null)
        {
        }
    }

    public ValueTask DisposeAsync()
    {
        _socket.Dispose();
        return ValueTask.CompletedTask;
    }

    private string Seen => string.Join(", ", Messages.Select(message => message["type"]));

    private async Task<JsonObject?> NextAsync(string what)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(Patience);
        var message = new MemoryStream();
        var buffer = new byte[32 * 1024];
        try
        {
            while (true)
            {
                var received = await _socket.ReceiveAsync(buffer, patience.Token);
                if (received.MessageType == WebSocketMessageType.Close)
                    return null;
                if (received.MessageType == WebSocketMessageType.Binary)
                {
                    AudioBytes += received.Count;
                    continue;
                }

                message.Write(buffer, 0, received.Count);
                if (received.EndOfMessage)
                {
                    Messages.Add((JsonObject)JsonNode.Parse(message.ToArray())!);
                    return Messages[^1];
                }
            }
        }
        catch (OperationCanceledException) when (!TestContext.Current.CancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"'{what}' did not come; seen: {Seen}.");
        }
    }
}
