using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Server.Operations;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Identity;

internal static class AuthApi
{
    private const int LongestEmail = 254;
    private const int LongestPassword = 1024;

    public static void MapIdentity(this IEndpointRouteBuilder routes)
    {
        var auth = routes.MapGroup("/api/v1/auth").WithTags("Identity");
        auth.MapPost("/login", LoginAsync).AllowAnonymous().RequireRateLimiting(RateLimits.Login)
            .WithSummary("Sign in")
            .WithDescription("With token_transport \"body\" the tokens are in the answer; with \"cookie\" (default) they are set as HttpOnly cookies.")
            .Produces<LoginResponse>().Produces<Problem>(400, Problems.ContentType).Produces<Problem>(401, Problems.ContentType).Produces<Problem>(429, Problems.ContentType);
        auth.MapPost("/refresh", RefreshAsync).AllowAnonymous().RequireRateLimiting(RateLimits.Refresh)
            .WithSummary("Exchange a refresh token for a new pair")
            .WithDescription("Without a token in the body the cookie's is used and the answer sets cookies. A token is good for one use; a use after 20 seconds more ends the sign-in.")
            .Produces<LoginResponse>().Produces<Problem>(401, Problems.ContentType);
        auth.MapGet("/me", MeAsync)
            .WithSummary("Who is signed in")
            .Produces<UserView>().Produces<Problem>(401, Problems.ContentType);
        routes.MapDevices();
        routes.MapGet("/.well-known/jwks.json", PublicKeys).AllowAnonymous()
            .WithTags("Identity").WithSummary("Public keys of access tokens");
    }

    private static async Task<IResult> LoginAsync(
        LoginRequest request,
        HttpContext http,
        KralikiDbFactory databases,
        PasswordHashes passwords,
        LoginDelays delays,
        RefreshTokens refreshTokens,
        AccessTokens accessTokens,
        AuditLog audit,
        CancellationToken cancellationToken)
    {
        if (Complaints(request) is { Count: > 0 } complaints)
        {
            return Problems.Invalid(complaints);
        }

        var email = User.Normalise(request.Email);
        var address = http.Connection.RemoteIpAddress?.ToString() ?? "";
        if (delays.Remaining(email, address) is { Ticks: > 0 } wait)
        {
            var seconds = (int)Math.Ceiling(wait.TotalSeconds);
            http.Response.Headers.RetryAfter = seconds.ToString();
            return Problems.Result(429, "too_many_attempts", $"Too many wrong passwords; try again in {seconds} s.");
        }

        await using var db = databases.OpenForSystem();
        var user = await db.Set<User>().AsNoTracking().Include(u => u.Organisation).SingleOrDefaultAsync(u => u.Email == email, cancellationToken);
        if (!await passwords.VerifyAsync(request.Password, user?.PasswordHash, cancellationToken) || user is null)
        {
            delays.Failed(email, address);

            // An unknown address is not written down: people type passwords into the wrong field.
            await audit.WriteAsync("login_failed", user?.Id.ToString() ?? "unknown", organisation: user?.OrganisationId, cancellationToken: cancellationToken);
            return Problems.Result(401, "invalid_credentials", "E-mail address or password is wrong.");
        }

        delays.Succeeded(email, address);
        var grant = await refreshTokens.BeginAsync(user, address, http.Request.Headers.UserAgent, cancellationToken);
        await audit.WriteAsync("logged_in", user.Id.ToString(), actor: user.Email, organisation: user.OrganisationId, cancellationToken: cancellationToken);
        return Answer(http, accessTokens, grant, request.TokenTransport);
    }

    private static async Task<IResult> RefreshAsync(
        [FromBody] RefreshRequest? request,
        HttpContext http,
        RefreshTokens refreshTokens,
        AccessTokens accessTokens,
        AuditLog audit,
        CancellationToken cancellationToken)
    {
        // A cookie's token never leaves in a body, whatever was asked: scripts of the page must not get hold of it.
        var transport = request?.RefreshToken is null ? TokenTransport.Cookie : TokenTransport.Body;
        var token = request?.RefreshToken ?? AuthCookies.Refresh(http.Request);
        if (token is null)
        {
            return Problems.Result(401, "not_signed_in", "There is no refresh token, neither in the body nor as a cookie; sign in.");
        }

        var outcome = await refreshTokens.RotateAsync(token, http.Connection.RemoteIpAddress?.ToString(), cancellationToken);
        if (outcome.Grant is { } grant)
        {
            return Answer(http, accessTokens, grant, transport);
        }

        if (outcome.Reused is { } user)
        {
            await audit.WriteAsync("refresh_token_reused", user.Id.ToString(), "The sign-in was ended.", organisation: user.OrganisationId, cancellationToken: cancellationToken);
        }

        if (transport == TokenTransport.Cookie)
        {
            AuthCookies.Clear(http);
        }

        return Problems.Result(401, "refresh_refused", "This refresh token is unknown, expired or was used before; sign in again.");
    }

    private static async Task<IResult> MeAsync(CurrentUser current, KralikiDb db, CancellationToken cancellationToken) =>
        await db.Set<User>().AsNoTracking().Include(u => u.Organisation).SingleOrDefaultAsync(u => u.Id == current.Id, cancellationToken) is { } user
            ? Results.Ok(user.ToView())
            : Problems.Result(401, "not_signed_in", "This account no longer exists.");

    private static JsonWebKeys PublicKeys(SigningKeys keys, HttpContext http)
    {
        http.Response.Headers.CacheControl = $"public, max-age={(int)SigningKeys.CacheLife.TotalSeconds}";
        return keys.Public;
    }

    private static IResult Answer(HttpContext http, AccessTokens accessTokens, RefreshGrant grant, TokenTransport transport)
    {
        var access = accessTokens.Issue(grant);
        var seconds = accessTokens.SecondsLeft(grant);
        http.Response.Headers.CacheControl = "no-store";
        if (transport == TokenTransport.Body)
        {
            return Results.Ok(new LoginResponse(grant.User.ToView(), seconds, access, grant.Token, "Bearer"));
        }

        AuthCookies.Set(http, access, grant.Token);
        return Results.Ok(new LoginResponse(grant.User.ToView(), seconds));
    }

    private static Dictionary<string, string[]> Complaints(LoginRequest request)
    {
        var complaints = new Dictionary<string, string[]>();
        if (request.Email.Trim().Length is 0 or > LongestEmail)
        {
            complaints["email"] = [$"email must be an e-mail address of 1 to {LongestEmail} characters."];
        }

        if (request.Password.Length is 0 or > LongestPassword)
        {
            complaints["password"] = [$"password must have 1 to {LongestPassword} characters."];
        }

        return complaints;
    }
}
