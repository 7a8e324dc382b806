using System.ComponentModel;
using System.Globalization;
using System.Text.Json;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Server.Identity;
using Kraliki.Server.Operations;
using Kraliki.Server.Providers;
using Kraliki.Server.Providers.Tools;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Assistants;

/// <summary><c>/api/v1/assistants</c>: what the AI is told to be and to do. Nothing here reaches a call that runs: it keeps its version.</summary>
internal static class AssistantsApi
{
    public static void MapAssistants(this IEndpointRouteBuilder routes)
    {
        var assistants = routes.MapGroup("/api/v1/assistants").WithTags("Assistants");
        var read = assistants.MapGroup("").RequireAuthorization(Permissions.AssistantsRead);
        var manage = assistants.MapGroup("").RequireAuthorization(Permissions.AssistantsManage);

        read.MapGet("", ListAsync).WithName("ListAssistants").WithSummary("The organisation's assistants, newest first; by time of change with updated_since")
            .Produces<Page<AssistantSummary>>().ProducesProblem(StatusCodes.Status400BadRequest);
        read.MapGet("/tools", (ServerTools tools) => TypedResults.Ok(Views(tools))).WithName("ListAssistantTools").WithSummary("What an assistant can be allowed to ask the server for");
        read.MapGet("/{id:guid}", GetAsync).WithName("GetAssistant").WithSummary("One assistant in its newest version")
            .Produces<AssistantView>().ProducesProblem(StatusCodes.Status404NotFound);
        read.MapGet("/{id:guid}/versions", ListVersionsAsync).WithName("ListAssistantVersions").WithSummary("An assistant's versions without their content, newest first")
            .Produces<Page<AssistantVersionView>>().ProducesProblem(StatusCodes.Status404NotFound);
        read.MapGet("/{id:guid}/versions/{number:int}", GetVersionAsync).WithName("GetAssistantVersion").WithSummary("One version of an assistant")
            .Produces<AssistantVersionView>().ProducesProblem(StatusCodes.Status404NotFound);

        manage.MapPost("", CreateAsync).WithName("CreateAssistant").WithSummary("Creates an assistant").Idempotent()
            .Produces<AssistantView>(StatusCodes.Status201Created).ProducesProblem(StatusCodes.Status400BadRequest);
        manage.MapPut("/{id:guid}", SaveAsync).WithName("SaveAssistant").WithSummary("Saves an assistant as a new version, for calls that begin from now on").Versioned()
            .WithDescription("With the content that the newest version has, no version is made.")
            .Produces<AssistantView>().ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status409Conflict);
        manage.MapPost("/{id:guid}/versions/{number:int}/restore", RestoreAsync).WithName("RestoreAssistantVersion").WithSummary("Makes a new version of an old one").VersionedIfAsked()
            .Produces<AssistantView>().ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status409Conflict);
        manage.MapPost("/{id:guid}/archive", ArchiveAsync).WithName("ArchiveAssistant").WithSummary("Keeps an assistant from new calls; nothing of it is lost. Harmless when it is archived")
            .Produces<AssistantView>().ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status409Conflict);
        manage.MapPost("/{id:guid}/unarchive", UnarchiveAsync).WithName("UnarchiveAssistant").WithSummary("Takes an assistant back; harmless when it is not archived")
            .Produces<AssistantView>().ProducesProblem(StatusCodes.Status404NotFound);
        manage.MapPost("/{id:guid}/default", MakeDefaultAsync).WithName("MakeAssistantDefault").WithSummary("Gives it the calls that name no assistant")
            .Produces<AssistantView>().ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status409Conflict);
    }

    private static async Task<IResult> ListAsync(
        [AsParameters] Paging page,
        KralikiDb db,
        CancellationToken cancellationToken,
        [FromQuery(Name = "archived"), Description("With those that are archived.")] bool archived = false,
        [FromQuery(Name = "updated_since"), Description(Paging.UpdatedSince)] DateTimeOffset? updatedSince = null)
    {
        var rows = db.Set<Assistant>().AsNoTracking().Where(row => archived || row.ArchivedAt == null);
        var standard = await DefaultAsync(db, cancellationToken);
        return updatedSince is { } since
            ? await page.ByChangeAsync(rows.Where(row => row.UpdatedAt >= since), row => row.UpdatedAt, row => row.Id, View, cancellationToken)
            : await page.NewestFirstAsync(rows, row => row.Id, View, cancellationToken);

        AssistantSummary View(Assistant row) => new(row.Id, row.Name, row.Version, row.Id == standard, row.CreatedAt, row.UpdatedAt, row.UpdatedBy, row.ArchivedAt);
    }

    private static IReadOnlyList<AssistantToolView> Views(ServerTools tools) => [.. tools.Offers.Select(tool => new AssistantToolView(tool.Name, tool.Description))];

    private static async Task<IResult> GetAsync(Guid id, HttpContext http, KralikiDb db, CancellationToken cancellationToken) =>
        await FindAsync(id, db, cancellationToken) is { } view ? Tagged(http, view) : NotFound(id);

    private static async Task<IResult> ListVersionsAsync(Guid id, [AsParameters] Paging page, KralikiDb db, CancellationToken cancellationToken) =>
        await db.Set<Assistant>().AnyAsync(row => row.Id == id, cancellationToken)
            ? await page.NewestFirstAsync(
                db.Set<AssistantVersion>().AsNoTracking().Where(row => row.AssistantId == id), row => row.Number, row => View(row) with { Content = null }, cancellationToken)
            : NotFound(id);

    private static async Task<IResult> GetVersionAsync(Guid id, int number, KralikiDb db, CancellationToken cancellationToken) =>
        await VersionAsync(id, number, db, cancellationToken) is { } version ? TypedResults.Ok(View(version)) : NoVersion(id, number);

    private static async Task<IResult> CreateAsync(
        SaveAssistant body,
        HttpContext http,
        KralikiDb db,
        CurrentUser user,
        ServerTools tools,
        AuditLog audit,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        if (Check(body, tools) is { } refusal)
        {
            return refusal;
        }

        var id = http.NewId();
        if (await FindAsync(id, db, cancellationToken) is { } earlier)
        {
            return Created(http, earlier);
        }

        var now = time.GetUtcNow();
        var content = AssistantInput.Tidy(body.Content);
        var row = new Assistant { Id = id, OrganisationId = user.OrganisationId, Name = content.Name, Version = 1, CreatedAt = now, UpdatedAt = now, UpdatedBy = user.Email };
        db.AddRange(row, NewVersion(row, content, AssistantInput.OrNull(body.Note), restoredFrom: null));
        await db.SaveChangesAsync(cancellationToken);
        await audit.WriteAsync(AuditActions.AssistantCreated, id.ToString(), content.Name);
        return Created(http, View(row, content, standard: null));
    }

    private static async Task<IResult> SaveAsync(
        Guid id,
        SaveAssistant body,
        HttpContext http,
        KralikiDb db,
        CurrentUser user,
        ServerTools tools,
        AuditLog audit,
        TimeProvider time,
        CancellationToken cancellationToken) =>
        Check(body, tools) ?? await AddVersionAsync(id, AssistantInput.Tidy(body.Content), AssistantInput.OrNull(body.Note), restoredFrom: null, http, db, user, audit, time, cancellationToken);

    private static async Task<IResult> RestoreAsync(
        Guid id, int number, HttpContext http, KralikiDb db, CurrentUser user, AuditLog audit, TimeProvider time, CancellationToken cancellationToken) =>
        await VersionAsync(id, number, db, cancellationToken) is { } old
            ? await AddVersionAsync(id, old.Content, note: null, number, http, db, user, audit, time, cancellationToken)
            : NoVersion(id, number);

    private static async Task<IResult> AddVersionAsync(
        Guid id,
        AssistantContent content,
        string? note,
        int? restoredFrom,
        HttpContext http,
        KralikiDb db,
        CurrentUser user,
        AuditLog audit,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        // What is restored says all; what is written was written over something.
        if (!Preconditions.TryRead(http.Request, out var ifVersion, out var refusal, required: restoredFrom is null))
        {
            return refusal;
        }

        if (await db.Set<Assistant>().SingleOrDefaultAsync(row => row.Id == id, cancellationToken) is not { } row
            || await FindAsync(id, db, cancellationToken) is not { } before)
        {
            return NotFound(id);
        }

        if (ifVersion is { } seen && seen != row.Version)
        {
            return Conflict(http, before);
        }

        if (row.ArchivedAt is not null)
        {
            return Archived();
        }

        if (Json(before.Content) == Json(content))
        {
            return Tagged(http, before);
        }

        (row.Name, row.Version, row.UpdatedAt, row.UpdatedBy) = (content.Name, row.Version + 1, time.GetUtcNow(), user.Email);
        db.Add(NewVersion(row, content, note, restoredFrom));
        try
        {
            await db.SaveChangesAsync(cancellationToken);
        }
        catch (DbUpdateException)
        {
            // Somebody else saved or archived it between our look and our write.
            db.ChangeTracker.Clear();
            var now = (await FindAsync(id, db, cancellationToken))!;
            return now.ArchivedAt is null ? Conflict(http, now) : Archived();
        }

        await audit.WriteAsync(
            restoredFrom is null ? AuditActions.AssistantChanged : AuditActions.AssistantRestored,
            id.ToString(),
            string.Create(CultureInfo.InvariantCulture, $"{row.Name}: version {row.Version}{(restoredFrom is { } old ? $", which repeats version {old}" : "")}."));
        return Tagged(http, View(row, content, before.IsDefault ? id : null));
    }

    private static Task<IResult> ArchiveAsync(Guid id, HttpContext http, KralikiDb db, AuditLog audit, TimeProvider time, CancellationToken cancellationToken) =>
        SetArchivedAsync(id, time.GetUtcNow(), AuditActions.AssistantArchived, http, db, audit, time, cancellationToken);

    private static Task<IResult> UnarchiveAsync(Guid id, HttpContext http, KralikiDb db, AuditLog audit, TimeProvider time, CancellationToken cancellationToken) =>
        SetArchivedAsync(id, archivedAt: null, AuditActions.AssistantUnarchived, http, db, audit, time, cancellationToken);

    /// <remarks>Archiving one and making it the default queue at the organisation's row: never is an archived one the default.</remarks>
    private static async Task<IResult> SetArchivedAsync(
        Guid id, DateTimeOffset? archivedAt, string action, HttpContext http, KralikiDb db, AuditLog audit, TimeProvider time, CancellationToken cancellationToken)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        await LockAsync(db, cancellationToken);
        if (await FindAsync(id, db, cancellationToken) is not { } view)
        {
            return NotFound(id);
        }

        if (view.ArchivedAt is null == archivedAt is null)
        {
            return Tagged(http, view);
        }

        if (view.IsDefault)
        {
            return Problems.Result(StatusCodes.Status409Conflict, "default_assistant", "This assistant takes the calls that name none; make another one the default first.");
        }

        var now = time.GetUtcNow();
        await db.Set<Assistant>().Where(row => row.Id == id)
            .ExecuteUpdateAsync(row => row.SetProperty(a => a.ArchivedAt, archivedAt).SetProperty(a => a.UpdatedAt, now), cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        await audit.WriteAsync(action, id.ToString(), view.Content.Name);
        return Tagged(http, view with { ArchivedAt = archivedAt, UpdatedAt = now });
    }

    private static async Task<IResult> MakeDefaultAsync(Guid id, HttpContext http, KralikiDb db, AuditLog audit, TimeProvider time, CancellationToken cancellationToken)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        await LockAsync(db, cancellationToken);
        if (await FindAsync(id, db, cancellationToken) is not { } view)
        {
            return NotFound(id);
        }

        if (view.ArchivedAt is not null)
        {
            return Archived();
        }

        if (view.IsDefault)
        {
            return Tagged(http, view);
        }

        // One has become the default and another one is it no more: both have changed for who reads what is new.
        var now = time.GetUtcNow();
        var before = await DefaultAsync(db, cancellationToken);
        await db.Set<Organisation>().ExecuteUpdateAsync(row => row.SetProperty(o => o.DefaultAssistantId, id), cancellationToken);
        await db.Set<Assistant>().Where(row => row.Id == id || row.Id == before).ExecuteUpdateAsync(row => row.SetProperty(a => a.UpdatedAt, now), cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        await audit.WriteAsync(AuditActions.DefaultAssistantChanged, id.ToString(), view.Content.Name);
        return Tagged(http, view with { IsDefault = true, UpdatedAt = now });
    }

    // An update that changes nothing: it waits for whoever holds the row.
    private static Task LockAsync(KralikiDb db, CancellationToken cancellationToken) =>
        db.Set<Organisation>().ExecuteUpdateAsync(row => row.SetProperty(o => o.DefaultAssistantId, o => o.DefaultAssistantId), cancellationToken);

    private static IResult? Check(SaveAssistant body, ServerTools tools) =>
        AssistantInput.ErrorsOf(body, VoiceProviders.Names, [.. tools.Offers.Select(tool => tool.Name)]) is { Count: > 0 } errors ? Problems.Invalid(errors) : null;

    private static AssistantVersion NewVersion(Assistant row, AssistantContent content, string? note, int? restoredFrom) => new()
    {
        OrganisationId = row.OrganisationId,
        AssistantId = row.Id,
        Number = row.Version,
        Content = content,
        At = row.UpdatedAt,
        By = row.UpdatedBy,
        Note = note,
        RestoredFrom = restoredFrom,
    };

    private static Task<Guid> DefaultAsync(KralikiDb db, CancellationToken cancellationToken) =>
        db.Set<Organisation>().Select(row => row.DefaultAssistantId).SingleOrDefaultAsync(cancellationToken);

    private static Task<AssistantVersion?> VersionAsync(Guid id, int number, KralikiDb db, CancellationToken cancellationToken) =>
        db.Set<AssistantVersion>().AsNoTracking().SingleOrDefaultAsync(row => row.AssistantId == id && row.Number == number, cancellationToken);

    private static async Task<AssistantView?> FindAsync(Guid id, KralikiDb db, CancellationToken cancellationToken)
    {
        var found = await (
            from assistant in db.Set<Assistant>()
            where assistant.Id == id
            join version in db.Set<AssistantVersion>() on new { assistant.Id, Number = assistant.Version } equals new { Id = version.AssistantId, version.Number }
            select new { assistant, version.Content }).AsNoTracking().SingleOrDefaultAsync(cancellationToken);
        return found is null ? null : View(found.assistant, found.Content, await DefaultAsync(db, cancellationToken));
    }

    private static AssistantView View(Assistant row, AssistantContent content, Guid? standard) =>
        new(row.Id, content, row.Version, row.Id == standard, row.CreatedAt, row.UpdatedAt, row.UpdatedBy, row.ArchivedAt);

    private static AssistantVersionView View(AssistantVersion row) => new(row.Number, row.At, row.By, row.Note, row.RestoredFrom, row.Content);

    private static string Json(AssistantContent content) => JsonSerializer.Serialize(content, ContractsJson.Default.AssistantContent);

    private static IResult Tagged(HttpContext http, AssistantView view) => Preconditions.Tagged(http, view.Version, TypedResults.Ok(view));

    private static IResult Created(HttpContext http, AssistantView view) => Preconditions.Tagged(http, view.Version, TypedResults.Created($"/api/v1/assistants/{view.Id}", view));

    private static IResult Conflict(HttpContext http, AssistantView now) => Preconditions.Tagged(http, now.Version, Problems.Conflict(now, ContractsJson.Default.AssistantView));

    private static IResult Archived() => Problems.Result(StatusCodes.Status409Conflict, "assistant_archived", "This assistant is archived; take it back first: POST …/unarchive.");

    private static IResult NotFound(Guid id) => Problems.NotFound($"There is no assistant {id}.");

    private static IResult NoVersion(Guid id, int number) => Problems.NotFound(string.Create(CultureInfo.InvariantCulture, $"There is no version {number} of an assistant {id}."));
}
