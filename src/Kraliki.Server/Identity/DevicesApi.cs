using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Server.Operations;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Identity;

/// <summary>Where a person is signed in, and all the ways out.</summary>
internal static class DevicesApi
{
    // Newest first; who has more devices than this signs out everywhere.
    private const int MostShown = 100;

    public static void MapDevices(this IEndpointRouteBuilder routes)
    {
        var auth = routes.MapGroup("/api/v1/auth").WithTags("Identity");
        auth.MapGet("/sessions", ListAsync)
            .WithName("ListDevices").WithSummary("Your sign-ins")
            .WithDescription("Each is one browser or program that is signed in as you; the last used one comes first.")
            .Produces<IReadOnlyList<DeviceView>>().ProducesProblem(401);
        auth.MapDelete("/sessions/{id:guid}", EndAsync)
            .WithName("EndDevice").WithSummary("End one of your sign-ins")
            .WithDescription("Its tokens are refused at once and its sockets close within 5 seconds.")
            .Produces(204).ProducesProblem(401).ProducesProblem(404);
        auth.MapPost("/logout", LogoutAsync).AllowAnonymous()
            .WithName("Logout").WithSummary("End this sign-in")
            .WithDescription("It is known by the access token or, when that has expired, by the refresh token in the body or cookie.")
            .Produces(204);
        auth.MapPost("/logout-all", LogoutAllAsync)
            .WithName("LogoutAll").WithSummary("End all your sign-ins, this one too")
            .Produces(204).ProducesProblem(401);
    }

    private static async Task<IResult> ListAsync(CurrentUser user, KralikiDb db, TimeProvider time, CancellationToken cancellationToken)
    {
        var alive = time.GetUtcNow() - RefreshTokens.Life;
        var signIns = await db.Set<SignIn>().AsNoTracking()
            .Where(row => row.UserId == user.Id && row.EndedAt == null && row.LastUsedAt > alive)
            .OrderByDescending(row => row.LastUsedAt)
            .Take(MostShown)
            .ToListAsync(cancellationToken);
        IReadOnlyList<DeviceView> views = signIns.ConvertAll(row =>
            new DeviceView(row.Id, row.Id == user.SignIn, Devices.Name(row.UserAgent), row.Address, row.CreatedAt, row.LastUsedAt));
        return Results.Ok(views);
    }

    private static async Task<IResult> EndAsync(
        Guid id, HttpContext http, CurrentUser user, KralikiDb db, SignIns signIns, AuditLog audit, CancellationToken cancellationToken)
    {
        var mine = await db.Set<SignIn>().AnyAsync(row => row.Id == id && row.UserId == user.Id && row.EndedAt == null, cancellationToken);
        if (!mine || !await signIns.EndAsync(id, SignInEnd.EndedByUser, cancellationToken))
        {
            return Problems.NotFound($"You have no sign-in {id}.");
        }

        await audit.WriteAsync(AuditActions.SignInEnded, id.ToString());
        if (id == user.SignIn)
        {
            AuthCookies.Clear(http);
        }

        return Results.NoContent();
    }

    private static async Task<IResult> LogoutAsync(
        [FromBody] RefreshRequest? request,
        HttpContext http,
        CurrentUser user,
        RefreshTokens refreshTokens,
        SignIns signIns,
        AuditLog audit,
        CancellationToken cancellationToken)
    {
        if (user.SignedIn)
        {
            if (await signIns.EndAsync(user.SignIn, SignInEnd.SignedOut, cancellationToken))
            {
                await audit.WriteAsync(AuditActions.LoggedOut, user.SignIn.ToString());
            }
        }
        else if ((request?.RefreshToken ?? AuthCookies.Refresh(http.Request)) is { } token
            && await refreshTokens.SignInOfAsync(token, cancellationToken) is { } known
            && await signIns.EndAsync(known.Id, SignInEnd.SignedOut, cancellationToken))
        {
            await audit.WriteAsync(AuditActions.LoggedOut, known.Id.ToString(), actor: known.User.Email, organisation: known.OrganisationId);
        }

        AuthCookies.Clear(http);
        return Results.NoContent();
    }

    private static async Task<IResult> LogoutAllAsync(HttpContext http, CurrentUser user, SignIns signIns, AuditLog audit, CancellationToken cancellationToken)
    {
        var ended = await signIns.EndAllAsync(user.Id, SignInEnd.SignedOutEverywhere, cancellationToken);
        await audit.WriteAsync(AuditActions.LoggedOutEverywhere, user.Id.ToString(), $"{ended} sign-ins were ended.");
        AuthCookies.Clear(http);
        return Results.NoContent();
    }
}
