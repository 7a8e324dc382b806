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

/// <summary>403 <c>email_not_verified</c>: the password is right, but the link in the mail was not opened yet.</summary>
public sealed record LoginRequest(string Email, string Password, TokenTransport TokenTransport = TokenTransport.Cookie);

/// <summary>Tokens are present with <see cref="TokenTransport.Body"/> only.</summary>
/// <param name="ExpiresIn">Life of the access token in seconds.</param>
public sealed record LoginResponse(UserView User, int ExpiresIn, string? AccessToken = null, string? RefreshToken = null, string? TokenType = null);

/// <summary>The refresh token comes in the body, or in the cookie when null.</summary>
public sealed record RefreshRequest(string? RefreshToken = null, TokenTransport TokenTransport = TokenTransport.Cookie);

/// <summary>How long a new password may be, in characters as people see them. There are no rules of composition.</summary>
public static class PasswordLimits
{
    public const int Shortest = 12;

    public const int Longest = 1024;
}

/// <summary>A new organisation with its first administrator, or, with an invitation, one more person in an existing one.</summary>
/// <param name="Email">Needed without an invitation; with one it is the invitation's.</param>
/// <param name="OrganisationName">Needed without an invitation.</param>
public sealed record RegisterRequest(string Name, string Password, string? Email = null, string? OrganisationName = null, string? InvitationToken = null);

/// <summary>The same whether the address was free or not; a mail tells its owner more.</summary>
/// <param name="VerificationRequired">False after an invitation: its mail has proved the address, sign in now.</param>
public sealed record RegisterResponse(string Email, bool VerificationRequired);

/// <summary>A token out of a mail.</summary>
public sealed record MailTokenRequest(string Token);

public sealed record EmailRequest(string Email);

public sealed record ResetPasswordRequest(string Token, string NewPassword);

public sealed record ChangePasswordRequest(string CurrentPassword, string NewPassword);

/// <summary>What is null stays as it is.</summary>
public sealed record UpdateMe(string? Name = null);

/// <summary>The person who is signed in.</summary>
/// <param name="Version">Counts changes; also the ETag.</param>
public sealed record UserView(Guid Id, string Email, string Name, UserRole Role, Guid OrganisationId, string OrganisationName, long Version = 1);

/// <summary>One sign-in of the person who asks: a browser or a program.</summary>
/// <param name="Current">The one that asks.</param>
/// <param name="Device">Browser and system in words, from the user agent.</param>
/// <param name="LastUsedAt">When its tokens were last renewed; at most 15 minutes behind.</param>
public sealed record DeviceView(Guid Id, bool Current, string Device, string? Address, DateTimeOffset SignedInAt, DateTimeOffset LastUsedAt);

[JsonConverter(typeof(SnakeCaseEnumConverter<MemberStatus>))]
public enum MemberStatus
{
    Active,

    /// <summary>Registered, but the link in the mail was not opened yet.</summary>
    Unverified,

    /// <summary>Cannot sign in; everything that the person did stays.</summary>
    Deactivated,
}

/// <summary>A person of the organisation as its administrators see them.</summary>
/// <param name="Version">Counts changes; also the ETag.</param>
public sealed record MemberView(
    Guid Id, string Email, string Name, UserRole Role, MemberStatus Status, DateTimeOffset CreatedAt, DateTimeOffset? LastSignedInAt, long Version);

/// <summary>Invites somebody by mail.</summary>
public sealed record InviteUser(string Email, UserRole Role);

/// <summary>What is null stays as it is. The last active administrator can be neither demoted nor deactivated.</summary>
public sealed record UpdateUser(string? Name = null, UserRole? Role = null, bool? Active = null);

public sealed record InvitationView(Guid Id, string Email, UserRole Role, string InvitedBy, DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt);

/// <summary>What an invitation's holder sees before accepting it.</summary>
public sealed record InvitationOffer(string Email, UserRole Role, string OrganisationName, string InvitedBy);

/// <summary>A mail in the demo's mailbox, which stands in for everybody's real one.</summary>
public sealed record MailView(Guid Id, string To, string Subject, string Text, DateTimeOffset SentAt);
