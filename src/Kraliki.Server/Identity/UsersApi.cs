using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Server.Operations;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Identity;

/// <summary><c>/api/v1/users</c>: the people of the organisation, for those who administer it. People come in by <see cref="InvitationsApi"/>.</summary>
internal static class UsersApi
{
    public static void MapUsers(this IEndpointRouteBuilder routes)
    {
        var users = routes.MapGroup("/api/v1/users").WithTags("Users");
        users.MapGet("", ListAsync).RequireAuthorization(Permissions.UsersRead).WithName("ListUsers").WithSummary("The people of the organisation, newest first; by time of change with updated_since")
            .Produces<Page<MemberView>>().ProducesProblem(StatusCodes.Status400BadRequest);
        users.MapGet("/{id:guid}", GetAsync).RequireAuthorization(Permissions.UsersRead).WithName("GetUser").WithSummary("One person")
            .Produces<MemberView>().ProducesProblem(StatusCodes.Status404NotFound);
        users.MapPatch("/{id:guid}", UpdateAsync).RequireAuthorization(Permissions.UsersManage).WithName("UpdateUser").WithSummary("Change name or role, deactivate or reactivate").Versioned()
            .WithDescription("A new role counts at once. Deactivation ends every sign-in and closes its sockets. An organisation keeps at least one active administrator.")
            .Produces<MemberView>().ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status404NotFound)
            .ProducesProblem(StatusCodes.Status409Conflict).ProducesProblem(StatusCodes.Status412PreconditionFailed);
    }

    private static async Task<IResult> ListAsync([AsParameters] MemberQuery query, [AsParameters] Paging page, KralikiDb db, CancellationToken cancellationToken)
    {
        if (query.Errors() is { Count: > 0 } errors)
        {
            return Problems.Invalid(errors);
        }

        var rows = query.Filter(db.Set<User>().AsNoTracking());
        return query.UpdatedSince is null
            ? await page.NewestFirstAsync(rows, row => row.Id, row => row.ToMember(), cancellationToken)
            : await page.ByChangeAsync(rows, row => row.UpdatedAt, row => row.Id, row => row.ToMember(), cancellationToken);
    }

    private static async Task<IResult> GetAsync(Guid id, HttpContext http, KralikiDb db, CancellationToken cancellationToken) =>
        await db.Set<User>().AsNoTracking().SingleOrDefaultAsync(row => row.Id == id, cancellationToken) is { } user
            ? Preconditions.Tagged(http, user.Version, TypedResults.Ok(user.ToMember()))
            : NotFound(id);

    /// <remarks>
    /// 1. The organisation's row is locked, so that everything below sees what other administrators have done. 2. Who asks must
    /// still be one. 3. The change is decided and saved. 4. After the commit, tokens and sockets of the person follow.
    /// </remarks>
    private static async Task<IResult> UpdateAsync(
        Guid id,
        UpdateUser change,
        HttpContext http,
        CurrentUser current,
        KralikiDbFactory databases,
        SignIns signIns,
        AuditLog audit,
        TimeProvider time,
        CancellationToken cancellationToken)
    {
        if (!Preconditions.TryRead(http.Request, out var version, out var refusal))
        {
            return refusal;
        }

        var complaints = new AccountComplaints();
        if (change.Name is not null && complaints.Name("name", change.Name).Any)
        {
            return complaints.Refusal();
        }

        // Tokens, which a new role or a deactivation ends, are rows of the installation that the request's context does not
        // see. This one sees every organisation: each statement here names the administrator's.
        await using var db = databases.OpenForSystem();
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        await db.Set<Organisation>().Where(row => row.Id == current.OrganisationId).ExecuteUpdateAsync(row => row.SetProperty(o => o.AdministrationRevision, o => o.AdministrationRevision + 1), cancellationToken);
        if (!await Administrators(db, current.OrganisationId).AnyAsync(row => row.Id == current.Id, cancellationToken))
        {
            return Problems.Result(403, "forbidden", "You are no administrator any more.");
        }

        var user = await db.Set<User>().SingleOrDefaultAsync(row => row.Id == id && row.OrganisationId == current.OrganisationId, cancellationToken);
        if (user is null)
        {
            return NotFound(id);
        }

        if (version is { } seen && seen != user.Version)
        {
            return Preconditions.Tagged(http, user.Version, Problems.Conflict(user.ToMember(), ContractsJson.Default.MemberView));
        }

        var newRole = change.Role is { } role && role != user.Role ? role : (UserRole?)null;
        var newlyActive = change.Active is { } active && active != (user.DeactivatedAt is null) ? active : (bool?)null;
        if ((newRole is not null || newlyActive == false)
            && user is { Role: UserRole.Admin, Status: MemberStatus.Active }
            && !await Administrators(db, current.OrganisationId).AnyAsync(row => row.Id != id, cancellationToken))
        {
            return Problems.Result(409, "last_administrator", "This is the only active administrator; make somebody else one first.");
        }

        if (id == current.Id && (newRole is not null || newlyActive is not null))
        {
            return Problems.Result(409, "own_account", "Nobody changes their own role or deactivates themselves; ask another administrator.");
        }

        var formerRole = user.Role;
        var renamed = change.Name?.Trim() is { } name && name != user.Name;
        if (newRole is null && newlyActive is null && !renamed)
        {
            return Preconditions.Tagged(http, user.Version, TypedResults.Ok(user.ToMember()));
        }

        var now = time.GetUtcNow();
        user.Name = change.Name?.Trim() ?? user.Name;
        user.Role = newRole ?? user.Role;
        user.DeactivatedAt = newlyActive switch { false => now, true => null, null => user.DeactivatedAt };
        user.Touch(now);
        await db.SaveChangesAsync(cancellationToken);
        var lost = newlyActive == false ? await signIns.EndAllAsync(db, id, SignInEnd.Deactivated, except: null, cancellationToken)
            : newRole is not null ? await signIns.RevokeAccessAsync(db, id, cancellationToken)
            : null;
        await transaction.CommitAsync(cancellationToken);
        if (lost is not null)
        {
            signIns.Announce(lost);
        }

        await AuditAsync(audit, id, renamed, newRole is { } to ? $"From {formerRole.InWords()} to {to.InWords()}." : null, newlyActive);
        return Preconditions.Tagged(http, user.Version, TypedResults.Ok(user.ToMember()));
    }

    private static async Task AuditAsync(AuditLog audit, Guid id, bool renamed, string? roles, bool? newlyActive)
    {
        if (renamed)
        {
            await audit.WriteAsync(AuditActions.UserRenamed, id.ToString());
        }

        if (roles is not null)
        {
            await audit.WriteAsync(AuditActions.RoleChanged, id.ToString(), roles);
        }

        if (newlyActive is { } active)
        {
            await audit.WriteAsync(active ? AuditActions.UserReactivated : AuditActions.UserDeactivated, id.ToString());
        }
    }

    private static IQueryable<User> Administrators(KralikiDb db, Guid organisation) =>
        db.Set<User>().Where(row => row.OrganisationId == organisation && row.Role == UserRole.Admin && row.DeactivatedAt == null && row.EmailVerifiedAt != null);

    private static IResult NotFound(Guid id) => Problems.NotFound($"There is no user {id}.");
}
