using System.Text.Json;
using Kraliki.Contracts;
using Kraliki.Server.Assistants;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Server.Identity;
using Kraliki.Server.Operations;
using Kraliki.Server.Sessions.Calls;
using Kraliki.Server.Sessions.Journal;
using Kraliki.Server.Sessions.Sockets;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Sessions.Api;

/// <summary><c>/api/v1/sessions</c>. Reads come from the database, through the organisation's filter; changes go to the session's grain.</summary>
internal static partial class SessionsApi
{
    private const int MostEvents = 1_000;

    public static void MapSessionsApi(this IEndpointRouteBuilder routes)
    {
        var sessions = routes.MapGroup("/api/v1/sessions").WithTags("Sessions").ProducesProblem(StatusCodes.Status401Unauthorized).ProducesProblem(StatusCodes.Status503ServiceUnavailable)
            .AddEndpointFilter(TellWhenAwayAsync);
        var read = sessions.MapGroup("").RequireAuthorization(Permissions.SessionsRead);
        var manage = sessions.MapGroup("").RequireAuthorization(Permissions.SessionsManage).ProducesProblem(StatusCodes.Status403Forbidden);

        manage.MapPost("", CreateAsync).WithName("CreateSession").WithSummary("Creates a session").Idempotent().AddEndpointFilter(RefuseNewCallsAsync)
            .Produces<SessionView>(StatusCodes.Status201Created).ProducesProblem(StatusCodes.Status400BadRequest);
        manage.MapPost("/bootstrap", BootstrapAsync).WithName("BootstrapSession").WithSummary("Creates a session and returns all that a browser needs to join it")
            // Each answer holds a ticket that is good for once.
            .Idempotent(storesAnswer: false).AddEndpointFilter(RefuseNewCallsAsync)
            .Produces<SessionBootstrap>(StatusCodes.Status201Created).ProducesProblem(StatusCodes.Status400BadRequest);
        read.MapGet("", ListAsync).WithName("ListSessions").WithSummary("Lists sessions, newest first; by time of change with updated_since")
            .Produces<Page<SessionView>>().ProducesProblem(StatusCodes.Status400BadRequest);
        read.MapGet("/{id:guid}", GetAsync).WithName("GetSession").WithSummary("One session")
            .Produces<SessionView>().ProducesProblem(StatusCodes.Status404NotFound);
        manage.MapPatch("/{id:guid}", UpdateAsync).WithName("UpdateSession").WithSummary("Changes state, phone number or metadata").Versioned()
            .Produces<SessionView>().ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict).ProducesProblem(StatusCodes.Status412PreconditionFailed);
        manage.MapPost("/{id:guid}/end", EndAsync).WithName("EndSession").WithSummary("Ends a session; harmless when it has ended")
            .WithDescription("An end is urgent, so If-Match may be left out: then the session ends in whatever state it is.").VersionedIfAsked()
            .Produces<SessionView>().Produces<SessionView>(StatusCodes.Status202Accepted).ProducesProblem(StatusCodes.Status404NotFound);
        MapMicrophone(manage);
        MapProviderCommands(read, manage);
        read.MapGet("/{id:guid}/usage", UsageAsync).WithName("GetSessionUsage").WithSummary("What the session used of AI providers, and what that costs")
            .WithDescription("Counted while the call runs, every few seconds. Costs are by configured prices, else by the vendors' list prices; a cost of null means that there is no price for the model.")
            .Produces<SessionUsage>().ProducesProblem(StatusCodes.Status404NotFound);
        read.MapPost("/{id:guid}/ticket", IssueTicketAsync).WithName("IssueSocketTicket").WithSummary("A single-use ticket for the session's socket")
            .Produces<SocketTicket>(StatusCodes.Status201Created).ProducesProblem(StatusCodes.Status404NotFound);
        read.MapGet("/{id:guid}/events", EventsAsync).WithName("ListSessionEvents").WithSummary("The session's journal after a sequence number")
            .Produces<SessionEventPage>().ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status404NotFound);
        read.MapGet("/{id:guid}/transcript", TranscriptAsync).WithName("GetTranscript").WithSummary("Finished turns as JSON, text, WebVTT or SRT")
            .Produces<Transcript>(StatusCodes.Status200OK, "application/json", TranscriptText.Plain, TranscriptText.Vtt, TranscriptText.Srt)
            .ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status406NotAcceptable);
    }

    private static async Task<IResult> CreateAsync(
        CreateSession body,
        HttpContext http,
        SessionChoices choices,
        JournalReader journal,
        CurrentUser user,
        SessionCommands commands,
        PublicUrls urls,
        CancellationToken cancellationToken)
    {
        var (facts, refusal) = await ReadAsync(body, choices, journal, user, cancellationToken);
        if (facts is null)
        {
            return refusal!;
        }

        var row = await commands.CreateAsync(http.NewId(), user.OrganisationId, facts, cancellationToken);
        return Created(http, row, View(row, urls));
    }

    private static async Task<IResult> BootstrapAsync(
        CreateSession body,
        HttpContext http,
        SessionChoices choices,
        JournalReader journal,
        CurrentUser user,
        SessionCommands commands,
        SocketTickets tickets,
        OfferedFeatures features,
        PublicUrls urls,
        CancellationToken cancellationToken)
    {
        var (facts, refusal) = await ReadAsync(body, choices, journal, user, cancellationToken);
        if (facts is null)
        {
            return refusal!;
        }

        var row = await commands.CreateAsync(http.NewId(), user.OrganisationId, facts, cancellationToken);
        var view = View(row, urls);
        return Created(http, row, new SessionBootstrap(view, view.SocketUrl, tickets.Issue(PassFor(row.Id, user)), [], features.Of(user.OrganisationId)));
    }

    /// <summary>What the session is to be made of; otherwise, what is wrong with the wish.</summary>
    private static async Task<(SessionCreated? Facts, IResult? Refusal)> ReadAsync(
        CreateSession body, SessionChoices choices, JournalReader journal, CurrentUser user, CancellationToken cancellationToken)
    {
        if (SessionInput.ErrorsOf(body, choices) is { Count: > 0 } errors)
        {
            return (null, Problems.Invalid(errors));
        }

        var assistant = await ChosenAssistant.FindAsync(journal, user.OrganisationId, body.Assistant, cancellationToken);
        return assistant is null && body.Assistant is not null
            ? (null, Problems.Invalid("assistant", ChosenAssistant.Unknown))
            : (choices.Complete(body, assistant), null);
    }

    private static async Task<IResult> ListAsync(
        [AsParameters] SessionQuery query, [AsParameters] Paging page, KralikiDb db, PublicUrls urls, CancellationToken cancellationToken)
    {
        if (query.Errors() is { Count: > 0 } errors)
        {
            return Problems.Invalid(errors);
        }

        var rows = query.Filter(db.Set<SessionRow>().AsNoTracking());

        // Ids are UUIDv7: the newest first means by falling id.
        return query.UpdatedSince is null
            ? await page.NewestFirstAsync(rows, row => row.Id, row => View(row, urls), cancellationToken)
            : await page.ByChangeAsync(rows, row => row.UpdatedAt, row => row.Id, row => View(row, urls), cancellationToken);
    }

    private static async Task<IResult> GetAsync(Guid id, HttpContext http, JournalReader journal, CurrentUser user, PublicUrls urls, CancellationToken cancellationToken) =>
        await journal.FindAsync(user.OrganisationId, id, cancellationToken) is { } row ? Ok(http, row, urls) : NotFound(id);

    private static async Task<IResult> UpdateAsync(
        Guid id,
        UpdateSession body,
        HttpContext http,
        JournalReader journal,
        CurrentUser user,
        SessionCommands commands,
        PublicUrls urls,
        CancellationToken cancellationToken)
    {
        if (SessionInput.ErrorsOf(body) is { Count: > 0 } errors)
        {
            return Problems.Invalid(errors);
        }

        if (!Preconditions.TryRead(http.Request, out var ifVersion, out var refusal))
        {
            return refusal;
        }

        if (await journal.FindAsync(user.OrganisationId, id, cancellationToken) is null)
        {
            return NotFound(id);
        }

        var outcome = await commands.UpdateAsync(id, body, user.Email, ifVersion, cancellationToken);
        return outcome switch
        {
            { Result: ChangeResult.Done, Row: { } row } => Ok(http, row, urls),
            { Result: ChangeResult.VersionConflict, Row: { } row } => Conflict(http, row, urls),
            { Result: ChangeResult.IllegalMove, Row: { } row } => Preconditions.Tagged(http, row.Version, Problems.Result(
                StatusCodes.Status409Conflict,
                "illegal_transition",
                IllegalMove(row.State, body.State!.Value),
                allowedStates: SessionStates.AllowedFrom(row.State),
                current: JsonSerializer.SerializeToElement(View(row, urls), ContractsJson.Default.SessionView))),
            _ => NotFound(id),
        };
    }

    private static async Task<IResult> EndAsync(
        Guid id,
        HttpContext http,
        JournalReader journal,
        LiveCalls calls,
        CurrentUser user,
        SessionCommands commands,
        PublicUrls urls,
        CancellationToken cancellationToken,
        [FromBody(EmptyBodyBehavior = Microsoft.AspNetCore.Mvc.ModelBinding.EmptyBodyBehavior.Allow)] EndSession? body = null)
    {
        if (!await IsOursAsync(id, journal, calls, user, cancellationToken))
        {
            return NotFound(id);
        }

        if (!Preconditions.TryRead(http.Request, out var ifVersion, out var refusal, required: false))
        {
            return refusal;
        }

        if (body?.Note is { Length: > SessionInput.LongestNote })
        {
            return Problems.Invalid("note", $"note must have at most {SessionInput.LongestNote} characters.");
        }

        var outcome = await commands.EndAsync(id, user.Email, body?.Note, ifVersion, cancellationToken);
        if (outcome.Row is not { } row)
        {
            return NotFound(id);
        }

        if (outcome.Result == ChangeResult.VersionConflict)
        {
            return Conflict(http, row, urls);
        }

        // 202: the call's media is being stopped, the end follows as an event.
        return SessionStates.IsTerminal(row.State) ? Ok(http, row, urls) : Preconditions.Tagged(http, row.Version, TypedResults.Accepted((string?)null, View(row, urls)));
    }

    /// <summary>While nothing can be read, a call that this node holds says whose it is: its end must not wait for the database.</summary>
    private static async Task<bool> IsOursAsync(Guid id, JournalReader journal, LiveCalls calls, CurrentUser user, CancellationToken cancellationToken)
    {
        try
        {
            return await journal.FindAsync(user.OrganisationId, id, cancellationToken) is not null;
        }
        catch (JournalUnavailableException) when (calls.Find(id) is { } call)
        {
            return call.Organisation == user.OrganisationId;
        }
    }

    private static async Task<IResult> IssueTicketAsync(
        Guid id, JournalReader journal, CurrentUser user, SocketTickets tickets, PersonalDataReads reads, CancellationToken cancellationToken)
    {
        if (await journal.FindAsync(user.OrganisationId, id, cancellationToken) is null)
        {
            return NotFound(id);
        }

        await reads.NoteAsync(user, id, "socket");
        return TypedResults.Json(tickets.Issue(PassFor(id, user)), ContractsJson.Default.SocketTicket, statusCode: StatusCodes.Status201Created);
    }

    private static async Task<IResult> EventsAsync(
        Guid id,
        CurrentUser user,
        JournalReader journal,
        PersonalDataReads reads,
        CancellationToken cancellationToken,
        [FromQuery(Name = "after_seq")] long afterSeq = 0,
        int limit = 200)
    {
        if (limit is < 1 or > MostEvents)
        {
            return Problems.Invalid("limit", $"limit must be from 1 to {MostEvents}.");
        }

        if (afterSeq < 0)
        {
            return Problems.Invalid("after_seq", "after_seq must be 0 or more.");
        }

        if (await journal.FindAsync(user.OrganisationId, id, cancellationToken) is not { } row)
        {
            return NotFound(id);
        }

        await reads.NoteAsync(user, id, "events");
        var events = await journal.EventsAsync(id, afterSeq, limit, cancellationToken);
        var lastSeq = Math.Max(row.LastSeq, events.LastOrDefault()?.Seq ?? 0);
        return TypedResults.Ok(new SessionEventPage(events, lastSeq, (events.LastOrDefault()?.Seq ?? afterSeq) < lastSeq));
    }

    private static async Task<IResult> UsageAsync(Guid id, CurrentUser user, JournalReader journal, CancellationToken cancellationToken) =>
        await journal.FindAsync(user.OrganisationId, id, cancellationToken) is { } row ? TypedResults.Ok(new SessionUsage(id, row.Usage, row.Cost)) : NotFound(id);

    private static async Task<IResult> TranscriptAsync(
        Guid id,
        HttpRequest request,
        CurrentUser user,
        JournalReader journal,
        PersonalDataReads reads,
        CancellationToken cancellationToken,
        string? format = null)
    {
        if (TranscriptText.FormatOf(format, request.GetTypedHeaders().Accept) is not { } wanted)
        {
            return format is null
                ? Problems.Result(StatusCodes.Status406NotAcceptable, "not_acceptable", $"The transcript is available as {string.Join(", ", TranscriptText.MediaTypes)}.")
                : Problems.Invalid("format", $"format must be one of {string.Join(", ", TranscriptText.Formats)}.");
        }

        if (await journal.FindAsync(user.OrganisationId, id, cancellationToken) is not { } row)
        {
            return NotFound(id);
        }

        await reads.NoteAsync(user, id, "transcript");
        var turns = await journal.TurnsAsync(id, cancellationToken);
        var transcript = new Transcript(id, row.StartedAt, turns.ConvertAll(turn => TranscriptText.Line(turn.Seq, (TurnFinished)turn.Data)));
        return TranscriptText.Result(transcript, wanted);
    }

    /// <summary>The journal or the session's grain did not answer in spite of retries: that passes, and the client may try again.</summary>
    private static async ValueTask<object?> TellWhenAwayAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        try
        {
            return await next(context);
        }
        catch (Exception e) when (GrainCalls.IsTransient(e))
        {
            context.HttpContext.Response.Headers.RetryAfter = "2";
            return Problems.Result(
                StatusCodes.Status503ServiceUnavailable, "session_unavailable", "The session cannot be reached at present; nothing is lost. Try again in a moment.");
        }
    }

    private static ValueTask<object?> RefuseNewCallsAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        if (context.HttpContext.RequestServices.GetRequiredService<NewCalls>().Refusal is not { } refusal)
        {
            return next(context);
        }

        context.HttpContext.Response.Headers.RetryAfter = "5";
        return ValueTask.FromResult<object?>(Problems.Result(StatusCodes.Status503ServiceUnavailable, refusal.Code, refusal.Detail));
    }

    private static SessionView View(SessionRow row, PublicUrls urls) => row.ToView(urls.Socket($"/ws/sessions/{row.Id}"));

    private static SocketPass PassFor(Guid id, CurrentUser user) => new(id, user.Email, user.May(Permissions.SessionsManage), user.SignIn, user.Role);

    private static IResult NotFound(Guid id) => Problems.NotFound($"There is no session {id}.");

    private static IResult Ok(HttpContext http, SessionRow row, PublicUrls urls) => Preconditions.Tagged(http, row.Version, TypedResults.Ok(View(row, urls)));

    private static IResult Conflict(HttpContext http, SessionRow row, PublicUrls urls) =>
        Preconditions.Tagged(http, row.Version, Problems.Conflict(View(row, urls), ContractsJson.Default.SessionView));

    private static IResult Created<T>(HttpContext http, SessionRow row, T body) => Preconditions.Tagged(http, row.Version, TypedResults.Created($"/api/v1/sessions/{row.Id}", body));

    private static string IllegalMove(SessionState from, SessionState to)
    {
        var allowed = SessionStates.AllowedFrom(from).Select(WireWord.Of).ToList();
        var (a, b) = (WireWord.Of(from), WireWord.Of(to));
        return allowed.Count == 0
            ? $"The session is {a}: that is final, it cannot become {b}."
            : $"The session is {a} and cannot become {b}; it can become {string.Join(" or ", allowed)}.";
    }
}
