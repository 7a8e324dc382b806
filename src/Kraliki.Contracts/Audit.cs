using System.Text.Json.Serialization;

namespace Kraliki.Contracts;

/// <summary>One act that matters for security or data. The entries of an organisation form a chain: none can be changed, removed, inserted or moved unnoticed.</summary>
/// <param name="Number">Position in the organisation's chain, from 1, without gaps.</param>
/// <param name="Actor">An e-mail address, <c>carrier</c>, <c>server</c> or <c>anonymous</c>.</param>
/// <param name="Action">snake_case, past tense: <c>logged_in</c>, <c>role_changed</c>.</param>
/// <param name="Subject">What it was done to: an id or a short name.</param>
/// <param name="Address">The network address that it came from.</param>
public sealed record AuditEntryView(
    long Number, DateTimeOffset At, string Actor, string Action, string Subject, string? Detail, string? Address, string? RequestId);

[JsonConverter(typeof(SnakeCaseEnumConverter<AuditFault>))]
public enum AuditFault
{
    /// <summary>The entry's fields are not those that were written.</summary>
    Changed,

    /// <summary>Entries between this one and the one before are gone.</summary>
    Removed,

    /// <summary>The entry was not written by the server.</summary>
    Inserted,

    /// <summary>The entry is genuine, but stands at another place than it was written.</summary>
    Reordered,
}

/// <param name="Number">Where in the chain.</param>
/// <param name="Detail">One sentence for people.</param>
public sealed record AuditProblem(long Number, AuditFault Fault, string Detail);

/// <param name="Entries">How many were checked.</param>
/// <param name="Problems">The first 100, in the order of the chain; empty when the chain is intact.</param>
public sealed record AuditVerification(bool Intact, long Entries, DateTimeOffset VerifiedAt, IReadOnlyList<AuditProblem> Problems);

/// <summary>What <see cref="AuditEntryView.Action"/> can be. A newer server may know more of them.</summary>
public static class AuditActions
{
    public const string LoggedIn = "logged_in";
    public const string LoginFailed = "login_failed";
    public const string LoggedOut = "logged_out";
    public const string LoggedOutEverywhere = "logged_out_everywhere";
    public const string SignInEnded = "sign_in_ended";
    public const string RefreshTokenReused = "refresh_token_reused";
    public const string Registered = "registered";
    public const string RegistrationRepeated = "registration_repeated";
    public const string EmailVerified = "email_verified";
    public const string PasswordChanged = "password_changed";
    public const string PasswordChangeFailed = "password_change_failed";
    public const string PasswordReset = "password_reset";
    public const string UserInvited = "user_invited";
    public const string InvitationWithdrawn = "invitation_withdrawn";
    public const string InvitationResent = "invitation_resent";
    public const string UserRenamed = "user_renamed";
    public const string RoleChanged = "role_changed";
    public const string UserDeactivated = "user_deactivated";
    public const string UserReactivated = "user_reactivated";
    public const string MailFailed = "mail_failed";
    public const string FlagChanged = "flag_changed";
    public const string AssistantCreated = "assistant_created";
    public const string AssistantChanged = "assistant_changed";
    public const string AssistantRestored = "assistant_restored";
    public const string AssistantArchived = "assistant_archived";
    public const string AssistantUnarchived = "assistant_unarchived";
    public const string DefaultAssistantChanged = "default_assistant_changed";
    public const string BreakerReset = "breaker_reset";
    public const string ProviderProbed = "provider_probed";
    public const string KeysChecked = "keys_checked";
    public const string ProviderSwitchRequested = "provider_switch_requested";
    public const string FailoverForced = "failover_forced";
    public const string FailoverPolicyChanged = "failover_policy_changed";
    public const string PermissionRefused = "permission_refused";
    public const string PersonalDataRead = "personal_data_read";
    public const string AuditExported = "audit_exported";
    public const string WebhookRefused = "webhook_refused";
    public const string WebhookMalformed = "webhook_malformed";
    public const string WebhookUnverified = "webhook_unverified";
    public const string MediaSocketRefused = "media_socket_refused";
}
