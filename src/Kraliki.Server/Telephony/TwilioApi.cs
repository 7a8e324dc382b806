using Kraliki.Contracts;
using Kraliki.Server.Assistants;
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
    public const string VoicePath = "/telephony/twilio/voice";
    public const string StatusPath = "/telephony/twilio/status";
    public const string AfterStreamPath = "/telephony/twilio/after-stream";

    // Twilio's "connection overrides", not sent and not signed: a webhook that meets a dying node is asked again.
    private const string AskAgain = "#rc=5&rp=ct,rt,5xx&ct=1000";

    private const string Dialled = "dialled";

    // In the query of the webhook that the carrier asks because REST told it to.
    private const string Redirected = "redirected";

    // Last words and both sockets take up to 7 s; Twilio hangs up on a webhook after 15.
    private static readonly TimeSpan LongestClosing = TimeSpan.FromSeconds(9);
    private static readonly TimeSpan ClosingStep = TimeSpan.FromMilliseconds(150);

    // About a minute with the words and the wait for the database; who would hold the line longer is better off calling again.
    private const int MostHolds = 9;

    // A grain whose node has just died answers after some seconds; the caller should not spend them in a webhook.
    private static readonly TimeSpan GrainAnswers = TimeSpan.FromSeconds(1.5);

    public static void MapTwilio(this IEndpointRouteBuilder routes)
    {
        var webhooks = routes.MapGroup("").AllowAnonymous().DisableAntiforgery().RequireRateLimiting(RateLimits.Webhooks).WithTags("Twilio").ExcludeFromDescription();
        webhooks.MapPost(VoicePath, VoiceAsync);
        webhooks.MapPost(StatusPath, StatusAsync);
        webhooks.MapPost(AfterStreamPath, AfterStreamAsync);
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
        Failover failover,
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
            async stop => answer = await BeginAsync(http, form, guard, databases, sessions, tokens, providers, failover, urls, time, stop), cancellationToken);
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
        Failover failover,
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
                AccountSid = form["AccountSid"].ToString(),
                SessionId = wanted ?? Guid.CreateVersion7(now),
                OrganisationId = organisation.Value,
                Status = form["CallStatus"].ToString(),
                CreatedAt = now,
            },
            cancellationToken);

        // Created under the id that the call has been given: whichever of two equal webhooks comes here first creates it.
        if (session is null)
        {
            var assistant = await ChosenAssistant.FindAsync(db, call.OrganisationId, wanted: null, cancellationToken);
            var created = new SessionCreated(
                assistant?.FirstOf(providers) ?? providers.Default, VoiceStrategy.Realtime, "twilio", NumberOrNull(form["From"].ToString()), new Dictionary<string, string> { ["to"] = form["To"].ToString() });
            session = await sessions.CreateAsync(call.SessionId, call.OrganisationId, assistant?.Lead(created, failover) ?? created, cancellationToken);
        }

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

        if (CarrierCall.IsFinal(status))
        {
            await sessions.CarrierEndedAsync(call.SessionId, EndOf(status), $"Twilio reports the call as {status}.", cancellationToken);
        }

        // Callbacks come twice and out of order: a final status stays final.
        await using var db = databases.OpenForSystem();
        await db.Set<CarrierCall>()
            .Where(row => row.CallSid == callSid && !CarrierCall.FinalStatuses.Contains(row.Status))
            .ExecuteUpdateAsync(row => row.SetProperty(r => r.Status, status), cancellationToken);
        return Results.NoContent();
    }

    /// <summary>
    /// The stream ended and the caller is still there. We ended the call: say goodbye or apologise. We did not (a connection
    /// or a server died, or a server is stopping): the session is still open and the caller comes back to it.
    /// </summary>
    /// <remarks>While the database is away the caller holds the line: what is known without it is used, and the rest is asked again.</remarks>
    private static async Task<IResult> AfterStreamAsync(
        HttpContext http,
        TwilioWebhooks guard,
        DatabaseWatch database,
        KralikiDbFactory databases,
        SessionCommands sessions,
        StreamTokens tokens,
        LiveCalls live,
        KralikiOptions options,
        PublicUrls urls,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        if (await guard.ReadAsync(http, cancellationToken) is not { } form)
        {
            return guard.Refusal;
        }

        // After the last resort: Twilio says how the dialled person's call went (TwiML <Dial>, "action").
        if (http.Request.Query.ContainsKey(Dialled))
        {
            return form["DialCallStatus"].ToString() is "completed" or "answered" ? Twiml.Hangup() : Twiml.Apologise(Twiml.Lost);
        }

        string callSid = form["CallSid"].ToString();
        if (live.IsApologised(callSid))
        {
            return Twiml.Apologise("We are sorry, a fault on our side ends this call. Please call us again in a few minutes. Goodbye.");
        }

        var answer = Twiml.Hangup();
        if (await database.AskAsync(async stop => answer = await ContinueAsync(form, http.Request.Query.ContainsKey(Redirected), guard, databases, sessions, tokens, live, options, urls, time, stop), cancellationToken))
        {
            return answer;
        }

        if (live.HasEnded(callSid))
        {
            return Twiml.Hangup();
        }

        int held = int.TryParse(http.Request.Query["held"], out int times) ? times + 1 : 1;
        return held > MostHolds ? Twiml.Apologise(Twiml.Lost) : Twiml.Hold(urls.FixedHttp($"{AfterStreamPath}?held={held}") + AskAgain);
    }

    private static async Task<IResult> ContinueAsync(
        IFormCollection form,
        bool redirected,
        TwilioWebhooks guard,
        KralikiDbFactory databases,
        SessionCommands sessions,
        StreamTokens tokens,
        LiveCalls live,
        KralikiOptions options,
        PublicUrls urls,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        if (await CarrierCall.FindAsync(databases, form["CallSid"].ToString(), cancellationToken) is not { } call || !guard.Covers(call.OrganisationId))
        {
            return Twiml.Hangup();
        }

        // The call that we closed a moment ago may still be writing its end.
        if (live.Find(call.SessionId) is { Closing: true } closing)
        {
            await closing.Ended.WaitAsync(LongestClosing, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
        }

        var asked = time.GetTimestamp();
        var next = await NextAsync(call.SessionId, redirected, sessions, databases, time, cancellationToken);
        while (next == AfterStream.AskAgain && time.GetElapsedTime(asked) < LongestClosing)
        {
            await Task.Delay(ClosingStep, time, cancellationToken);
            next = await NextAsync(call.SessionId, redirected, sessions, databases, time, cancellationToken);
        }

        return next switch
        {
            AfterStream.Human when options.HumanNumber is { } number => Twiml.Dial(number, urls.FixedHttp($"{AfterStreamPath}?{Dialled}=1") + AskAgain),
            AfterStream.Human or AfterStream.Apologise => Twiml.Apologise(Twiml.Lost),
            AfterStream.HangUp => Twiml.Hangup(),
            _ => StreamTo(call, tokens, urls),
        };
    }

    /// <summary>Where a carrier is sent by REST that is to come back to its session.</summary>
    internal static string RedirectUrl(PublicUrls urls) => urls.FixedHttp($"{AfterStreamPath}?{Redirected}=1") + AskAgain;

    /// <summary>What a call's final status means for its session.</summary>
    internal static EndReason EndOf(string status) => status == "completed" ? EndReason.CallerHungUp : EndReason.ConnectCarrierRefused;

    /// <summary>The grain knows best; while its node is dead and nobody has noticed yet, the record is asked.</summary>
    private static async Task<AfterStream> NextAsync(Guid session, bool redirected, SessionCommands sessions, KralikiDbFactory databases, TimeProvider time, CancellationToken cancellationToken)
    {
        try
        {
            return await sessions.AfterStreamAsync(session, redirected).WaitAsync(GrainAnswers, time, cancellationToken);
        }
        catch (Exception e) when (GrainCalls.IsTransient(e))
        {
            await using var db = databases.OpenForSystem();
            var row = await db.Set<SessionRow>().AsNoTracking().SingleOrDefaultAsync(row => row.Id == session, cancellationToken);
            return SessionRules.AfterStream(row);
        }
    }

    private static IResult StreamTo(CarrierCall call, StreamTokens tokens, PublicUrls urls)
        => Twiml.Stream(urls.FixedSocket(MediaCalls.Path), tokens.Issue(call.SessionId, call.CallSid), urls.FixedHttp(AfterStreamPath) + AskAgain);

    // Withheld numbers arrive as words or as stand-ins; they are no number to call back.
    private static string? NumberOrNull(string from) => from.Length is >= 8 and <= 16 && from[0] == '+' && from.Skip(1).All(char.IsAsciiDigit) ? from : null;
}
