using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Kraliki.Simulators;
using Kraliki.Simulators.Callers;
using Kraliki.Simulators.Twilio;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Kraliki.Voice.Tests.Simulators.Twilio;

/// <summary>A small application behind a simulated carrier, over real sockets: answers webhooks as told and hands its media sockets to the test.</summary>
internal sealed class TestApp : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    // Unbounded: a test's handful of webhooks.
    private readonly Channel<Webhook> _status = Channel.CreateUnbounded<Webhook>();
    private readonly Channel<MediaSocket> _media = Channel.CreateUnbounded<MediaSocket>();
    private readonly CancellationToken _cancellation = TestContext.Current.CancellationToken;
    private readonly ConcurrentBag<MediaSocket> _opened = [];
    private SimulatorHost _host = null!;

    /// <summary>What <c>/voice</c> and every other path but the fixed ones answer; the key is the path.</summary>
    public ConcurrentDictionary<string, Func<Webhook, IResult>> Answers { get; } = new();

    public ConcurrentQueue<Webhook> Asked { get; } = new();

    public TwilioSimulator Carrier { get; private set; } = null!;

    public string Url => _host.BaseUrl.AbsoluteUri.TrimEnd('/');

    public string MediaUrl => $"ws://127.0.0.1:{_host.BaseUrl.Port}/media";

    public static async Task<TestApp> StartAsync(TwilioSimulatorOptions? options = null)
    {
        var app = new TestApp();
        options ??= new TwilioSimulatorOptions();
        app._host = await SimulatorHost.StartAsync(new SimulatorHostOptions(), app.Map, app._cancellation);
        app.Carrier = await TwilioSimulator.StartAsync(options with
        {
            Speak = options.Speak ?? ((_, _) => Tone(200)),
            RingTime = TimeSpan.FromMilliseconds(20),
        }, app._cancellation);
        app.Answers["/voice"] = _ => Twiml($"<Response><Connect><Stream url='{app.MediaUrl}'><Parameter name='token' value='t1'/></Stream></Connect></Response>");
        return app;
    }

    public static IResult Twiml(string xml) => Results.Text(xml, "text/xml");

    public static short[] Tone(int ms) => [.. Enumerable.Range(0, ms * 8).Select(i => (short)(4000 * (i / 4 % 2 == 0 ? 1 : -1)))];

    public static byte[] Speech(int ms) => [.. Tone(ms).Select(sample => Mulaw.Encode(sample))];

    public static CallerScript Script(string steps) => CallerScriptReader.Read($"name: test\ntitle: test\nsteps:\n{steps}", "test");

    public Task<SimulatedCall> CallAsync(string steps, bool record = false, string? voiceUrl = null, string? fallbackUrl = null) => Carrier.PlaceCallAsync(
        new InboundCall(voiceUrl ?? $"{Url}/voice", "+12025550100", Script(steps), StatusUrl: $"{Url}/status", FallbackUrl: fallbackUrl, Record: record), _cancellation);

    /// <summary>The next media stream that the carrier opened.</summary>
    public async Task<MediaSocket> StreamAsync() => await NextAsync(_media.Reader, "The carrier opened no media stream.");

    public async Task<Webhook> StatusAsync() => await NextAsync(_status.Reader, "The carrier sent no status callback.");

    public static async Task<SimulatedCallReport> EndAsync(SimulatedCall call)
    {
        try
        {
            return await call.Completion.WaitAsync(Patience, TestContext.Current.CancellationToken);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"The call did not end. So far: {JsonSerializer.Serialize(call.Report(), ControlJson.Options)}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var media in _opened)
            media.Abort();
        await Carrier.DisposeAsync();
        await _host.DisposeAsync();
    }

    private static async Task<T> NextAsync<T>(ChannelReader<T> reader, string otherwise)
    {
        try
        {
            return await reader.ReadAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(Patience, TestContext.Current.CancellationToken);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException(otherwise);
        }
    }

    private void Map(IEndpointRouteBuilder app)
    {
        app.MapPost("/status", async (HttpRequest request) =>
        {
            _status.Writer.TryWrite(await ReadAsync(request));
            return Results.NoContent();
        });
        app.Map("/media", async (HttpContext context) =>
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            var media = new MediaSocket(socket, context.Request.Headers["X-Twilio-Signature"].ToString());
            _opened.Add(media);
            _media.Writer.TryWrite(media);
            await media.Done;
        });
        app.MapFallback(async (HttpRequest request) =>
        {
            var asked = await ReadAsync(request);
            Asked.Enqueue(asked);
            return Answers.TryGetValue(request.Path, out var answer) ? answer(asked) : Results.NotFound();
        });
    }

    private async Task<Webhook> ReadAsync(HttpRequest request)
    {
        var form = request.HasFormContentType
            ? (await request.ReadFormAsync(_cancellation)).ToDictionary(field => field.Key, field => field.Value.ToString())
            : [];
        return new Webhook(
            request.Method, $"{Url}{request.Path}{request.QueryString}", form, request.Headers["X-Twilio-Signature"].ToString(), request.Headers["I-Twilio-Idempotency-Token"].ToString());
    }
}

internal sealed record Webhook(string Method, string Url, Dictionary<string, string> Form, string Signature, string Idempotency);

/// <summary>The application's end of a media stream, driven by the test.</summary>
internal sealed class MediaSocket(WebSocket socket, string signature)
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly byte[] _buffer = new byte[64 * 1024];

    public string Signature => signature;

    public string StreamSid { get; private set; } = "";

    public Task Done => _done.Task;

    public WebSocketCloseStatus? CloseStatus => socket.CloseStatus;

    /// <summary>The next message; null when the carrier closed or the connection broke.</summary>
    public async Task<JsonElement?> ReadAsync()
    {
        try
        {
            var part = await socket.ReceiveAsync(_buffer.AsMemory(), TestContext.Current.CancellationToken);
            if (part.MessageType == WebSocketMessageType.Close)
            {
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "", TestContext.Current.CancellationToken);
                _done.TrySetResult();
                return null;
            }
            return JsonDocument.Parse(_buffer.AsMemory(0, part.Count).ToArray()).RootElement;
        }
        catch (WebSocketException)
        {
            _done.TrySetResult();
            return null;
        }
    }

    /// <summary>Reads on to the next event of this name.</summary>
    public async Task<JsonElement> ReadAsync(string name)
    {
        while (await ReadAsync() is { } message)
        {
            if (message.GetProperty("event").GetString() != name)
                continue;
            if (name == "start")
                StreamSid = message.GetProperty("streamSid").GetString()!;
            return message;
        }
        throw new InvalidOperationException($"The stream ended before '{name}' came.");
    }

    public async Task<JsonElement> StartAsync() => await ReadAsync("start");

    /// <summary>Reads until the stream is over.</summary>
    /// <returns>The names of the events that came.</returns>
    public async Task<List<string>> DrainAsync()
    {
        var names = new List<string>();
        while (await ReadAsync() is { } message)
            names.Add(message.GetProperty("event").GetString()!);
        return names;
    }

    public Task SpeakAsync(byte[] mulaw) => SendAsync(
        $$$"""{"event":"media","streamSid":"{{{StreamSid}}}","media":{"payload":"{{{Convert.ToBase64String(mulaw)}}}"}}""");

    public Task MarkAsync(string name) => SendAsync($$$"""{"event":"mark","streamSid":"{{{StreamSid}}}","mark":{"name":"{{{name}}}"}}""");

    public Task ClearAsync() => SendAsync($$"""{"event":"clear","streamSid":"{{StreamSid}}"}""");

    public Task SendAsync(string text) =>
        socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, TestContext.Current.CancellationToken);

    /// <summary>Cuts the connection, so that a test's end waits for no polite close.</summary>
    public void Abort()
    {
        socket.Abort();
        _done.TrySetResult();
    }

    /// <summary>The application hangs up the stream.</summary>
    public async Task CloseAsync()
    {
        await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "done", TestContext.Current.CancellationToken);
        await DrainAsync();
        _done.TrySetResult();
    }
}
