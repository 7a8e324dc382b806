using Kraliki.Contracts;

namespace Kraliki.OperatorConsole.SignIn;

/// <summary>What the console offers to whom: the server's own map. The server decides; this only keeps people from asking in vain.</summary>
public static class Rights
{
    /// <summary>Claim that carries one permission; the policy of the same name asks for it.</summary>
    public const string Claim = "permission";

    public static bool May(this UserView? user, string permission) => user is not null && RolePermissions.Allow(user.Role, permission);
}
