namespace Kraliki.Contracts;

/// <summary>Names of what a role may do; each is also the name of an authorization policy of the server.</summary>
public static class Permissions
{
    /// <summary>See sessions, their events and transcripts, and listen in.</summary>
    public const string SessionsRead = "sessions.read";

    /// <summary>Create, change, steer and end sessions.</summary>
    public const string SessionsManage = "sessions.manage";

    public const string RehearsalsRead = "rehearsals.read";

    public const string RehearsalsRun = "rehearsals.run";

    public const string ProvidersRead = "providers.read";

    /// <summary>Probe providers, check their keys, close breakers.</summary>
    public const string ProvidersManage = "providers.manage";

    /// <summary>See assistants and their versions.</summary>
    public const string AssistantsRead = "assistants.read";

    /// <summary>Write, restore and archive assistants, and say which one is the default.</summary>
    public const string AssistantsManage = "assistants.manage";

    /// <summary>See who belongs to the organisation.</summary>
    public const string UsersRead = "users.read";

    /// <summary>Invite, change roles, deactivate.</summary>
    public const string UsersManage = "users.manage";

    /// <summary>Search, export and verify the audit log.</summary>
    public const string AuditRead = "audit.read";

    public const string FlagsRead = "flags.read";

    public const string FlagsManage = "flags.manage";

    public static IReadOnlyList<string> All { get; } =
        [SessionsRead, SessionsManage, RehearsalsRead, RehearsalsRun, ProvidersRead, ProvidersManage, AssistantsRead, AssistantsManage, UsersRead, UsersManage, AuditRead, FlagsRead, FlagsManage];
}

/// <summary>What each role may do: asked by the server before it acts, and by the console before it offers.</summary>
public static class RolePermissions
{
    private static readonly HashSet<string> Viewing = [Permissions.SessionsRead, Permissions.RehearsalsRead, Permissions.ProvidersRead, Permissions.AssistantsRead];
    private static readonly HashSet<string> Working = [.. Viewing, Permissions.SessionsManage, Permissions.RehearsalsRun];
    private static readonly HashSet<string> Supervising = [.. Working, Permissions.AssistantsManage, Permissions.UsersRead, Permissions.FlagsRead];
    private static readonly HashSet<string> Administering = [.. Permissions.All];

    public static bool Allow(UserRole role, string permission) => Of(role).Contains(permission);

    public static IReadOnlySet<string> Of(UserRole role) => role switch
    {
        UserRole.Admin => Administering,
        UserRole.Supervisor => Supervising,
        UserRole.Agent => Working,
        UserRole.Viewer => Viewing,
        _ => throw new ArgumentOutOfRangeException(nameof(role), role, "A role without permissions."),
    };
}
