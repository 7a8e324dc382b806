using System.Collections.Concurrent;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Kraliki.LocalSpeech;
using Kraliki.Simulators.Faults;

namespace Kraliki.Simulators.OpenAI;

/// <summary>
/// The OpenAI Realtime service (GA) on 127.0.0.1: <c>/v1/realtime</c> by WebSocket and the few REST paths around it. It hears
/// by recognising the audio and answers in synthetic speech.
/// </summary>
/// <remarks>
/// Control API, beside faults: <c>GET /_control/sessions</c> lists open sessions. A missing speech part does not stop it: a
/// session that needs the part reports the remedy in its own events.
/// </remarks>
public sealed class OpenAiSimulator : IAsyncDisposable
{
    private readonly OpenAiSimulatorOptions _options;
    private readonly RecognizerPool? _ownRecognizers;
    private readonly Func<IEar> _ear;
    private readonly Mind _mind;
    private readonly Voice _voice;
    private readonly ClientSecrets _secrets;
    private readonly ConcurrentDictionary<string, OpenSession> _sessions = new();
    private SimulatorHost? _host;

    private OpenAiSimulator(OpenAiSimulatorOptions options)
    {
        _options = options;
        var recognizers = options.Recognizers;
        if (options.Ear is null && recognizers is null)
            recognizers = _ownRecognizers = new RecognizerPool();
        _ear = options.Ear ?? (() => new RecognizerEar(recognizers!));
        _mind = options.Mind ?? DemoMind.Think;
        _voice = options.Voice ?? DemoMind.Speak;
        _secrets = new ClientSecrets(options.TimeProvider);
        Faults = new FaultKit(options.TimeProvider);
    }

    /// <summary>As a client is configured with it: <c>http://127.0.0.1:port/v1</c>.</summary>
    public Uri BaseUrl => new(_host!.BaseUrl, "v1");

    /// <summary>The self-signed certificate to trust; null without TLS.</summary>
    public X509Certificate2? Certificate => _host?.Certificate;

    public FaultKit Faults { get; }

    public IReadOnlyCollection<OpenSession> Sessions => [.. _sessions.Values];

    public static async Task<OpenAiSimulator> StartAsync(OpenAiSimulatorOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        var simulator = new OpenAiSimulator(options);
        simulator._host = await SimulatorHost.StartAsync(options.Host, simulator.Map, cancellationToken).ConfigureAwait(false);
        return simulator;
    }

    /// <summary>As a part of the executable: <c>openai [--openai-key KEY] [--port N] [--tls]</c>.</summary>
    public static async Task<RunningSimulator> FromArgumentsAsync(SimulatorArguments arguments, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        var simulator = await StartAsync(
            new() { Host = arguments.Host("openai"), Keys = arguments.Text("openai-key") is { } key ? [key] : null },
            cancellationToken).ConfigureAwait(false);
        return new(simulator, new
        {
            Simulator = "openai",
            simulator.BaseUrl,
            Keys = simulator._options.Keys,
            Certificate = simulator.Certificate?.ExportCertificatePem(),
        });
    }

    public async ValueTask DisposeAsync()
    {
        if (_host is not null)
            await _host.DisposeAsync().ConfigureAwait(false);
        _ownRecognizers?.Dispose();
    }

    private void Map(IEndpointRouteBuilder app)
    {
        app.MapFaults(Faults);
        app.MapGet("/_control/sessions", () => Sessions);
        app.MapGet("/v1/realtime", AcceptAsync);
        app.MapGet("/v1/models", (HttpRequest request) => Authorized(request, () => Results.Json(new JsonObject
        {
            ["object"] = "list",
            ["data"] = new JsonArray([.. _options.Models.Select(Describe)]),
        })));
        app.MapGet("/v1/models/{model}", (HttpRequest request, string model) => Authorized(request, () => _options.Models.Contains(model)
            ? Results.Json(Describe(model))
            : Refuse(404, new("model_not_found", $"The model '{model}' does not exist or you do not have access to it.", "model"))));
        app.MapPost("/v1/realtime/client_secrets", MintAsync);
    }

    private async Task<IResult> MintAsync(HttpRequest request)
    {
        if (!IsKey(BearerKey(request)))
            return Unauthorized(request);
        var body = await ClientSecrets.ReadAsync(request).ConfigureAwait(false);
        if (body is null)
            return Refuse(400, new("invalid_json", "We could not parse the JSON body of your request."));
        var (secret, error) = _secrets.Mint(body, _options);
        return error is null ? Results.Json(secret) : Refuse(400, error);
    }

    private async Task AcceptAsync(HttpContext context)
    {
        if (Faults.Refusal() is { } fault)
        {
            var code = fault.HttpStatus switch { 401 => "invalid_api_key", 429 => "rate_limit_exceeded", _ => "server_error" };
            await Refuse(fault.HttpStatus, new(code, fault.Reason ?? "The service refused the request.")).ExecuteAsync(context).ConfigureAwait(false);
            return;
        }

        if (!context.WebSockets.IsWebSocketRequest)
        {
            await Refuse(426, new("upgrade_required", "This is a WebSocket endpoint.")).ExecuteAsync(context).ConfigureAwait(false);
            return;
        }

        using var socket = await context.WebSockets.AcceptWebSocketAsync(new WebSocketAcceptContext
        {
            SubProtocol = context.WebSockets.WebSocketRequestedProtocols.Contains("realtime") ? "realtime" : null,
            KeepAliveInterval = _options.PingInterval,
            // Any limit makes .NET send PINGs rather than PONGs; the service is not known to cut off a client that is mute.
            KeepAliveTimeout = TimeSpan.FromHours(1),
        }).ConfigureAwait(false);
        var connection = new RealtimeConnection(socket, context.Abort, _options.TimeProvider);

        var key = BearerKey(context.Request) ?? SubprotocolKey(context.WebSockets.WebSocketRequestedProtocols);
        var configured = _secrets.Find(key);
        var model = context.Request.Query["model"].FirstOrDefault() ?? SessionSettings.Text(configured?["model"]);
        var transcription = context.Request.Query["intent"] == "transcription";
        if (Refusal(context.Request, key, model, transcription) is { } refusal)
        {
            await connection.RefuseAsync(refusal, _host!.Stopping).ConfigureAwait(false);
            return;
        }

        string? id = null;
        try
        {
            await connection.RunAsync(
                own =>
                {
                    var session = new RealtimeSession(
                        _options, _mind, _voice, _ear(), transcription ? null : model, own.Send, own.SendClose, own.Handled);
                    id = session.Id;
                    var headers = context.Request.Headers;
                    _sessions[id] = new(id, model, _options.TimeProvider.GetUtcNow(), headers["X-Client-Request-Id"], headers.TraceParent);
                    return session;
                },
                configured,
                Faults,
                _host!.Stopping).ConfigureAwait(false);
        }
        finally
        {
            if (id is not null)
                _sessions.TryRemove(id, out _);
        }
    }

    private RealtimeError? Refusal(HttpRequest request, string? key, string? model, bool transcription)
    {
        if (!IsKey(key) && _secrets.Find(key) is null)
            return InvalidKey(key) with { CloseCode = 3000 };
        if (request.Headers["OpenAI-Beta"].ToString().Contains("realtime", StringComparison.Ordinal))
            return RealtimeError.BetaShape();
        if (transcription)
            return null;
        if (string.IsNullOrEmpty(model))
            return new("missing_model", "You must provide a model parameter.", CloseCode: 4000);
        return _options.Models.Contains(model)
            ? null
            : new RealtimeError("invalid_model", $"Model \"{model}\" is not supported in realtime mode.", CloseCode: 4000);
    }

    // "ek_" keys are known by the secrets alone.
    private bool IsKey(string? key) =>
        !string.IsNullOrEmpty(key) && !key.StartsWith("ek_", StringComparison.Ordinal) && (_options.Keys?.Contains(key) ?? true);

    private IResult Authorized(HttpRequest request, Func<IResult> answer) => IsKey(BearerKey(request)) ? answer() : Unauthorized(request);

    private static IResult Unauthorized(HttpRequest request) => Refuse(401, InvalidKey(BearerKey(request)));

    private static RealtimeError InvalidKey(string? key) => string.IsNullOrEmpty(key)
        ? new("invalid_api_key", "You didn't provide an API key.")
        : new("invalid_api_key", $"Incorrect API key provided: {key[..Math.Min(3, key.Length)]}***. You can find your API key at https://platform.openai.com/account/api-keys.");

    private static IResult Refuse(int status, RealtimeError error)
    {
        var body = error.ToJson(null);
        body.Remove("event_id");
        return Results.Json(new JsonObject { ["error"] = body }, statusCode: status);
    }

    private static string? BearerKey(HttpRequest request) =>
        request.Headers.Authorization.ToString() is var header && header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase)
            ? header["Bearer ".Length..].Trim()
            : null;

    // The browser's form: a page cannot set headers on a WebSocket.
    private static string? SubprotocolKey(IEnumerable<string> protocols)
    {
        const string Prefix = "openai-insecure-api-key.";
        return protocols.FirstOrDefault(name => name.StartsWith(Prefix, StringComparison.Ordinal))?[Prefix.Length..];
    }

    private static JsonObject Describe(string model) => new()
    {
        ["id"] = model,
        ["object"] = "model",
        ["created"] = 1_756_271_701,
        ["owned_by"] = "system",
    };
}

/// <param name="Model">Null for a transcription session.</param>
/// <param name="RequestId">What the client said in <c>X-Client-Request-Id</c>.</param>
/// <param name="TraceParent">What it said in <c>traceparent</c>.</param>
public sealed record OpenSession(string Id, string? Model, DateTimeOffset OpenedAt, string? RequestId, string? TraceParent);
