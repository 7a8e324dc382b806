using System.Collections.Concurrent;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Kraliki.LocalSpeech;
using Kraliki.Simulators.Faults;
using Kraliki.Simulators.OpenAI;

namespace Kraliki.Simulators.Gemini;

/// <summary>
/// The Gemini Live API (Developer API, v1beta) on 127.0.0.1, by WebSocket, and the REST paths by which a key and a model are
/// tried. It hears by recognising the audio and answers in synthetic speech.
/// </summary>
/// <remarks>
/// For faults the events are named by the first member of a message (<c>modelTurn</c>, <c>toolCall</c>, <c>clientContent</c>),
/// an audio frame is a <c>realtimeInput.audio</c>; an error is a close frame, for there is no error message.
/// <c>GET /_control/sessions</c> lists open sessions.
/// </remarks>
public sealed class GeminiSimulator : IAsyncDisposable
{
    private const string Service = "google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";

    private readonly GeminiSimulatorOptions _options;
    private readonly RecognizerPool? _ownRecognizers;
    private readonly Func<IEar> _ear;
    private readonly ResumableSessions _resumable = new();
    private readonly ConcurrentDictionary<string, OpenLiveSession> _sessions = new();
    private SimulatorHost? _host;

    private GeminiSimulator(GeminiSimulatorOptions options)
    {
        _options = options;
        var recognizers = options.Recognizers;
        if (options.Ear is null && recognizers is null)
            recognizers = _ownRecognizers = new RecognizerPool();
        _ear = options.Ear ?? (() => new RecognizerEar(recognizers!));
        Faults = new FaultKit(options.TimeProvider);
    }

    /// <summary>As a client is configured with it: <c>http://127.0.0.1:port</c>.</summary>
    public Uri BaseUrl => _host!.BaseUrl;

    /// <summary>The self-signed certificate to trust; null without TLS.</summary>
    public X509Certificate2? Certificate => _host?.Certificate;

    public FaultKit Faults { get; }

    public IReadOnlyCollection<OpenLiveSession> Sessions => [.. _sessions.Values];

    public static async Task<GeminiSimulator> StartAsync(GeminiSimulatorOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        var simulator = new GeminiSimulator(options);
        simulator._host = await SimulatorHost.StartAsync(options.Host, DropSecondSlash, simulator.Map, cancellationToken).ConfigureAwait(false);
        return simulator;
    }

    /// <summary>As a part of the executable: <c>gemini [--gemini-key KEY] [--port N] [--tls]</c>.</summary>
    public static async Task<RunningSimulator> FromArgumentsAsync(SimulatorArguments arguments, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        var simulator = await StartAsync(
            new() { Host = arguments.Host("gemini"), Keys = arguments.Text("gemini-key") is { } key ? [key] : null },
            cancellationToken).ConfigureAwait(false);
        return new(simulator, new
        {
            Simulator = "gemini",
            simulator.BaseUrl,
            simulator._options.Keys,
            Certificate = simulator.Certificate?.ExportCertificatePem(),
        });
    }

    public async ValueTask DisposeAsync()
    {
        if (_host is not null)
            await _host.DisposeAsync().ConfigureAwait(false);
        _ownRecognizers?.Dispose();
    }

    private static short[] Speak(string text, string voice) => SpeechSynthesizer.Speak(text, voice switch
    {
        "Kore" or "Aoede" or "Leda" or "Zephyr" => VoiceName.Slt,
        _ => VoiceName.Awb,
    });

    // The official SDK asks for "//ws/…": its base address ends with a slash.
    private static void DropSecondSlash(IApplicationBuilder app) => app.Use((context, next) =>
    {
        if (context.Request.Path.Value is { } path && path.StartsWith("//", StringComparison.Ordinal))
            context.Request.Path = path[1..];
        return next(context);
    });

    private void Map(IEndpointRouteBuilder app)
    {
        app.MapFaults(Faults);
        app.MapGet("/_control/sessions", () => Sessions);
        app.MapGet($"/ws/{Service}", AcceptAsync);
        app.MapGet("/v1beta/models", (HttpRequest request) => Answer(request, () => Results.Json(new JsonObject
        {
            ["models"] = new JsonArray([.. _options.Models.Select(Describe)]),
        })));
        app.MapGet("/v1beta/models/{model}", (HttpRequest request, string model) => Answer(request, () => _options.Models.Contains(model)
            ? Results.Json(Describe(model))
            : Refuse(404, "NOT_FOUND", $"models/{model} is not found for API version v1beta.")));
        app.MapFallback(() => Refuse(404, "NOT_FOUND", "Requested entity was not found."));
    }

    private async Task AcceptAsync(HttpContext context)
    {
        if (Faults.Refusal() is { } fault)
        {
            await Refuse(fault.HttpStatus, fault.HttpStatus == 429 ? "RESOURCE_EXHAUSTED" : "UNAVAILABLE", fault.Reason ?? "The service refused the request.").ExecuteAsync(context).ConfigureAwait(false);
            return;
        }

        if (!context.WebSockets.IsWebSocketRequest)
        {
            await Refuse(400, "INVALID_ARGUMENT", "This is a WebSocket endpoint.").ExecuteAsync(context).ConfigureAwait(false);
            return;
        }

        using var accepted = await context.WebSockets.AcceptWebSocketAsync().ConfigureAwait(false);
        var id = Ids.New("live");
        var socket = new SimulatedSocket(accepted, context.Abort, _options.TimeProvider);
        using var session = new LiveSession(id, _options, _options.Mind ?? DemoMind.Think, _options.Voice ?? Speak, _ear(), socket, _resumable);
        var headers = context.Request.Headers;
        _sessions[id] = new(id, _options.TimeProvider.GetUtcNow(), headers["X-Request-ID"], headers.TraceParent);
        try
        {
            // A wrong key does not refuse the upgrade: the socket opens and is closed with the reason.
            (int, string)? refusal = IsKey(Key(context.Request)) ? null : (1007, "API key not valid. Please pass a valid API key.");
            await socket.RunAsync(id, session, Faults, () => session.Open(refusal), _host!.Stopping).ConfigureAwait(false);
        }
        finally
        {
            _sessions.TryRemove(id, out _);
        }
    }

    private bool IsKey(string? key) => !string.IsNullOrEmpty(key) && (_options.Keys?.Contains(key) ?? true);

    private static string? Key(HttpRequest request) => request.Query["key"].FirstOrDefault() ?? request.Headers["x-goog-api-key"].FirstOrDefault();

    private IResult Answer(HttpRequest request, Func<IResult> answer) => Faults.Refusal() is { } fault
        ? Refuse(fault.HttpStatus, "UNAVAILABLE", fault.Reason ?? "The service refused the request.")
        : IsKey(Key(request)) ? answer() : Refuse(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.");

    private static IResult Refuse(int status, string name, string message) => Results.Json(
        new JsonObject { ["error"] = new JsonObject { ["code"] = status, ["message"] = message, ["status"] = name } }, statusCode: status);

    private static JsonObject Describe(string model) => new()
    {
        ["name"] = $"models/{model}",
        ["displayName"] = model,
        ["supportedGenerationMethods"] = new JsonArray("bidiGenerateContent"),
    };
}

/// <param name="RequestId">What the client said in <c>X-Request-ID</c>.</param>
/// <param name="TraceParent">What it said in <c>traceparent</c>.</param>
public sealed record OpenLiveSession(string Id, DateTimeOffset OpenedAt, string? RequestId, string? TraceParent);
