using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Server.Identity;
using Kraliki.Server.Providers;
using Kraliki.Server.Sessions;
using Kraliki.Server.Sessions.Calls;
using Kraliki.Server.Sessions.Journal;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Telephony;

/// <summary>Twilio's webhooks. Anonymous, because the signature is their sign-in: a request without a valid one is refused and audited.</summary>
internal static class TwilioApi
{
    private const string AfterStream = "/telephony/twilio/after-stream";

    private static readonly string[] FinalStatuses = ["completed", "busy", "failed", "no-answer", "canceled"];

    // Last words and both sockets take up to 7 s; Twilio hangs up on a webhook after 15.
    private static readonly TimeSpan LongestClosing = TimeSpan.FromSeconds(9);

    public static void MapTwilio(this IEndpointRouteBuilder routes)
    {
        var webhooks = routes.MapGroup("/telephony/twilio").AllowAnonymous().DisableAntiforgery().RequireRateLimiting(RateLimits.Webhooks).WithTags("Twilio").ExcludeFromDescription();
        webhooks.MapPost("/voice", VoiceAsync);
        webhooks.MapPost("/status", StatusAsync);
        webhooks.MapPost("/after-stream", AfterStreamAsync);
        routes.MapGet(MediaCalls.Path, (HttpContext http, MediaCalls calls) => calls.RunAsync(http)).AllowAnonymous().RequireRateLimiting(RateLimits.Sockets).ExcludeFromDescription();
    }

    /// <summary>A call wants to know what to do: it gets a media stream, and a session of its own unless the URL names one.</summary>
    private static async Task<IResult> VoiceAsync(
        HttpContext http,
        TwilioWebhooks guard,
        NewCalls calls,
        KralikiDbFactory databases,
        SessionCommands sessions,
        StreamTokens tokens,
        VoiceProviders providers,
        PublicUrls urls,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        if (await guard.ReadAsync(http, cancellationToken) is not { } form)
        {
            return guard.Refusal;
        }

        var answer = Twiml.Reject();
        var refusal = await calls.BeginAsync(
            async stop => answer = await BeginAsync(http, form, guard, databases, sessions, tokens, providers, urls, time, stop), cancellationToken);
        return refusal is null ? answer : Twiml.Apologise(refusal.Spoken);
    }

    private static async Task<IResult> BeginAsync(
        HttpContext http,
        IFormCollection form,
        TwilioWebhooks guard,
        KralikiDbFactory databases,
        SessionCommands sessions,
        StreamTokens tokens,
        VoiceProviders providers,
        PublicUrls urls,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        // The URL is inside the signature: nobody but us could have put a session there. Without one, only what the guard covers.
        var wanted = Guid.TryParse(http.Request.Query["session"], out var id) ? id : (Guid?)null;
        await using var db = databases.OpenForSystem();
        var session = wanted is null ? null : await db.Set<SessionRow>().AsNoTracking().SingleOrDefaultAsync(row => row.Id == wanted, cancellationToken);
        var organisation = session?.OrganisationId ?? (wanted is null ? FirstAccounts.OrganisationId : null);
        if (organisation is null || !guard.Covers(organisation.Value))
        {
            return Twiml.Reject();
        }

        var now = time.GetUtcNow();
        var call = await CarrierCall.FindOrAddAsync(
            databases,
            new CarrierCall
            {
                CallSid = form["CallSid"].ToString(),
                SessionId = wanted ?? Guid.CreateVersion7(now),
                OrganisationId = organisation.Value,
                Status = form["CallStatus"].ToString(),
                CreatedAt = now,
            },
            cancellationToken);

        // Created under the id that the call has been given: whichever of two equal webhooks comes here first creates it.
        session ??= await sessions.CreateAsync(
            call.SessionId,
            call.OrganisationId,
            new SessionCreated(providers.Default, VoiceStrategy.Realtime, "twilio", NumberOrNull(form["From"].ToString()), new Dictionary<string, string> { ["to"] = form["To"].ToString() }),
            cancellationToken);
        return !guard.Covers(call.OrganisationId) || session.Id != call.SessionId || session.State is SessionState.WrapUp or SessionState.Completed or SessionState.Failed ? Twiml.Reject() : StreamTo(call, tokens, urls);
    }

    /// <summary>The carrier's word on how the call goes; the last one ends the session, above all one whose media never came or was lost.</summary>
    private static async Task<IResult> StatusAsync(
        HttpContext http, TwilioWebhooks guard, KralikiDbFactory databases, SessionCommands sessions, CancellationToken cancellationToken)
    {
        if (await guard.ReadAsync(http, cancellationToken) is not { } form)
        {
            return guard.Refusal;
        }

        string callSid = form["CallSid"].ToString();
        string status = form["CallStatus"].ToString();
        if (await CarrierCall.FindAsync(databases, callSid, cancellationToken) is not { } call || !guard.Covers(call.OrganisationId))
        {
            return Results.NoContent();
        }

        if (IsFinal(status))
        {
            await sessions.CarrierEndedAsync(
                call.SessionId, status == "completed" ? EndReason.CallerHungUp : EndReason.ConnectCarrierRefused, $"Twilio reports the call as {status}.", cancellationToken);
        }

        // Callbacks come twice and out of order: a final status stays final.
        await using var db = databases.OpenForSystem();
        await db.Set<CarrierCall>()
            .Where(row => row.CallSid == callSid && !FinalStatuses.Contains(row.Status))
            .ExecuteUpdateAsync(row => row.SetProperty(r => r.Status, status), cancellationToken);
        return Results.NoContent();
    }

    /// <summary>
    /// The stream ended and the caller is still there. We closed it: say goodbye or apologise. We did not (the server died):
    /// the session is still open and the caller comes back to it.
    /// </summary>
    private static async Task<IResult> AfterStreamAsync(
        HttpContext http, TwilioWebhooks guard, KralikiDbFactory databases, StreamTokens tokens, LiveCalls live, PublicUrls urls, TimeProvider time, CancellationToken cancellationToken)
    {
        if (await guard.ReadAsync(http, cancellationToken) is not { } form)
        {
            return guard.Refusal;
        }

        if (live.IsApologised(form["CallSid"].ToString()))
        {
            return Twiml.Apologise("We are sorry, a fault on our side ends this call. Please call us again in a few minutes. Goodbye.");
        }

        if (await CarrierCall.FindAsync(databases, form["CallSid"].ToString(), cancellationToken) is not { } call || !guard.Covers(call.OrganisationId))
        {
            return Twiml.Hangup();
        }

        // The media endpoint may still be writing the end of the call that we closed a moment ago. When it takes longer, the
        // old stream is one that we still believe in and Twilio does not: a new one takes the session over.
        if (live.Find(call.SessionId) is { } closing)
        {
            await closing.Ended.WaitAsync(LongestClosing, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
        }

        await using var db = databases.OpenForSystem();
        var session = await db.Set<SessionRow>().AsNoTracking().SingleOrDefaultAsync(row => row.Id == call.SessionId, cancellationToken);
        return session?.State switch
        {
            SessionState.Failed => Twiml.Apologise("We are sorry, the connection to our assistant was lost. Please call us again in a moment. Goodbye."),
            null or SessionState.Completed or SessionState.WrapUp => Twiml.Hangup(),
            _ => StreamTo(call, tokens, urls),
        };
    }

    private static IResult StreamTo(CarrierCall call, StreamTokens tokens, PublicUrls urls)
        => Twiml.Stream(urls.FixedSocket(MediaCalls.Path), tokens.Issue(call.SessionId, call.CallSid), urls.FixedHttp(AfterStream));

    private static bool IsFinal(string status) => FinalStatuses.Contains(status);

    // Withheld numbers arrive as words or as stand-ins; they are no number to call back.
    private static string? NumberOrNull(string from) => from.Length is >= 8 and <= 16 && from[0] == '+' && from.Skip(1).All(char.IsAsciiDigit) ? from : null;
}
