using System.Globalization;

namespace Kraliki.OperatorConsole.Text;

/// <summary>What the audit log tells, as short sentences after the name of who did it.</summary>
public static class AuditWords
{
    // {0}: the subject. An act that stands not here, of a newer server, is shown by its code name.
    private static readonly Dictionary<string, string> Acts = new()
    {
        ["logged_in"] = "signed in",
        ["login_failed"] = "failed to sign in as {0}",
        ["logged_out"] = "signed out",
        ["logged_out_everywhere"] = "signed out everywhere",
        ["sign_in_ended"] = "ended a sign-in on another device",
        ["refresh_token_reused"] = "used a sign-in a second time, which ended it",
        ["registered"] = "joined",
        ["registration_repeated"] = "tried to register the address of {0} once more",
        ["email_verified"] = "confirmed the e-mail address",
        ["password_changed"] = "changed the password",
        ["password_change_failed"] = "gave a wrong password when changing it",
        ["password_reset"] = "set a new password by mail",
        ["user_invited"] = "invited somebody",
        ["invitation_withdrawn"] = "withdrew an invitation",
        ["invitation_resent"] = "sent an invitation again",
        ["user_renamed"] = "changed the name of {0}",
        ["role_changed"] = "changed the role of {0}",
        ["user_deactivated"] = "deactivated {0}",
        ["user_reactivated"] = "reactivated {0}",
        ["mail_failed"] = "gave up sending a mail",
        ["flag_changed"] = "changed the feature {0}",
        ["permission_refused"] = "asked for what needs the permission {0}, and was refused",
        ["personal_data_read"] = "opened a conversation with a customer",
        ["audit_exported"] = "exported the audit log",
        ["webhook_refused"] = "(or somebody in its name) sent a webhook that was refused",
        ["webhook_malformed"] = "(or somebody in its name) sent a webhook that makes no sense",
        ["webhook_unverified"] = "(or somebody in its name) sent a webhook that nobody checked",
        ["media_socket_refused"] = "(or somebody in its name) was refused a media connection",
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
