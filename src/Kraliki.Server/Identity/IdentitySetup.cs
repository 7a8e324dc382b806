using System.Security.Claims;
using Kraliki.Contracts;
using Kraliki.Server.Hosting;
using Kraliki.Server.Sessions.Journal;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.IdentityModel.Tokens;

namespace Kraliki.Server.Identity;

public static class IdentitySetup
{
    public static void AddIdentity(this WebApplicationBuilder builder)
    {
        var services = builder.Services;

        // The authentication package brings key files along; nothing here protects anything with them.
        services.AddDataProtection().UseEphemeralDataProtectionProvider();
        services.AddHttpContextAccessor();
        services.AddScoped<CurrentUser>();
        services.AddSingleton<PasswordHashes>();
        services.AddSingleton<SigningKeys>();
        services.AddSingleton<AccessTokens>();
        services.AddSingleton<RefreshTokens>();
        services.AddSingleton<SignIns>();
        services.AddSingleton<Revocations>();
        services.AddSingleton<LiveSignIns>();
        services.AddHostedService(provider => provider.GetRequiredService<LiveSignIns>());
        services.AddSingleton<IdentityUpkeep>();
        services.AddHostedService(provider => provider.GetRequiredService<IdentityUpkeep>());
        services.AddSingleton<LoginDelays>();
        services.AddSingleton<MailTokens>();
        services.AddSingleton<AccountMails>();
        services.AddSingleton<FirstAccounts>();
        services.AddHostedService<IdentityStart>();

        // It logs what it throws, request by request; the last edge answers that, and logs an outage once and a bug each time.
        builder.Logging.AddFilter(typeof(JwtBearerHandler).FullName, LogLevel.Critical);
        services.AddAuthentication(JwtBearerDefaults.AuthenticationScheme).AddJwtBearer(options => options.Events = new JwtBearerEvents
        {
            OnMessageReceived = TakeTokenAsync,
            OnTokenValidated = RefuseRevokedAsync,
            OnChallenge = ChallengeAsync,
        });
        services.AddOptions<JwtBearerOptions>(JwtBearerDefaults.AuthenticationScheme)
            .Configure<AccessTokens>((options, tokens) => tokens.Describe(options));

        var signedIn = new AuthorizationPolicyBuilder().RequireAuthenticatedUser().Build();
        var authorization = services.AddAuthorizationBuilder()
            // What nobody thought about is closed.
            .SetFallbackPolicy(signedIn)
            .SetDefaultPolicy(signedIn);
        foreach (var permission in Permissions.All)
        {
            authorization.AddPolicy(permission, policy => policy.RequireAuthenticatedUser().RequireAssertion(context =>
                Enum.TryParse<UserRole>(context.User.FindFirstValue("role"), ignoreCase: true, out var role)
                && RolePermissions.Allow(role, permission)));
        }
    }

    /// <summary>Who the request comes from, and what that person may do.</summary>
    public static void UseIdentity(this WebApplication app)
    {
        app.Use(AuthCookies.RefuseForgedAsync);
        app.UseAuthentication();

        // Here, because users are counted by name, and what comes too often costs no password hash and no query.
        app.UseRateLimits();
        app.UseAuthorization();
    }

    private static async Task TakeTokenAsync(MessageReceivedContext received)
    {
        const string Bearer = "Bearer ";
        var request = received.Request;

        // A header, even a wrong one, wins: a program that sends one does not mean the cookie.
        received.Token = request.Headers.Authorization switch
        {
            [] => AuthCookies.Access(request),
            [{ } header] when header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) => header[Bearer.Length..].Trim(),
            _ => null,
        };

        // The verifier cannot wait for the database, so it is asked here.
        if (received.Token is { } token && AccessTokens.KidOf(token) is { } kid)
        {
            try
            {
                await received.HttpContext.RequestServices.GetRequiredService<SigningKeys>().LookForAsync(kid, received.HttpContext.RequestAborted);
            }
            catch (Exception e) when (DatabaseFault.KindOf(e) is not null)
            {
                received.Fail(new RecordAwayException());
            }
        }
    }

    private static async Task RefuseRevokedAsync(TokenValidatedContext validated)
    {
        var claims = validated.Principal!;
        var revocations = validated.HttpContext.RequestServices.GetRequiredService<Revocations>();
        var standing = Guid.TryParse(claims.FindFirstValue("jti"), out var jti) && Guid.TryParse(claims.FindFirstValue("sub"), out var user)
            ? await revocations.AskAsync(jti, user, validated.HttpContext.RequestAborted)
            : TokenStanding.Revoked;
        if (standing != TokenStanding.Good)
        {
            validated.Fail(standing == TokenStanding.Revoked ? new TokenRevokedException() : new RecordAwayException());
        }
    }

    private static async Task ChallengeAsync(JwtBearerChallengeContext challenge)
    {
        challenge.HandleResponse();
        if (challenge.AuthenticateFailure is RecordAwayException)
        {
            // Neither signed in nor signed out: a 401 would send people to the sign-in page, which could not help them.
            await ErrorAnswers.DatabaseAwayAsync(challenge.HttpContext);
            return;
        }

        var (code, detail) = challenge.AuthenticateFailure switch
        {
            null => ("not_signed_in", "Sign in first: POST /api/v1/auth/login."),
            SecurityTokenInvalidLifetimeException => ("token_expired", "The access token has expired; POST /api/v1/auth/refresh gives a new one."),
            TokenRevokedException => ("token_revoked", "The access token was revoked: the sign-in has ended or your role was changed; refresh it, or sign in again."),
            _ => ("invalid_token", "The access token is not one of ours or was changed; sign in again."),
        };
        challenge.Response.Headers.WWWAuthenticate = code == "not_signed_in" ? "Bearer" : "Bearer error=\"invalid_token\"";
        await Problems.WriteAsync(challenge.HttpContext, StatusCodes.Status401Unauthorized, code, detail);
    }

    /// <summary>Never thrown: the name of one way in which authentication fails.</summary>
    private sealed class TokenRevokedException : SecurityTokenValidationException;

    /// <summary>Never thrown: the database, which would know whether the token is good, does not answer.</summary>
    private sealed class RecordAwayException : SecurityTokenValidationException;
}
