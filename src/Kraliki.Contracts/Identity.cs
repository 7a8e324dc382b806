using System.Text.Json.Serialization;

namespace Kraliki.Contracts;

[JsonConverter(typeof(SnakeCaseEnumConverter<UserRole>))]
public enum UserRole
{
    Admin,
    Supervisor,
    Agent,
    Viewer,
}

/// <summary>How tokens reach the client: <c>cookie</c> (HttpOnly, for browsers; default) or <c>body</c> (for programs).</summary>
[JsonConverter(typeof(SnakeCaseEnumConverter<TokenTransport>))]
public enum TokenTransport
{
    Cookie,
    Body,
}

public sealed record LoginRequest(string Email, string Password, TokenTransport TokenTransport = TokenTransport.Cookie);

/// <summary>Tokens are present with <see cref="TokenTransport.Body"/> only.</summary>
/// <param name="ExpiresIn">Life of the access token in seconds.</param>
public sealed record LoginResponse(UserView User, int ExpiresIn, string? AccessToken = null, string? RefreshToken = null, string? TokenType = null);

/// <summary>The refresh token comes in the body, or in the cookie when null.</summary>
public sealed record RefreshRequest(string? RefreshToken = null, TokenTransport TokenTransport = TokenTransport.Cookie);

public sealed record UserView(Guid Id, string Email, string Name, UserRole Role, Guid OrganisationId, string OrganisationName);
