using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Kraliki.LocalSpeech;
using Kraliki.Simulators.Faults;
using Kraliki.Simulators.OpenAI;

namespace Kraliki.Simulators.Deepgram;

/// <summary>
/// Deepgram on 127.0.0.1: <c>/v1/listen</c> (live transcription), <c>/v1/speak</c> (Aura) and <c>/v1/agent/converse</c> (Voice
/// Agent) by WebSocket, and the REST path by which a key is tried. It hears by recognising the audio and speaks in synthetic speech.
/// </summary>
/// <remarks>For faults an audio frame is a message of caller audio on <c>listen</c> and <c>agent</c>, a message of speech on <c>speak</c>.</remarks>
public sealed class DeepgramSimulator : IAsyncDisposable
{
    private readonly DeepgramSimulatorOptions _options;
    private readonly RecognizerPool? _ownRecognizers;
    private readonly RecognizerPool _recognizers;
    private readonly Voice _voice;
    private SimulatorHost? _host;

    private DeepgramSimulator(DeepgramSimulatorOptions options)
    {
        _options = options;
        _recognizers = options.Recognizers ?? (_ownRecognizers = new RecognizerPool());
        _voice = options.Voice ?? ((text, _) => SpeechSynthesizer.Speak(text, VoiceName.Slt));
        ListenFaults = new FaultKit(options.TimeProvider);
        SpeakFaults = new FaultKit(options.TimeProvider);
        AgentFaults = new FaultKit(options.TimeProvider);
    }

    /// <summary>As a client is configured with it: <c>http://127.0.0.1:port</c>.</summary>
    public Uri BaseUrl => _host!.BaseUrl;

    /// <summary>The self-signed certificate to trust; null without TLS.</summary>
    public X509Certificate2? Certificate => _host?.Certificate;

    /// <summary>Faults of <c>/v1/listen</c>; by control route <c>/_control/faults</c>.</summary>
    public FaultKit ListenFaults { get; }

    /// <summary>Faults of <c>/v1/speak</c>; by control route <c>/_control/speak/faults</c>.</summary>
    public FaultKit SpeakFaults { get; }

    /// <summary>Faults of <c>/v1/agent/converse</c>; by control route <c>/_control/agent/faults</c>.</summary>
    public FaultKit AgentFaults { get; }

    public static async Task<DeepgramSimulator> StartAsync(DeepgramSimulatorOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        var simulator = new DeepgramSimulator(options);
        simulator._host = await SimulatorHost.StartAsync(options.Host, simulator.Map, cancellationToken).ConfigureAwait(false);
        return simulator;
    }

    /// <summary>As a part of the executable: <c>deepgram [--deepgram-key KEY] [--port N] [--tls]</c>.</summary>
    public static async Task<RunningSimulator> FromArgumentsAsync(SimulatorArguments arguments, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        var simulator = await StartAsync(
            new() { Host = arguments.Host("deepgram"), Keys = arguments.Text("deepgram-key") is { } key ? [key] : null },
            cancellationToken).ConfigureAwait(false);
        return new(simulator, new
        {
            Simulator = "deepgram",
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

    private void Map(IEndpointRouteBuilder app)
    {
        app.MapFaults(ListenFaults);
        app.MapFaults(SpeakFaults, "/_control/speak/faults");
        app.MapFaults(AgentFaults, "/_control/agent/faults");
        app.MapGet("/v1/listen", ListenAsync);
        app.MapGet("/v1/speak", SpeakAsync);
        app.MapGet("/v1/agent/converse", ConverseAsync);
        app.MapGet("/v1/projects", (HttpRequest request) => IsKey(Key(request))
            ? Results.Json(new JsonObject { ["projects"] = new JsonArray(new JsonObject { ["project_id"] = Guid.Empty.ToString(), ["name"] = "Simulated" }) })
            : Refuse(new(401, "INVALID_AUTH", "Invalid credentials."), Guid.NewGuid().ToString()));
    }

    private Task ListenAsync(HttpContext context)
    {
        var (settings, problem) = ListenSettings.Read(context.Request.Query);
        var audio = WireAudio.In(context.Request.Query["encoding"], context.Request.Query["sample_rate"]);
        var refusal = problem is not null ? new(400, "INVALID_QUERY_PARAMETER", problem)
            : audio is null ? new(400, "INVALID_QUERY_PARAMETER", "The encoding and sample_rate are not supported here.")
            : Deaf();
        return ServeAsync(context, ListenFaults, refusal, async (socket, id) =>
        {
            using var session = new ListenSession(settings!, audio!, socket, id, _recognizers, _options);
            await socket.RunAsync(id, session, ListenFaults, () => { }, _host!.Stopping).ConfigureAwait(false);
        });
    }

    private Task SpeakAsync(HttpContext context)
    {
        var query = context.Request.Query;
        var audio = WireAudio.Out(query["encoding"].FirstOrDefault() ?? "linear16", query["sample_rate"].FirstOrDefault() ?? "24000");
        var model = query["model"].FirstOrDefault() ?? "aura-asteria-en";
        var refusal = audio is null ? new(400, "INVALID_QUERY_PARAMETER", "The encoding and sample_rate are not supported here.")
            : !model.StartsWith("aura-", StringComparison.Ordinal) ? new Refusal(400, "INVALID_QUERY_PARAMETER", $"No such model: {model}.")
            : null;
        return ServeAsync(context, SpeakFaults, refusal, async (socket, id) =>
        {
            using var session = new SpeakSession(model, audio!, socket, _voice, _options);
            await socket.RunAsync(id, session, SpeakFaults, () => session.Open(id), _host!.Stopping).ConfigureAwait(false);
        });
    }

    private Task ConverseAsync(HttpContext context) => ServeAsync(context, AgentFaults, Deaf(), async (socket, id) =>
    {
        using var session = new AgentSession(socket, _recognizers, _options.Mind ?? DemoMind.Think, _voice, _options);
        await socket.RunAsync(id, session, AgentFaults, () => session.Open(id), _host!.Stopping).ConfigureAwait(false);
    });

    private static Refusal? Deaf() => SpeechParts.Check() is { Count: > 0 } missing
        ? new(503, "SERVICE_UNAVAILABLE", string.Join(' ', missing.Select(part => part.Remedy)))
        : null;

    private async Task ServeAsync(HttpContext context, FaultKit faults, Refusal? refusal, Func<SimulatedSocket, string, Task> run)
    {
        var id = Guid.NewGuid().ToString();
        context.Response.Headers["dg-request-id"] = id;
        if (!IsKey(Key(context.Request)))
            refusal = new(401, "INVALID_AUTH", "Invalid credentials.");
        else if (faults.Refusal() is { } fault)
            refusal = new(fault.HttpStatus, fault.HttpStatus == 429 ? "TOO_MANY_REQUESTS" : "REFUSED", fault.Reason ?? "The request was refused.");
        else if (!context.WebSockets.IsWebSocketRequest)
            refusal = new(426, "UPGRADE_REQUIRED", "This is a WebSocket endpoint.");
        if (refusal is not null)
        {
            context.Response.Headers["dg-error"] = refusal.Message;
            await Refuse(refusal, id).ExecuteAsync(context).ConfigureAwait(false);
            return;
        }

        var offered = context.WebSockets.WebSocketRequestedProtocols;
        using var socket = await context.WebSockets.AcceptWebSocketAsync(offered.Count > 0 ? offered[0] : null).ConfigureAwait(false);
        await run(new SimulatedSocket(socket, context.Abort, _options.TimeProvider), id).ConfigureAwait(false);
    }

    private bool IsKey(string? key) => !string.IsNullOrEmpty(key) && (_options.Keys?.Contains(key) ?? true);

    // "Token" is a key, "Bearer" a short-lived token made with it; a browser can only offer both as sub-protocols.
    private static string? Key(HttpRequest request)
    {
        var header = request.Headers.Authorization.ToString().Split(' ', 2, StringSplitOptions.TrimEntries);
        if (header.Length == 2)
            return header[0].ToUpperInvariant() is "TOKEN" or "BEARER" ? header[1] : null;
        return request.HttpContext.WebSockets.WebSocketRequestedProtocols is ["token" or "bearer", var key] ? key : null;
    }

    private static IResult Refuse(Refusal refusal, string id) => Results.Json(
        new JsonObject { ["err_code"] = refusal.Code, ["err_msg"] = refusal.Message, ["request_id"] = id }, statusCode: refusal.Status);

    private sealed record Refusal(int Status, string Code, string Message);
}
