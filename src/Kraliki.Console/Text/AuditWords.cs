using System.Globalization;

namespace Kraliki.OperatorConsole.Text;

/// <summary>What the audit log tells, as short sentences after the name of who did it.</summary>
public static class AuditWords
{
    // {0}: the subject. An action that stands not here, of a newer server, is shown by its code name.
    private static readonly Dictionary<string, string> Acts = new()
    {
        ["logged_in"] = "signed in",
        ["login_failed"] = "failed to sign in as {0}",
        ["logged_out"] = "signed out",
        ["logged_out_everywhere"] = "signed out everywhere",
        ["sign_in_ended"] = "ended a sign-in on another device",
        ["refresh_token_reused"] = "used a sign-in token a second time; the sign-in was ended",
        ["registered"] = "registered",
        ["email_verified"] = "confirmed the e-mail address",
        ["password_changed"] = "changed the password",
        ["password_reset"] = "set a new password by mail",
        ["user_invited"] = "invited {0}",
        ["invitation_accepted"] = "accepted the invitation",
        ["invitation_withdrawn"] = "withdrew the invitation of {0}",
        ["role_changed"] = "changed the role of {0}",
        ["user_deactivated"] = "deactivated {0}",
        ["user_reactivated"] = "reactivated {0}",
        ["mail_failed"] = "gave up sending a mail",
        ["flag_changed"] = "changed the feature {0}",
        ["permission_refused"] = "was refused: {0}",
        ["webhook_refused"] = "was refused a webhook",
        ["media_socket_refused"] = "was refused a media connection",
        ["audit_exported"] = "exported the audit log",
        ["audit_verified"] = "verified the audit log",
        ["transcript_read"] = "read the transcript of {0}",
        ["transcript_exported"] = "exported the transcript of {0}",
    };

    /// <summary>Code names to choose from, each with its words.</summary>
    public static IReadOnlyList<KeyValuePair<string, string>> Known { get; } =
        [.. Acts.Select(act => KeyValuePair.Create(act.Key, Short(act.Value))).OrderBy(act => act.Value, StringComparer.Ordinal)];

    /// <summary>Continues a sentence that begins with who did it.</summary>
    public static string Of(string action, string subject) =>
        Acts.TryGetValue(action, out var sentence) ? string.Format(CultureInfo.InvariantCulture, sentence, subject) : $"{action.Replace('_', ' ')}: {subject}";

    private static string Short(string sentence)
    {
        var words = sentence.Replace(" as {0}", string.Empty).Replace(": {0}", string.Empty).Replace("{0}", "…");
        return char.ToUpperInvariant(words[0]) + words[1..];
    }
}
