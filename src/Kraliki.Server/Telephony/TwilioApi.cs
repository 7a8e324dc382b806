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

    public static void MapTwilio(this IEndpointRouteBuilder routes)
    {
        var webhooks = routes.MapGroup("/telephony/twilio").AllowAnonymous().DisableAntiforgery().WithTags("Twilio").ExcludeFromDescription();
        webhooks.MapPost("/voice", VoiceAsync);
        webhooks.MapPost("/status", StatusAsync);
        webhooks.MapPost("/after-stream", AfterStreamAsync);
        routes.MapGet(MediaCalls.Path, (HttpContext http, MediaCalls calls) => calls.RunAsync(http)).AllowAnonymous().ExcludeFromDescription();
    }

    /// <summary>A call wants to know what to do: it gets a media stream, and a session of its own unless the URL names one.</summary>
    private static async Task<IResult> VoiceAsync(
        HttpContext http,
        TwilioWebhooks guard,
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

        string callSid = form["CallSid"].ToString();
        await using var db = databases.OpenForSystem();
        var call = await db.Set<CarrierCall>().AsNoTracking().SingleOrDefaultAsync(call => call.CallSid == callSid, cancellationToken);
        if (call is null)
        {
            SessionRow? session;
            if (Guid.TryParse(http.Request.Query["session"], out var wanted))
            {
                // The URL is inside the signature: nobody but us could have put the session there.
                session = await db.Set<SessionRow>().AsNoTracking().SingleOrDefaultAsync(row => row.Id == wanted, cancellationToken);
            }
            else
            {
                var organisation = await db.Set<Organisation>().AsNoTracking().OrderBy(organisation => organisation.CreatedAt).FirstOrDefaultAsync(cancellationToken);
                session = organisation is null
                    ? null
                    : await sessions.CreateAsync(
                        organisation.Id,
                        new SessionCreated(providers.Default, VoiceStrategy.Realtime, "twilio", NumberOrNull(form["From"].ToString()), new Dictionary<string, string> { ["to"] = form["To"].ToString() }),
                        cancellationToken);
            }

            if (session is null || SessionStates.IsTerminal(session.State))
            {
                return Twiml.Reject();
            }

            call = new CarrierCall
            {
                CallSid = callSid,
                SessionId = session.Id,
                OrganisationId = session.OrganisationId,
                Status = form["CallStatus"].ToString(),
                CreatedAt = time.GetUtcNow(),
            };
            db.Add(call);
            await db.SaveChangesAsync(cancellationToken);
        }

        return StreamTo(call, tokens, urls);
    }

    /// <summary>The carrier's word on how the call goes; the last one ends a session whose media never came or was lost.</summary>
    private static async Task<IResult> StatusAsync(
        HttpContext http, TwilioWebhooks guard, KralikiDbFactory databases, SessionCommands sessions, LiveCalls live, CancellationToken cancellationToken)
    {
        if (await guard.ReadAsync(http, cancellationToken) is not { } form)
        {
            return guard.Refusal;
        }

        string callSid = form["CallSid"].ToString();
        string status = form["CallStatus"].ToString();
        await using var db = databases.OpenForSystem();
        if (await db.Set<CarrierCall>().SingleOrDefaultAsync(call => call.CallSid == callSid, cancellationToken) is not { } call || IsFinal(call.Status))
        {
            // Unknown, or told before: callbacks come twice and out of order, and a final one stays final.
            return Results.NoContent();
        }

        call.Status = status;
        await db.SaveChangesAsync(cancellationToken);
        if (IsFinal(status) && live.Find(call.SessionId) is null)
        {
            await sessions.EndAsync(call.SessionId, "carrier", $"Twilio reports the call as {status}.", cancellationToken);
        }

        return Results.NoContent();
    }

    /// <summary>
    /// The stream ended and the caller is still there. We closed it: say goodbye or apologise. We did not (the server died):
    /// the session is still open and the caller comes back to it.
    /// </summary>
    private static async Task<IResult> AfterStreamAsync(
        HttpContext http, TwilioWebhooks guard, KralikiDbFactory databases, StreamTokens tokens, LiveCalls live, PublicUrls urls, CancellationToken cancellationToken)
    {
        if (await guard.ReadAsync(http, cancellationToken) is not { } form)
        {
            return guard.Refusal;
        }

        string callSid = form["CallSid"].ToString();
        await using var db = databases.OpenForSystem();
        if (await db.Set<CarrierCall>().AsNoTracking().SingleOrDefaultAsync(call => call.CallSid == callSid, cancellationToken) is not { } call)
        {
            return Twiml.Hangup();
        }

        // The media endpoint may still be writing the end of the call that we closed a moment ago.
        if (live.Find(call.SessionId) is { } closing)
        {
            await closing.Ended.WaitAsync(cancellationToken);
        }

        var session = await db.Set<SessionRow>().AsNoTracking().SingleAsync(row => row.Id == call.SessionId, cancellationToken);
        return session.State switch
        {
            SessionState.Failed => Twiml.Apologise("We are sorry, the connection to our assistant was lost. Please call us again in a moment. Goodbye."),
            SessionState.Completed or SessionState.WrapUp => Twiml.Hangup(),
            _ => StreamTo(call, tokens, urls),
        };
    }

    private static IResult StreamTo(CarrierCall call, StreamTokens tokens, PublicUrls urls)
        => Twiml.Stream(urls.CarrierSocket(MediaCalls.Path), tokens.Issue(call.SessionId, call.CallSid), urls.CarrierHttp(AfterStream));

    private static bool IsFinal(string status) => status is "completed" or "busy" or "failed" or "no-answer" or "canceled";

    // Withheld numbers arrive as words or as stand-ins; they are no number to call back.
    private static string? NumberOrNull(string from) => from.Length is >= 8 and <= 16 && from[0] == '+' && from.Skip(1).All(char.IsAsciiDigit) ? from : null;
}
