using System.Text.Json;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Kraliki.Server.Identity;

/// <summary>EdDSA-signed access tokens (RFC 9068, <c>typ at+jwt</c>) that live 15 minutes.</summary>
internal sealed class AccessTokens(SigningKeys keys, TimeProvider time)
{
    public static readonly TimeSpan Life = TimeSpan.FromMinutes(15);

    private const string Issuer = "kraliki";
    private const string Type = "at+jwt";

    private static readonly JsonWebTokenHandler Handler = new();

    /// <param name="family">The sign-in that the token belongs to: sign-out ends it.</param>
    public string Issue(User user, Guid family)
    {
        var now = time.GetUtcNow();
        return Handler.CreateToken(new SecurityTokenDescriptor
        {
            TokenType = Type,
            Issuer = Issuer,
            Audience = Issuer,
            IssuedAt = now.UtcDateTime,
            NotBefore = now.UtcDateTime,
            Expires = (now + Life).UtcDateTime,
            SigningCredentials = new SigningCredentials(keys.Newest, EdDsaKey.Algorithm),
            Claims = new Dictionary<string, object>
            {
                ["sub"] = user.Id.ToString(),
                ["email"] = user.Email,
                ["role"] = JsonNamingPolicy.SnakeCaseLower.ConvertName(user.Role.ToString()),
                ["org"] = user.OrganisationId.ToString(),
                ["sid"] = family.ToString(),
                ["jti"] = Guid.CreateVersion7().ToString(),
            },
        });
    }

    /// <summary>Makes ASP.NET Core accept exactly what <see cref="Issue"/> makes: no other algorithm, type or key.</summary>
    public void Describe(JwtBearerOptions options)
    {
        options.MapInboundClaims = false;
        options.TokenValidationParameters = new TokenValidationParameters
        {
            ValidAlgorithms = [EdDsaKey.Algorithm],
            ValidTypes = [Type],
            ValidIssuer = Issuer,
            ValidAudience = Issuer,
            NameClaimType = "email",
            RoleClaimType = "role",
            IssuerSigningKeyResolver = (_, _, kid, _) => keys.Find(kid) is { } key ? [key] : [],
            LifetimeValidator = (_, expires, _, _) => expires > time.GetUtcNow().UtcDateTime,
        };
    }
}
