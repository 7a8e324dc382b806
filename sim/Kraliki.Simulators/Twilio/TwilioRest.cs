using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Kraliki.LocalSpeech;
using Kraliki.Simulators.Callers;

namespace Kraliki.Simulators.Twilio;

/// <summary>The part of Twilio's REST API that concerns calls: form bodies in, JSON out, errors in Twilio's shape.</summary>
internal static class TwilioRest
{
    private static readonly string[] CallEvents = ["initiated", "ringing", "answered", "completed"];

    public static void MapTwilioRest(this IEndpointRouteBuilder routes, TwilioSimulator simulator)
    {
        var calls = routes.MapGroup("/2010-04-01/Accounts/{account}").AddEndpointFilter(async (context, next) =>
            Authorize(context.HttpContext, simulator) ?? await next(context).ConfigureAwait(false));
        calls.MapPost("/Calls.json", (HttpRequest request, CancellationToken ct) => CreateAsync(request, simulator, ct));
        calls.MapGet("/Calls.json", () => Results.Json(new JsonObject
        {
            ["calls"] = new JsonArray([.. simulator.Calls.Reverse().Select(call => Describe(call, simulator))]),
        }));
        calls.MapPost("/Calls/{sid}.json", (string sid, HttpRequest request, CancellationToken ct) => UpdateAsync(sid, request, simulator, ct));
        calls.MapGet("/Calls/{sid}.json", (string sid) =>
            simulator.Find(sid) is { } call ? Results.Json(Describe(call, simulator)) : NotFound(sid));
    }

    private static IResult? Authorize(HttpContext context, TwilioSimulator simulator)
    {
        var header = context.Request.Headers.Authorization.ToString();
        var expected = "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{simulator.AccountSid}:{simulator.AuthToken}"));
        if (!CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(header), Encoding.UTF8.GetBytes(expected)))
            return Error(401, 20003, "Authenticate");
        return (string?)context.GetRouteValue("account") == simulator.AccountSid ? null : NotFound((string?)context.GetRouteValue("account") ?? "");
    }

    private static async Task<IResult> CreateAsync(HttpRequest request, TwilioSimulator simulator, CancellationToken cancellationToken)
    {
        var form = await request.ReadFormAsync(cancellationToken).ConfigureAwait(false);
        string to = form["To"].ToString(), from = form["From"].ToString(), url = form["Url"].ToString(), twiml = form["Twiml"].ToString();
        if (to.Length == 0)
            return Error(400, 21201, "No 'To' number is specified");
        if (from.Length == 0)
            return Error(400, 21213, "No 'From' number is specified");
        if (!IsNumber(to))
            return Error(400, 21211, $"The phone number you are attempting to call, {to}, is not valid.");
        if (!IsNumber(from))
            return Error(400, 21212, $"The source phone number provided, {from}, is not valid.");
        if (ReadSource(url, twiml, out var source) is { } wrong)
            return wrong;
        var events = form["StatusCallbackEvent"].SelectMany(value => (value ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries)).ToArray();
        if (events.FirstOrDefault(name => !CallEvents.Contains(name)) is { } unknown)
            return Error(400, 21626, $"Call progress events '{unknown}' is invalid.");
        var status = form["StatusCallback"].ToString();
        var fallback = form["FallbackUrl"].ToString();
        try
        {
            var call = await simulator.StartAsync(
                new CallPlan(
                    SimulatedCall.Identifier("CA"), from, to, "outbound-api", simulator.Options.CalleeScript ?? CallerScripts.Default, source!,
                    fallback.Length > 0 ? fallback : null, status.Length > 0 ? status : null, events.Length > 0 ? events : ["completed"], Record: false,
                    new Dictionary<string, string>(), LostStream: null),
                cancellationToken).ConfigureAwait(false);
            // The answer shows the call as it was accepted; by now it may be ringing already.
            return Results.Json(Describe(call, simulator, "queued"), statusCode: 201);
        }
        catch (SpeechPartsMissingException missing)
        {
            return Error(500, 20500, $"The simulated callee cannot speak: {missing.Message}");
        }
    }

    private static async Task<IResult> UpdateAsync(string sid, HttpRequest request, TwilioSimulator simulator, CancellationToken cancellationToken)
    {
        if (simulator.Find(sid) is not { } call)
            return NotFound(sid);
        var form = await request.ReadFormAsync(cancellationToken).ConfigureAwait(false);
        string status = form["Status"].ToString(), url = form["Url"].ToString(), twiml = form["Twiml"].ToString();
        if (status.Length > 0)
        {
            if (status is not ("completed" or "canceled"))
                return Error(400, 21218, $"Invalid status '{status}': completed or canceled.");
            // canceled touches only calls that nobody has answered yet (card, section 5).
            if (status == "completed" || call.Status is "queued" or "ringing")
                call.HangUp(CallEnder.App, "rest");
            return Results.Json(Describe(call, simulator));
        }
        if (ReadSource(url, twiml, out var source) is { } wrong)
            return wrong;
        if (call.Status != "in-progress")
            return Error(400, 21220, "Call is not in-progress. Cannot redirect.");
        call.Redirect(source!);
        return Results.Json(Describe(call, simulator));
    }

    private static IResult? ReadSource(string url, string twiml, out TwimlSource? source)
    {
        source = null;
        if (twiml.Length > 4000)
            return Error(400, 21605, "Twiml is longer than 4000 characters.");
        if (twiml.Length > 0)
        {
            source = new TwimlSource(null, twiml);
            return null;
        }
        if (url.Length == 0)
            return Error(400, 21205, "Url parameter is required.");
        if (!Uri.TryCreate(url, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https"))
            return Error(400, 21205, $"Url is not a valid URL: {url}");
        source = new TwimlSource(url, null);
        return null;
    }

    private static JsonObject Describe(SimulatedCall call, TwilioSimulator simulator, string? status = null)
    {
        var path = $"/2010-04-01/Accounts/{simulator.AccountSid}/Calls/{call.Sid}";
        var ended = call.Completion.IsCompleted;
        return new JsonObject
        {
            ["sid"] = call.Sid,
            ["account_sid"] = simulator.AccountSid,
            ["api_version"] = "2010-04-01",
            ["date_created"] = Date(call.CreatedAt),
            ["date_updated"] = Date(simulator.Options.Host.TimeProvider.GetUtcNow()),
            ["to"] = call.To,
            ["to_formatted"] = call.To,
            ["from"] = call.From,
            ["from_formatted"] = call.From,
            ["phone_number_sid"] = null,
            ["status"] = status ?? call.Status,
            ["start_time"] = Date(call.AnsweredOn),
            ["end_time"] = ended && call.AnsweredOn is { } answered ? Date(answered.AddSeconds(call.Seconds)) : null,
            // A string of seconds, and only when the call is over.
            ["duration"] = ended ? Math.Round(call.Seconds).ToString(CultureInfo.InvariantCulture) : null,
            ["price"] = null,
            ["price_unit"] = "USD",
            ["direction"] = call.Direction,
            ["answered_by"] = null,
            ["forwarded_from"] = null,
            ["caller_name"] = null,
            ["parent_call_sid"] = null,
            ["group_sid"] = null,
            ["queue_time"] = "0",
            ["trunk_sid"] = null,
            ["annotation"] = null,
            ["uri"] = $"{path}.json",
            ["subresource_uris"] = new JsonObject { ["recordings"] = $"{path}/Recordings.json", ["streams"] = $"{path}/Streams.json" },
        };
    }

    private static string? Date(DateTimeOffset? time) => time?.ToString("ddd, dd MMM yyyy HH:mm:ss +0000", CultureInfo.InvariantCulture);

    private static bool IsNumber(string number) =>
        number.StartsWith("client:", StringComparison.Ordinal) || number.StartsWith("sip:", StringComparison.Ordinal)
        || (number is ['+', >= '1' and <= '9', ..] && number.Length is >= 8 and <= 16 && number.AsSpan(1).IndexOfAnyExceptInRange('0', '9') < 0);

    private static IResult NotFound(string what) => Error(404, 20404, $"The requested resource {what} was not found");

    private static IResult Error(int status, int code, string message) => Results.Json(
        new JsonObject
        {
            ["code"] = code,
            ["message"] = message,
            ["more_info"] = $"https://www.twilio.com/docs/errors/{code}",
            ["status"] = status,
        },
        statusCode: status);
}
