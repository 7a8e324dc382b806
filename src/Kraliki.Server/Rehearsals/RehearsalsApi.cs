using System.ComponentModel;
using Kraliki.Contracts;
using Kraliki.Server.Assistants;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Server.Identity;
using Kraliki.Server.Providers;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Rehearsals;

/// <summary><c>/api/v1/rehearsals</c>: practice calls against a simulated caller.</summary>
internal static class RehearsalsApi
{
    public static void MapRehearsals(this IEndpointRouteBuilder routes)
    {
        var rehearsals = routes.MapGroup("/api/v1/rehearsals").WithTags("Rehearsals");
        rehearsals.MapPost("", StartAsync).RequireAuthorization(Permissions.RehearsalsRun).WithName("StartRehearsal").WithSummary("Starts a practice call").Idempotent()
            .Produces<RehearsalView>(StatusCodes.Status202Accepted).ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status503ServiceUnavailable);
        rehearsals.MapGet("", ListAsync).RequireAuthorization(Permissions.RehearsalsRead).WithName("ListRehearsals").WithSummary("Practice calls, newest first; by time of change with updated_since")
            .Produces<Page<RehearsalView>>().ProducesProblem(StatusCodes.Status400BadRequest);
        rehearsals.MapGet("/scripts", (RehearsalScripts scripts) => TypedResults.Ok(Views(scripts))).RequireAuthorization(Permissions.RehearsalsRead).WithName("ListCallerScripts").WithSummary("What the simulated caller can play");
        rehearsals.MapGet("/{id:guid}", GetAsync).RequireAuthorization(Permissions.RehearsalsRead).WithName("GetRehearsal").WithSummary("One practice call, with its report once it is over")
            .Produces<RehearsalView>().ProducesProblem(StatusCodes.Status404NotFound);
    }

    private static IReadOnlyList<CallerScriptView> Views(RehearsalScripts scripts)
        => [.. scripts.All.Select(script => new CallerScriptView(script.Name, script.Title, script.Description, script.Lines, script.ApproximateSeconds))];

    private static async Task<IResult> StartAsync(
        StartRehearsal body, HttpContext http, KralikiDb db, CurrentUser user, RehearsalScripts scripts, VoiceProviders providers, RehearsalRunner runner, TimeProvider time, CancellationToken cancellationToken)
    {
        string script = body.Script ?? scripts.All[0].Name;
        if (scripts.Find(script) is null)
        {
            return Problems.Invalid("script", $"script must be one of {string.Join(", ", scripts.All.Select(known => known.Name))}.");
        }

        var assistant = await ChosenAssistant.FindAsync(db, user.OrganisationId, body.Assistant, cancellationToken);
        if (assistant is null && body.Assistant is not null)
        {
            return Problems.Invalid("assistant", ChosenAssistant.Unknown);
        }

        string provider = body.Provider ?? assistant?.FirstOf(providers) ?? providers.Default;
        var known = providers.All();
        if (known.FirstOrDefault(view => view.Name == provider) is not { } view)
        {
            return Problems.Invalid("provider", $"provider must be one of {string.Join(", ", known.Select(one => one.Name))}.");
        }

        if (view.Unavailable is { } reason)
        {
            return Problems.Invalid("provider", $"provider {provider} cannot be used: {reason}");
        }

        if (body.TelephonyProvider is not (null or "twilio"))
        {
            return Problems.Invalid("telephony_provider", "telephony_provider must be twilio.");
        }

        var id = http.NewId();
        if (await FindAsync(id, db, cancellationToken) is { } earlier)
        {
            return Accepted(earlier);
        }

        var now = time.GetUtcNow();
        var row = new RehearsalRow
        {
            Id = id,
            OrganisationId = user.OrganisationId,
            Script = script,
            Provider = provider,
            TelephonyProvider = "twilio",
            AssistantId = assistant?.Id,
            AssistantVersion = assistant?.Version,
            CreatedAt = now,
            UpdatedAt = now,
        };
        db.Add(row);
        await db.SaveChangesAsync(cancellationToken);
        if (!runner.TryQueue(row.Id))
        {
            db.Remove(row);
            await db.SaveChangesAsync(CancellationToken.None);
            return Problems.Result(StatusCodes.Status503ServiceUnavailable, "too_many_rehearsals", "Too many practice calls are waiting; try again when one has ended.");
        }

        return Accepted(row);
    }

    private static Task<IResult> ListAsync(
        [AsParameters] Paging page,
        KralikiDb db,
        CancellationToken cancellationToken,
        [FromQuery(Name = "updated_since"), Description(Paging.UpdatedSince)] DateTimeOffset? updatedSince = null)
    {
        var rows = db.Set<RehearsalRow>().AsNoTracking();
        return updatedSince is { } since
            ? page.ByChangeAsync(rows.Where(row => row.UpdatedAt >= since), row => row.UpdatedAt, row => row.Id, row => row.ToView(), cancellationToken)
            : page.NewestFirstAsync(rows, row => row.Id, row => row.ToView(), cancellationToken);
    }

    private static async Task<IResult> GetAsync(Guid id, KralikiDb db, CancellationToken cancellationToken) =>
        await FindAsync(id, db, cancellationToken) is { } row ? TypedResults.Ok(row.ToView()) : Problems.NotFound($"There is no rehearsal {id}.");

    private static Task<RehearsalRow?> FindAsync(Guid id, KralikiDb db, CancellationToken cancellationToken) =>
        db.Set<RehearsalRow>().AsNoTracking().SingleOrDefaultAsync(row => row.Id == id, cancellationToken);

    private static IResult Accepted(RehearsalRow row) => TypedResults.Accepted($"/api/v1/rehearsals/{row.Id}", row.ToView());
}
