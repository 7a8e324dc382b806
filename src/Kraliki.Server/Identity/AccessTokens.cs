using System.Text.Json;
using Kraliki.Contracts;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Kraliki.Server.Identity;

/// <summary>EdDSA-signed access tokens (RFC 9068, <c>typ at+jwt</c>) that live 15 minutes.</summary>
internal sealed class AccessTokens(SigningKeys keys, TimeProvider time)
{
    public static readonly TimeSpan Life = TimeSpan.FromMinutes(15);

    /// <summary>A node's clock may be so much behind that of the node that issued the token.</summary>
    public static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(30);

    private const string Issuer = "kraliki";
    private const string Type = "at+jwt";

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
            SigningCredentials = new SigningCredentials(keys.Current, EdDsaKey.Algorithm),
            Claims = new Dictionary<string, object>
            {
                ["sub"] = user.Id.ToString(),
                ["email"] = user.Email,
                ["role"] = WireWord.Of(user.Role),
                ["org"] = user.OrganisationId.ToString(),
                ["sid"] = grant.SignIn.ToString(),
                ["jti"] = grant.Jti.ToString(),
            },
        });
    }

    /// <summary>Which key a token claims to be signed with; null when it is no token at all. Nothing of it is verified.</summary>
    public static string? KidOf(string token)
    {
        // A header of ours has about a hundred characters; what is much longer is not decoded to find that out.
        const int LongestHeader = 1_000;
        var end = token.IndexOf('.');
        if (end is <= 0 or > LongestHeader)
        {
            return null;
        }

        try
        {
            using var header = JsonDocument.Parse(Base64UrlEncoder.DecodeBytes(token[..end]));
            return header.RootElement.ValueKind == JsonValueKind.Object && header.RootElement.TryGetProperty("kid", out var kid) && kid.ValueKind == JsonValueKind.String
                ? kid.GetString()
                : null;
        }
        catch (Exception e) when (e is FormatException or JsonException or InvalidOperationException)
        {
            // InvalidOperationException: half a surrogate pair is JSON (RFC 8259 §8.2) but no string.
            return null;
        }
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
