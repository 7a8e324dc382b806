using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Kraliki.Voice.Tests.Simulators.OpenAI;

/// <summary>A plain client of the simulator over a real socket.</summary>
internal sealed class RealtimeClient : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly ClientWebSocket _socket = new();

    public WebSocketCloseStatus? CloseCode => _socket.CloseStatus;

    public string? CloseReason => _socket.CloseStatusDescription;

    public List<JsonObject> Events { get; } = [];

    public static async Task<RealtimeClient> ConnectAsync(
        Uri baseUrl, string query = "?model=gpt-realtime", string? key = "sk-test", string? beta = null, string[]? protocols = null)
    {
        var client = new RealtimeClient();
        if (key is not null)
            client._socket.Options.SetRequestHeader("Authorization", $"Bearer {key}");
        if (beta is not null)
            client._socket.Options.SetRequestHeader("OpenAI-Beta", beta);
        foreach (var protocol in protocols ?? [])
            client._socket.Options.AddSubProtocol(protocol);
        await client._socket.ConnectAsync(new Uri($"ws://{baseUrl.Authority}{baseUrl.AbsolutePath}/realtime{query}"), TestContext.Current.CancellationToken);
        return client;
    }

    public async Task SendAsync(string json) =>
        await _socket.SendAsync(Encoding.UTF8.GetBytes(json), WebSocketMessageType.Text, true, TestContext.Current.CancellationToken);

    public async Task SendBinaryAsync() =>
        await _socket.SendAsync(new byte[] { 1, 2, 3 }, WebSocketMessageType.Binary, true, TestContext.Current.CancellationToken);

    /// <summary>Audio in frames of 20 ms, as fast as the socket takes them.</summary>
    public async Task PlayAsync(byte[] audio, int bytesPerMs = 8)
    {
        foreach (var frame in audio.Chunk(20 * bytesPerMs))
            await SendAsync($$"""{"type":"input_audio_buffer.append","audio":"{{Convert.ToBase64String(frame)}}"}""");
    }

    /// <summary>The next event of a type; those before it are kept in <see cref="Events"/>.</summary>
    public async Task<JsonObject> ExpectAsync(string type)
    {
        while (await NextAsync($"'{type}'") is { } text)
        {
            var received = (JsonObject)JsonNode.Parse(text)!;
            Events.Add(received);
            if ((string)received["type"]! == type)
                return received;
        }

        throw new InvalidOperationException($"The socket closed with {CloseCode} '{CloseReason}' before '{type}'; seen: {string.Join(", ", Events.Select(e => e["type"]))}.");
    }

    /// <summary>The next message; null when the server closed. A cut connection throws <see cref="WebSocketException"/>.</summary>
    public async Task<string?> NextAsync(string what = "a message")
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
                message.Write(buffer, 0, received.Count);
                if (received.EndOfMessage)
                    return Encoding.UTF8.GetString(message.ToArray());
            }
        }
        catch (OperationCanceledException) when (!TestContext.Current.CancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"{what} did not come; seen: {string.Join(", ", Events.Select(e => e["type"]))}.");
        }
    }

    public ValueTask DisposeAsync()
    {
        _socket.Dispose();
        return ValueTask.CompletedTask;
    }
}
