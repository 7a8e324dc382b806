using System.Globalization;
using Kraliki.Contracts;

namespace Kraliki.OperatorConsole.Text;

/// <summary>What the audit log tells, as short sentences after the name of who did it.</summary>
public static class AuditWords
{
    // {0}: the subject. An act that stands not here, of a newer server, is shown by its code name.
    private static readonly Dictionary<string, string> Acts = new()
    {
        [AuditActions.LoggedIn] = "signed in",
        [AuditActions.LoginFailed] = "failed to sign in as {0}",
        [AuditActions.LoggedOut] = "signed out",
        [AuditActions.LoggedOutEverywhere] = "signed out everywhere",
        [AuditActions.SignInEnded] = "ended a sign-in on another device",
        [AuditActions.RefreshTokenReused] = "used a sign-in a second time, which ended it",
        [AuditActions.Registered] = "joined",
        [AuditActions.RegistrationRepeated] = "tried to register the address of {0} once more",
        [AuditActions.EmailVerified] = "confirmed the e-mail address",
        [AuditActions.PasswordChanged] = "changed the password",
        [AuditActions.PasswordChangeFailed] = "gave a wrong password when changing it",
        [AuditActions.PasswordReset] = "set a new password by mail",
        [AuditActions.UserInvited] = "invited somebody",
        [AuditActions.InvitationWithdrawn] = "withdrew an invitation",
        [AuditActions.InvitationResent] = "sent an invitation again",
        [AuditActions.UserRenamed] = "changed the name of {0}",
        [AuditActions.RoleChanged] = "changed the role of {0}",
        [AuditActions.UserDeactivated] = "deactivated {0}",
        [AuditActions.UserReactivated] = "reactivated {0}",
        [AuditActions.MailFailed] = "gave up sending a mail",
        [AuditActions.FlagChanged] = "changed the feature {0}",
        [AuditActions.AssistantCreated] = "created the assistant {0}",
        [AuditActions.AssistantChanged] = "changed the assistant {0}",
        [AuditActions.AssistantRestored] = "went back to an earlier version of the assistant {0}",
        [AuditActions.AssistantArchived] = "archived the assistant {0}",
        [AuditActions.AssistantUnarchived] = "took the archived assistant {0} back",
        [AuditActions.DefaultAssistantChanged] = "made {0} the default assistant",
        [AuditActions.BreakerReset] = "gave calls to the provider {0} again",
        [AuditActions.ProviderProbed] = "probed the provider {0}",
        [AuditActions.KeysChecked] = "checked the keys of all services",
        [AuditActions.ProviderSwitchRequested] = "switched the AI provider of a call",
        [AuditActions.FailoverForced] = "took a call away from its AI provider",
        [AuditActions.FailoverPolicyChanged] = "changed which AI providers stand in for each other in a call",
        [AuditActions.PermissionRefused] = "asked for what needs the permission {0}, and was refused",
        [AuditActions.PersonalDataRead] = "opened a conversation with a customer",
        [AuditActions.AuditExported] = "exported the audit log",
        [AuditActions.WebhookRefused] = "(or somebody in its name) sent a webhook that was refused",
        [AuditActions.WebhookMalformed] = "(or somebody in its name) sent a webhook that makes no sense",
        [AuditActions.WebhookUnverified] = "(or somebody in its name) sent a webhook that nobody checked",
        [AuditActions.MediaSocketRefused] = "(or somebody in its name) was refused a media connection",
    };

    /// <summary>Code names to choose from, each with its words.</summary>
    public static IReadOnlyList<KeyValuePair<string, string>> Known { get; } =
        [.. Acts.Select(act => KeyValuePair.Create(act.Key, Short(act.Value))).OrderBy(act => act.Value, StringComparer.Ordinal)];

    /// <summary>Continues a sentence that begins with who did it.</summary>
    /// <param name="subject">As people know it.</param>
    public static string Of(string action, string subject) =>
        Acts.TryGetValue(action, out var sentence) ? string.Format(CultureInfo.InvariantCulture, sentence, subject) : $"{action.Replace('_', ' ')}: {subject}";

    private static string Short(string sentence)
    {
        var words = sentence.Replace("(or somebody in its name) ", string.Empty).Replace(" of {0}", string.Empty).Replace(" as {0}", string.Empty).Replace(" {0}", string.Empty);
        return char.ToUpperInvariant(words[0]) + words[1..];
    }
}
