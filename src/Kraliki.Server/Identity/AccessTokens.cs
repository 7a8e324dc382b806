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

    // A node's clock may be a little behind that of the node that issued the token.
    private static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(30);

    private static readonly JsonWebTokenHandler Handler = new();

    /// <summary>The same grant gives the same token: how often a rotation is repeated changes neither <c>jti</c> nor life.</summary>
    public string Issue(RefreshGrant grant)
    {
        var user = grant.User;
        return Handler.CreateToken(new SecurityTokenDescriptor
        {
            TokenType = Type,
            Issuer = Issuer,
            Audience = Issuer,
            IssuedAt = grant.IssuedAt.UtcDateTime,
            NotBefore = grant.IssuedAt.UtcDateTime,
            Expires = (grant.IssuedAt + Life).UtcDateTime,
            SigningCredentials = new SigningCredentials(keys.Newest, EdDsaKey.Algorithm),
            Claims = new Dictionary<string, object>
            {
                ["sub"] = user.Id.ToString(),
                ["email"] = user.Email,
                ["role"] = JsonNamingPolicy.SnakeCaseLower.ConvertName(user.Role.ToString()),
                ["org"] = user.OrganisationId.ToString(),
                ["sid"] = grant.SignIn.ToString(),
                ["jti"] = grant.Jti.ToString(),
            },
        });
    }

    /// <returns>Whole seconds that the grant's access token is still good for.</returns>
    public int SecondsLeft(RefreshGrant grant) => (int)Math.Ceiling((grant.IssuedAt + Life - time.GetUtcNow()).TotalSeconds);

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
            LifetimeValidator = (from, until, _, _) => from <= (time.GetUtcNow() + ClockSkew).UtcDateTime && until > time.GetUtcNow().UtcDateTime,
        };
    }
}
