using Kraliki.Contracts;

namespace Kraliki.Server.Identity;

/// <summary>Names of what a role may do; each is also the name of an authorization policy.</summary>
public static class Permissions
{
    /// <summary>See sessions, their events and transcripts, and listen in.</summary>
    public const string SessionsRead = "sessions.read";

    /// <summary>Create, change, steer and end sessions.</summary>
    public const string SessionsManage = "sessions.manage";

    public const string RehearsalsRead = "rehearsals.read";

    public const string RehearsalsRun = "rehearsals.run";

    public const string ProvidersRead = "providers.read";

    public static IReadOnlyList<string> All { get; } = [SessionsRead, SessionsManage, RehearsalsRead, RehearsalsRun, ProvidersRead];
}

/// <summary>What each role may do.</summary>
public static class RolePermissions
{
    private static readonly HashSet<string> Viewing = [Permissions.SessionsRead, Permissions.RehearsalsRead, Permissions.ProvidersRead];
    private static readonly HashSet<string> Working = [.. Viewing, Permissions.SessionsManage, Permissions.RehearsalsRun];

    public static bool Allow(UserRole role, string permission) => Of(role).Contains(permission);

    private static HashSet<string> Of(UserRole role) => role switch
    {
        UserRole.Admin or UserRole.Supervisor or UserRole.Agent => Working,
        UserRole.Viewer => Viewing,
        _ => throw new ArgumentOutOfRangeException(nameof(role), role, "A role without permissions."),
    };
}
