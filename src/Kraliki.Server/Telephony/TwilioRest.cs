using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace Kraliki.Server.Telephony;

/// <summary>How a request to Twilio's REST API ended.</summary>
internal enum RestOutcome
{
    Done,

    /// <summary>Twilio knows no such call, or it is over (404; 400 with 21220 "not in-progress").</summary>
    NoLivingCall,

    /// <summary>Not a matter of trying again: a wrong key, an account that we have none for, a request that Twilio does not take.</summary>
    Refused,

    /// <summary>No usable answer within the tries: too slow, too busy, broken off. It may have been carried out all the same.</summary>
    Unavailable,

    /// <summary>No connection came about in any of the tries: it was not carried out.</summary>
    Unreachable,
}

/// <summary>The two requests of Twilio's REST API that bring a caller back: read a call, tell a call where to go. Safe from any thread.</summary>
/// <remarks>
/// twilio.com/docs/voice/api/call-resource; errors in docs/protocols/twilio.md. It only ever asks the configured address and
/// follows no redirects, so that no answer can lead it elsewhere.
/// </remarks>
internal sealed partial class TwilioRest(TwilioAccounts accounts, TimeProvider time, ILogger<TwilioRest> log) : IDisposable
{
    public static readonly Uri Address = new("https://api.twilio.com");

    private const int Tries = 3;

    // "Call is not in-progress. Cannot redirect."
    private const int NotInProgress = 21220;

    // A caller waits in silence meanwhile.
    private static readonly TimeSpan TryTakes = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(200);

    private readonly HttpClient _http = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        ConnectTimeout = TryTakes,
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        UseCookies = false,
    })
    {
        MaxResponseContentBufferSize = 64 * 1024,
        Timeout = Timeout.InfiniteTimeSpan,
    };

    /// <summary>The call leaves whatever it does and asks <paramref name="url"/> what to do instead.</summary>
    public async Task<RestOutcome> RedirectAsync(CarrierCall call, string url, CancellationToken cancellationToken) =>
        (await SendAsync(call, new() { ["Url"] = url, ["Method"] = "POST" }, cancellationToken)).Outcome;

    /// <summary>The caller hears the sentence in the carrier's own voice, and then the call is over.</summary>
    public async Task<RestOutcome> ApologiseAsync(CarrierCall call, string sentence, CancellationToken cancellationToken) =>
        (await SendAsync(call, new() { ["Twiml"] = Twiml.ApologyText(sentence) }, cancellationToken)).Outcome;

    public async Task<RestOutcome> HangUpAsync(CarrierCall call, CancellationToken cancellationToken) =>
        (await SendAsync(call, new() { ["Status"] = "completed" }, cancellationToken)).Outcome;

    /// <returns>Twilio's word for how the call stands; null unless the outcome is <see cref="RestOutcome.Done"/>.</returns>
    public async Task<(RestOutcome Outcome, string? Status)> StatusAsync(CarrierCall call, CancellationToken cancellationToken)
    {
        var (outcome, answer) = await SendAsync(call, null, cancellationToken);
        return answer is { ValueKind: JsonValueKind.Object } && answer.Value.TryGetProperty("status", out var status) && status.GetString() is { } word
            ? (outcome, word)
            : (outcome == RestOutcome.Done ? RestOutcome.Unavailable : outcome, null);
    }

    public void Dispose() => _http.Dispose();

    private async Task<(RestOutcome Outcome, JsonElement? Answer)> SendAsync(CarrierCall call, Dictionary<string, string>? form, CancellationToken cancellationToken)
    {
        if (accounts.Find(call.AccountSid) is not { } account)
        {
            return (RestOutcome.Refused, null);
        }

        var doubtful = false;
        for (var attempt = 1; ; attempt++)
        {
            var (outcome, answer, pause) = await TryAsync(account, call.CallSid, form, cancellationToken);
            doubtful |= outcome == RestOutcome.Unavailable;
            if (outcome is not (RestOutcome.Unavailable or RestOutcome.Unreachable) || attempt == Tries)
            {
                return (outcome == RestOutcome.Unreachable && doubtful ? RestOutcome.Unavailable : outcome, answer);
            }

            // Full jitter: what was too many for the account at once must not come back at once.
            var longest = FirstPause * Math.Pow(2, attempt);
            await Task.Delay(pause ?? (longest * Random.Shared.NextDouble()), time, cancellationToken);
        }
    }

    private async Task<(RestOutcome Outcome, JsonElement? Answer, TimeSpan? Pause)> TryAsync(
        TwilioAccount account, string callSid, Dictionary<string, string>? form, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(TryTakes, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        using var request = new HttpRequestMessage(
            form is null ? HttpMethod.Get : HttpMethod.Post,
            new Uri(account.Api, $"/2010-04-01/Accounts/{account.Sid}/Calls/{Uri.EscapeDataString(callSid)}.json"));
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{account.Sid}:{account.AuthToken}")));
        request.Content = form is null ? null : new FormUrlEncodedContent(form);
        try
        {
            using var response = await _http.SendAsync(request, both.Token);
            var answer = await ReadAsync(response, both.Token);
            var outcome = response.StatusCode switch
            {
                >= HttpStatusCode.OK and < HttpStatusCode.MultipleChoices => RestOutcome.Done,
                HttpStatusCode.NotFound => RestOutcome.NoLivingCall,
                HttpStatusCode.BadRequest when CodeOf(answer) == NotInProgress => RestOutcome.NoLivingCall,
                HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout or >= HttpStatusCode.InternalServerError => RestOutcome.Unavailable,
                _ => RestOutcome.Refused,
            };
            if (outcome is RestOutcome.Refused or RestOutcome.Unavailable)
            {
                LogAnswered((int)response.StatusCode, CodeOf(answer));
            }

            return (outcome, answer, response.Headers.RetryAfter?.Delta is { } wait && wait <= TryTakes ? wait : null);
        }
        catch (Exception e) when (e is HttpRequestException or IOException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            LogUnreachable(e);
            var unsent = e is HttpRequestException { HttpRequestError: HttpRequestError.NameResolutionError or HttpRequestError.ConnectionError or HttpRequestError.SecureConnectionError };
            return (unsent ? RestOutcome.Unreachable : RestOutcome.Unavailable, null, null);
        }
    }

    private static async Task<JsonElement?> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        try
        {
            return JsonElement.Parse(await response.Content.ReadAsByteArrayAsync(cancellationToken));
        }
        catch (JsonException)
        {
            // A proxy's error page: the status says enough.
            return null;
        }
    }

    private static int CodeOf(JsonElement? answer) =>
        answer is { ValueKind: JsonValueKind.Object } error && error.TryGetProperty("code", out var code) && code.TryGetInt32(out var number) ? number : 0;
}
