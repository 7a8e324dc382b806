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

    public static void MapIdentity(this IEndpointRouteBuilder routes)
    {
        var auth = routes.MapGroup("/api/v1/auth").WithTags("Identity");
        auth.MapPost("/login", LoginAsync).AllowAnonymous().RequireRateLimiting(RateLimits.Login)
            .WithName("Login").WithSummary("Sign in")
            .WithDescription("With token_transport \"body\" the tokens are in the answer; with \"cookie\" (default) they are set as HttpOnly cookies.")
            .Produces<LoginResponse>().ProducesProblem(400).ProducesProblem(401).ProducesProblem(403).ProducesProblem(429);
        auth.MapPost("/refresh", RefreshAsync).AllowAnonymous().RequireRateLimiting(RateLimits.Refresh)
            .WithName("Refresh").WithSummary("Exchange a refresh token for a new pair")
            .WithDescription("Without a token in the body the cookie's is used and the answer sets cookies. A token is good for one use; a use after 20 seconds more ends the sign-in.")
            .Produces<LoginResponse>().ProducesProblem(400).ProducesProblem(401);
        auth.MapRegistration();
        auth.MapPasswords();
        auth.MapProfile();
        routes.MapDevices();
        routes.MapUsers();
        routes.MapInvitations();
        routes.MapGet("/.well-known/jwks.json", PublicKeys).AllowAnonymous()
            .WithTags("Identity").WithName("ListSigningKeys").WithSummary("Public keys of access tokens");
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
        if (AuthCookies.RefusalOf(http.Request, request.TokenTransport) is { } insecure)
        {
            return insecure;
        }

        if (Complaints(request) is { Count: > 0 } complaints)
        {
            return Problems.Invalid(complaints);
        }

        var email = User.Normalise(request.Email);
        var address = RateLimits.AddressOf(http.Connection.RemoteIpAddress);
        using var attempt = await delays.BeginAsync(email, address, cancellationToken);
        if (attempt.Wait is { } wait)
        {
            return LoginDelays.Refusal(http, wait);
        }

        await using var db = databases.OpenForSystem();
        var user = await db.Set<User>().AsNoTracking().Include(u => u.Organisation).SingleOrDefaultAsync(u => u.Email == email, cancellationToken);
        var match = await passwords.VerifyAsync(request.Password, user?.PasswordHash, cancellationToken);
        if (match == PasswordMatch.Wrong || user is null or { Status: MemberStatus.Deactivated })
        {
            // An unknown address is not written down: people type passwords into the wrong field.
            var detail = match == PasswordMatch.Wrong ? null : "The password is right, the account is deactivated.";
            await audit.WriteAsync(AuditActions.LoginFailed, user?.Id.ToString() ?? "unknown", detail, organisation: user?.OrganisationId);
            return Problems.Result(401, "invalid_credentials", "E-mail address or password is wrong.");
        }

        await attempt.SucceededAsync();
        if (user.Status == MemberStatus.Unverified)
        {
            await audit.WriteAsync(AuditActions.LoginFailed, user.Id.ToString(), "The e-mail address is not verified yet.", organisation: user.OrganisationId);
            return Problems.Result(403, "email_not_verified", "Open the link in the mail that we sent you, or ask for a new one: POST /api/v1/auth/resend-verification.");
        }

        if (await refreshTokens.BeginAsync(user, address, http.Request.Headers.UserAgent, cancellationToken) is not { } grant)
        {
            return Problems.Result(401, "invalid_credentials", "E-mail address or password is wrong.");
        }

        await audit.WriteAsync(AuditActions.LoggedIn, user.Id.ToString(), actor: user.Email, organisation: user.OrganisationId);
        if (match == PasswordMatch.RightButCheap)
        {
            var renewed = await passwords.HashAsync(request.Password, cancellationToken);

            // Only over the hash that was read: a password changed meanwhile must not come back.
            await db.Set<User>().Where(u => u.Id == user.Id && u.PasswordHash == user.PasswordHash)
                .ExecuteUpdateAsync(u => u.SetProperty(row => row.PasswordHash, renewed), cancellationToken);
        }

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
        if (AuthCookies.RefusalOf(http.Request, transport) is { } insecure)
        {
            return insecure;
        }

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
            await audit.WriteAsync(AuditActions.RefreshTokenReused, user.Id.ToString(), "The sign-in was ended.", organisation: user.OrganisationId);
        }

        if (transport == TokenTransport.Cookie)
        {
            AuthCookies.Clear(http);
        }

        return Problems.Result(401, "refresh_refused", "This refresh token is unknown, expired or was used before; sign in again.");
    }

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

        if (request.Password.Length == 0 || PasswordRules.TooLong(request.Password))
        {
            complaints["password"] = [$"password must have 1 to {PasswordRules.Longest} characters."];
        }

        return complaints;
    }
}
