using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using Kraliki.LocalSpeech;
using Kraliki.Simulators.Callers;

namespace Kraliki.Simulators.Twilio;

/// <summary>The control API: place calls, watch and steer them, read reports. For tests and terminals on this machine.</summary>
internal static class TwilioControl
{
    public static void MapTwilioControl(this IEndpointRouteBuilder routes, TwilioSimulator simulator)
    {
        var control = routes.MapGroup("/_control");
        control.MapGet("/scripts", () => CallerScripts.All.Select(script =>
            new { script.Name, script.Title, script.Description, script.Lines, script.ApproximateSeconds }));
        control.MapPost("/calls", (PlaceCall body, CancellationToken ct) => PlaceAsync(body, simulator, ct));
        control.MapGet("/calls", (bool? live) => simulator.Calls.Where(call => live != true || !call.Completion.IsCompleted).Select(call =>
            new { CallSid = call.Sid, call.From, call.To, call.Direction, call.Status, Script = call.Script.Name, call.CreatedAt, call.Seconds }));
        control.MapGet("/calls/{sid}", (string sid) => simulator.Find(sid) is { } call ? Results.Ok(call.Report()) : Unknown(sid));
        control.MapGet("/calls/{sid}/events", (string sid, CancellationToken ct) =>
            simulator.Find(sid) is { } call ? TypedResults.ServerSentEvents(EventsAsync(call, ct)) : Unknown(sid));
        control.MapGet("/calls/{sid}/heard.ulaw", (string sid) =>
            simulator.Find(sid) is { } call ? Results.Bytes(call.Heard(), "audio/basic") : Unknown(sid));
        control.MapGet("/lost_stream", () => simulator.LostStream);
        control.MapPut("/lost_stream", (LostStream body) => simulator.LostStream = body);
        control.MapPost("/calls/{sid}/hangup", (string sid) =>
        {
            if (simulator.Find(sid) is not { } call)
                return Unknown(sid);
            call.HangUp();
            return Results.Accepted();
        });
        control.MapPost("/calls/{sid}/dtmf", (string sid, PressKeys body) =>
            simulator.Find(sid) is not { } call ? Unknown(sid)
            : call.SendDigits(body.Digits) ? Results.Accepted()
            : Results.Conflict(new { error = "No media stream is open to carry the keys." }));
    }

    private static async Task<IResult> PlaceAsync(PlaceCall body, TwilioSimulator simulator, CancellationToken cancellationToken)
    {
        try
        {
            var script = body.ScriptYaml is { } yaml ? CallerScriptReader.Read(yaml, "script_yaml") : CallerScripts.Find(body.Script);
            if (!Uri.TryCreate(body.VoiceUrl, UriKind.Absolute, out _))
                return Results.BadRequest(new { error = $"'{body.VoiceUrl}' is no address for voice_url." });
            var call = await simulator.PlaceCallAsync(
                new InboundCall(body.VoiceUrl, body.To, script, body.From, body.StatusUrl, body.FallbackUrl, body.Record, body.Fields, body.LostStream),
                cancellationToken).ConfigureAwait(false);
            return Results.Created($"/_control/calls/{call.Sid}", new { CallSid = call.Sid, call.From, call.To, Script = script.Name });
        }
        catch (Exception wrong) when (wrong is ArgumentException or FormatException)
        {
            return Results.BadRequest(new { error = wrong.Message });
        }
        catch (SpeechPartsMissingException missing)
        {
            return Results.Json(new { error = missing.Message }, ControlJson.Options, statusCode: StatusCodes.Status503ServiceUnavailable);
        }
    }

    private static async IAsyncEnumerable<SseItem<CallProgress>> EventsAsync(
        SimulatedCall call, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var happened in call.ProgressAsync(cancellationToken).ConfigureAwait(false))
            yield return new SseItem<CallProgress>(happened, happened.Kind);
    }

    private static IResult Unknown(string sid) => Results.NotFound(new { error = $"There is no call {sid}." });

    /// <param name="Script">Name or path; null is the default script.</param>
    /// <param name="ScriptYaml">A script of its own, instead of <paramref name="Script"/>.</param>
    internal sealed record PlaceCall(
        string VoiceUrl,
        string To = "+12025550100",
        string? From = null,
        string? Script = null,
        string? ScriptYaml = null,
        string? StatusUrl = null,
        string? FallbackUrl = null,
        bool Record = false,
        Dictionary<string, string>? Fields = null,
        LostStream? LostStream = null);

    internal sealed record PressKeys(string Digits);
}
