using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Server.Operations;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Identity;

/// <summary><c>/api/v1/auth/me</c>: the person who is signed in.</summary>
internal static class ProfileApi
{
    public static void MapProfile(this RouteGroupBuilder auth)
    {
        auth.MapGet("/me", GetAsync).WithName("GetMe").WithSummary("Who is signed in")
            .Produces<UserView>().ProducesProblem(401);
        auth.MapPatch("/me", PatchAsync).WithName("UpdateMe").WithSummary("Change one's own name").Versioned()
            .Produces<UserView>().ProducesProblem(400).ProducesProblem(401)
            .ProducesProblem(412);
    }

    private static async Task<IResult> GetAsync(HttpContext http, CurrentUser current, KralikiDb db, CancellationToken cancellationToken) =>
        await db.Set<User>().AsNoTracking().Include(u => u.Organisation).SingleOrDefaultAsync(u => u.Id == current.Id, cancellationToken) is { } user
            ? Preconditions.Tagged(http, user.Version, TypedResults.Ok(user.ToView()))
            : Problems.Result(401, "not_signed_in", "This account no longer exists.");

    private static async Task<IResult> PatchAsync(
        UpdateMe change, HttpContext http, CurrentUser current, KralikiDb db, AuditLog audit, TimeProvider time, CancellationToken cancellationToken)
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

        var user = await db.Set<User>().Include(u => u.Organisation).SingleAsync(u => u.Id == current.Id, cancellationToken);
        if (version is { } seen && seen != user.Version)
        {
            return Problems.Conflict(user.ToView(), ContractsJson.Default.UserView);
        }

        if (change.Name?.Trim() is { } name && name != user.Name)
        {
            user.Name = name;
            user.Touch(time.GetUtcNow());
            try
            {
                await db.SaveChangesAsync(cancellationToken);
            }
            catch (DbUpdateConcurrencyException)
            {
                await db.Entry(user).ReloadAsync(cancellationToken);
                return Problems.Conflict(user.ToView(), ContractsJson.Default.UserView);
            }

            // Committed: a client that is gone must not keep it out of the log.
            await audit.WriteAsync(AuditActions.UserRenamed, user.Id.ToString());
        }

        return Preconditions.Tagged(http, user.Version, TypedResults.Ok(user.ToView()));
    }
}
