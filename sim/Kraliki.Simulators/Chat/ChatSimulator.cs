using System.Collections.Concurrent;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.Json.Nodes;
using Kraliki.Simulators.Faults;
using Kraliki.Simulators.OpenAI;

namespace Kraliki.Simulators.Chat;

/// <summary>
/// An OpenAI-compatible <c>/v1/chat/completions</c> on 127.0.0.1, streamed and plain, with tools and usage. It thinks with the
/// small talk of the demo assistant.
/// </summary>
/// <remarks>
/// For faults a connection is a request, a frame is a chunk of the stream; events are <c>request</c>, <c>chunk</c> and <c>done</c>.
/// </remarks>
public sealed class ChatSimulator : IAsyncDisposable
{
    // The newest requests, for tests and for people who look: what was asked is what must be judged.
    private const int KeptRequests = 100;

    private readonly ChatSimulatorOptions _options;
    private readonly Mind _mind;
    private readonly ConcurrentQueue<JsonObject> _requests = new();
    private SimulatorHost? _host;

    private ChatSimulator(ChatSimulatorOptions options)
    {
        _options = options;
        _mind = options.Mind ?? DemoMind.Think;
        Faults = new FaultKit(options.TimeProvider);
    }

    /// <summary>As a client is configured with it: <c>http://127.0.0.1:port/v1</c>.</summary>
    public Uri BaseUrl => new(_host!.BaseUrl, "v1");

    /// <summary>The self-signed certificate to trust; null without TLS.</summary>
    public X509Certificate2? Certificate => _host?.Certificate;

    public FaultKit Faults { get; }

    /// <summary>Bodies of the newest requests, oldest first.</summary>
    public IReadOnlyList<JsonObject> Requests => [.. _requests];

    public static async Task<ChatSimulator> StartAsync(ChatSimulatorOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        var simulator = new ChatSimulator(options);
        simulator._host = await SimulatorHost.StartAsync(options.Host, simulator.Map, cancellationToken).ConfigureAwait(false);
        return simulator;
    }

    /// <summary>As a part of the executable: <c>chat [--chat-key KEY] [--port N] [--tls]</c>.</summary>
    public static async Task<RunningSimulator> FromArgumentsAsync(SimulatorArguments arguments, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        var simulator = await StartAsync(
            new() { Host = arguments.Host("chat"), Keys = arguments.Text("chat-key") is { } key ? [key] : null }, cancellationToken).ConfigureAwait(false);
        return new(simulator, new
        {
            Simulator = "chat",
            simulator.BaseUrl,
            simulator._options.Keys,
            Certificate = simulator.Certificate?.ExportCertificatePem(),
        });
    }

    public async ValueTask DisposeAsync()
    {
        if (_host is not null)
            await _host.DisposeAsync().ConfigureAwait(false);
    }

    private void Map(IEndpointRouteBuilder app)
    {
        app.MapFaults(Faults);
        app.MapGet("/_control/requests", () => Requests);
        app.MapPost("/v1/chat/completions", CompleteAsync);
        app.MapGet("/v1/models", (HttpRequest request) => IsKey(request)
            ? Results.Json(new JsonObject { ["object"] = "list", ["data"] = new JsonArray([.. _options.Models.Select(Describe)]) })
            : Unauthorized());
        app.MapGet("/v1/models/{model}", (HttpRequest request, string model) => !IsKey(request) ? Unauthorized()
            : _options.Models.Contains(model) ? Results.Json(Describe(model)) : NoModel(model));
    }

    private async Task CompleteAsync(HttpContext context)
    {
        if (!IsKey(context.Request))
        {
            await Unauthorized().ExecuteAsync(context).ConfigureAwait(false);
            return;
        }

        if (Faults.Refusal() is { } refusal)
        {
            var code = refusal.HttpStatus == 429 ? "rate_limit_exceeded" : "server_error";
            await Refuse(refusal.HttpStatus, refusal.Reason ?? "The request was refused.", code).ExecuteAsync(context).ConfigureAwait(false);
            return;
        }

        var body = await ReadAsync(context.Request).ConfigureAwait(false);
        var (request, problem, param) = body is null ? (null, "We could not parse the JSON body of your request.", null) : ChatRequest.Read(body);
        if (request is null)
        {
            await Refuse(400, problem!, null, param).ExecuteAsync(context).ConfigureAwait(false);
            return;
        }

        _requests.Enqueue(body!);
        while (_requests.Count > KeptRequests)
            _requests.TryDequeue(out _);
        if (!_options.Models.Contains(request.Model))
        {
            await NoModel(request.Model).ExecuteAsync(context).ConfigureAwait(false);
            return;
        }

        var stream = new ChatStream(context, _options);
        using var faults = Faults.Open(stream.Id, stream.Apply);
        try
        {
            await stream.AnswerAsync(request, _mind, faults).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The client is gone, or a fault has cut it off.
        }
    }

    private static async Task<JsonObject?> ReadAsync(HttpRequest request)
    {
        try
        {
            return await JsonNode.ParseAsync(request.Body, cancellationToken: request.HttpContext.RequestAborted).ConfigureAwait(false) as JsonObject;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private bool IsKey(HttpRequest request) =>
        request.Headers.Authorization.ToString() is var header && header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase)
        && header["Bearer ".Length..].Trim() is { Length: > 0 } key && (_options.Keys?.Contains(key) ?? true);

    private static IResult Unauthorized() => Refuse(401, "Incorrect API key provided.", "invalid_api_key");

    private static IResult NoModel(string model) =>
        Refuse(404, $"The model `{model}` does not exist or you do not have access to it.", "model_not_found");

    private static IResult Refuse(int status, string message, string? code, string? param = null) =>
        Results.Json(new JsonObject { ["error"] = ChatStream.Error(message, code, param) }, statusCode: status);

    private static JsonObject Describe(string model) => new()
    {
        ["id"] = model,
        ["object"] = "model",
        ["created"] = 1_744_316_542,
        ["owned_by"] = "system",
    };
}
