using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Kraliki.Voice.Tests.Simulators.Gemini;

/// <summary>A plain client of the simulator over a real socket.</summary>
internal sealed class LiveClient : IAsyncDisposable
{
    public const string Path = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly ClientWebSocket _socket = new();

    public List<JsonObject> Messages { get; } = [];

    public WebSocketMessageType LastFrame { get; private set; }

    /// <summary>For example <c>1007 API key not valid</c>.</summary>
    public string Closed => $"{(int?)_socket.CloseStatus} {_socket.CloseStatusDescription}";

    /// <summary>What the messages are called, in order, without handles.</summary>
    public IEnumerable<string> Names => Messages.Select(Name).Where(name => name != "sessionResumptionUpdate");

    public static async Task<LiveClient> ConnectAsync(Uri baseUrl, string path = Path, string key = "g-test")
    {
        var client = new LiveClient();
        await client._socket.ConnectAsync(new Uri($"ws://{baseUrl.Authority}{path}?key={key}"), TestContext.Current.CancellationToken);
        return client;
    }

    /// <param name="more">Members of <c>setup</c> after the model.</param>
    public static async Task<LiveClient> SetUpAsync(Uri baseUrl, string more = "")
    {
        var client = await ConnectAsync(baseUrl);
        await client.SendAsync("""{"setup":{"model":"models/gemini-3.8-live","inputAudioTranscription":{},"outputAudioTranscription":{}""" + more + "}}");
        await client.ExpectAsync("setupComplete");
        return client;
    }

    public async Task SendAsync(string json) =>
        await _socket.SendAsync(Encoding.UTF8.GetBytes(json), WebSocketMessageType.Text, true, TestContext.Current.CancellationToken);

    public Task AskAsync(string text, bool turnComplete = true) => SendAsync(new JsonObject
    {
        ["clientContent"] = new JsonObject
        {
            ["turns"] = new JsonArray(new JsonObject { ["role"] = "user", ["parts"] = new JsonArray(new JsonObject { ["text"] = text }) }),
            ["turnComplete"] = turnComplete,
        },
    }.ToJsonString());

    /// <summary>Sound at 16 kHz, as fast as the socket takes it.</summary>
    public async Task PlayAsync(int ms, bool loud)
    {
        var pcm = new byte[ms * 32];
        for (var i = 0; loud && i < pcm.Length / 2; i++)
            BitConverter.TryWriteBytes(pcm.AsSpan(2 * i), (short)(9_000 * Math.Sin(2 * Math.PI * 440 * i / 16_000)));
        foreach (var piece in pcm.Chunk(3_200))
            await SendAsync("""{"realtimeInput":{"audio":{"mimeType":"audio/pcm;rate=16000","data":"PCM"}}}""".Replace("PCM", Convert.ToBase64String(piece), StringComparison.Ordinal));
    }

    /// <summary>The next message of a name, of <c>serverContent</c> by its first member.</summary>
    public async Task<JsonObject> ExpectAsync(string name)
    {
        while (await NextAsync($"'{name}'") is { } message)
        {
            Messages.Add(message);
            if (Name(message) == name)
                return message;
        }

        throw new InvalidOperationException($"The socket closed with {Closed} before '{name}'; seen: {string.Join(", ", Names)}.");
    }

    /// <summary>The close frame, after whatever still comes.</summary>
    public async Task<string> ExpectCloseAsync()
    {
        while (await NextAsync("the close") is { } message)
            Messages.Add(message);
        return Closed;
    }

    public ValueTask DisposeAsync()
    {
        _socket.Dispose();
        return ValueTask.CompletedTask;
    }

    private static string Name(JsonObject message) =>
        message["serverContent"] is JsonObject content ? content.First().Key : message.First().Key;

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
                message.Write(buffer, 0, received.Count);
                if (!received.EndOfMessage)
                    continue;
                LastFrame = received.MessageType;
                return (JsonObject)JsonNode.Parse(message.ToArray())!;
            }
        }
        catch (OperationCanceledException) when (!TestContext.Current.CancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"{what} did not come; seen: {string.Join(", ", Names)}.");
        }
    }
}
