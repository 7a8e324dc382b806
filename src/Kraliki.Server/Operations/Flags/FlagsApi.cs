using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Server.Identity;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Operations.Flags;

/// <summary><c>/api/v1/flags</c>: what the organisation has switched on and off.</summary>
internal static class FlagsApi
{
    public static void MapFlags(this IEndpointRouteBuilder routes)
    {
        var flags = routes.MapGroup("/api/v1/flags").WithTags("Flags");
        flags.MapGet("", ListAsync).RequireAuthorization(Permissions.FlagsRead).WithName("ListFlags").WithSummary("What the organisation can switch off and on while calls run")
            .Produces<IReadOnlyList<FlagView>>();
        flags.MapGet("/{name}", GetAsync).RequireAuthorization(Permissions.FlagsRead).WithName("GetFlag").WithSummary("One flag")
            .Produces<FlagView>().ProducesProblem(StatusCodes.Status404NotFound);
        flags.MapPatch("/{name}", UpdateAsync).RequireAuthorization(Permissions.FlagsManage).WithName("UpdateFlag").Versioned()
            .WithSummary("Switches a flag; running calls follow within five seconds")
            .Produces<FlagView>().ProducesProblem(StatusCodes.Status404NotFound).ProducesProblem(StatusCodes.Status409Conflict);
    }

    private static async Task<IResult> ListAsync(KralikiDb db, CurrentUser user, KralikiOptions options, CancellationToken cancellationToken)
    {
        var rows = await db.Set<FlagRow>().AsNoTracking().ToDictionaryAsync(row => row.Name, cancellationToken);
        IReadOnlyList<FlagView> views = [.. FlagDefinition.All.Select(flag => View(flag, rows.GetValueOrDefault(flag.Name), Locked(flag, user, options)))];
        return TypedResults.Ok(views);
    }

    private static async Task<IResult> GetAsync(
        string name, HttpContext http, KralikiDb db, CurrentUser user, KralikiOptions options, CancellationToken cancellationToken)
    {
        if (FlagDefinition.Find(name) is not { } flag)
        {
            return NotFound(name);
        }

        var row = await db.Set<FlagRow>().AsNoTracking().SingleOrDefaultAsync(row => row.Name == name, cancellationToken);
        return Tagged(http, View(flag, row, Locked(flag, user, options)));
    }

    private static async Task<IResult> UpdateAsync(
        string name,
        UpdateFlag body,
        HttpContext http,
        KralikiDb db,
        CurrentUser user,
        FeatureFlags flags,
        AuditLog audit,
        KralikiOptions options,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        if (FlagDefinition.Find(name) is not { } flag)
        {
            return NotFound(name);
        }

        if (!Preconditions.TryRead(http.Request, out var ifVersion, out var refusal))
        {
            return refusal;
        }

        if (Locked(flag, user, options) is { } locked)
        {
            return Problems.Result(StatusCodes.Status409Conflict, "flag_locked", locked);
        }

        var row = await db.Set<FlagRow>().SingleOrDefaultAsync(row => row.Name == name, cancellationToken);
        var before = View(flag, row, null);
        if (ifVersion is { } version && version != before.Version)
        {
            return Conflict(http, before);
        }

        if (body.Enabled == row?.Enabled)
        {
            return Tagged(http, before);
        }

        if (row is null)
        {
            row = new FlagRow { OrganisationId = user.OrganisationId, Name = name, Enabled = body.Enabled, UpdatedAt = time.GetUtcNow(), UpdatedBy = user.Email, Version = 1 };
            db.Add(row);
        }
        else
        {
            (row.Enabled, row.UpdatedAt, row.UpdatedBy, row.Version) = (body.Enabled, time.GetUtcNow(), user.Email, row.Version + 1);
        }

        try
        {
            await db.SaveChangesAsync(cancellationToken);
        }
        catch (DbUpdateException)
        {
            // Somebody else decided between our look and our write: the first decision of all, or a newer version.
            db.ChangeTracker.Clear();
            return Conflict(http, View(flag, await db.Set<FlagRow>().AsNoTracking().SingleAsync(row => row.Name == name, cancellationToken), null));
        }

        flags.Announce(row);
        var view = View(flag, row, null);
        await audit.WriteAsync(AuditActions.FlagChanged, name, $"From {Word(before)} to {Word(view)}.");
        return Tagged(http, view);
    }

    /// <returns>Why the signed-in user's organisation cannot change it; null when it can.</returns>
    private static string? Locked(FlagDefinition flag, CurrentUser user, KralikiOptions options) => flag.Flag switch
    {
        Flag.WebhookValidation when !options.Demo => "Webhooks without a signature are let in in demo mode only.",
        Flag.WebhookValidation when FirstAccounts.OrganisationId != user.OrganisationId => "The carrier account of this installation belongs to another organisation.",
        _ => null,
    };

    private static FlagView View(FlagDefinition flag, FlagRow? row, string? locked) => new(
        flag.Name,
        flag.Title,
        flag.Description,
        locked is null ? row?.Enabled ?? FlagDefinition.Default : FlagDefinition.Default,
        FlagDefinition.Default,
        locked,
        row?.UpdatedAt,
        row?.Enabled is null ? null : row.UpdatedBy,
        row?.Version ?? 0);

    private static string Word(FlagView view) => view switch
    {
        { UpdatedBy: null } => view.Default ? "default (on)" : "default (off)",
        { Enabled: true } => "on",
        _ => "off",
    };

    private static IResult Tagged(HttpContext http, FlagView view) => Preconditions.Tagged(http, view.Version, TypedResults.Ok(view));

    private static IResult Conflict(HttpContext http, FlagView now) =>
        Preconditions.Tagged(http, now.Version, Problems.Conflict(now, ContractsJson.Default.FlagView));

    private static IResult NotFound(string name) =>
        Problems.NotFound($"There is no flag {name}; there are {string.Join(", ", FlagDefinition.All.Select(flag => flag.Name))}.");
}
