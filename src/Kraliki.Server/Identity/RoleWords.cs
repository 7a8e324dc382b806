using Kraliki.Contracts;

namespace Kraliki.Server.Identity;

/// <summary>Roles as people read them in mails and in the audit log; the same nouns as in the console.</summary>
internal static class RoleWords
{
    /// <summary>With its article: <c>an operator</c>.</summary>
    public static string InWords(this UserRole role) => role switch
    {
        UserRole.Admin => "an administrator",
        UserRole.Supervisor => "a supervisor",
        UserRole.Agent => "an operator",
        UserRole.Viewer => "a viewer",
        _ => throw new ArgumentOutOfRangeException(nameof(role), role, "A role without words."),
    };
}
