using Kraliki.Contracts;

namespace Kraliki.OperatorConsole.SignIn;

/// <summary>What the console offers to a role. The server decides; this only keeps people from asking in vain.</summary>
public static class Rights
{
    public static bool MayControlCalls(this UserView? user) => user is { Role: UserRole.Admin or UserRole.Supervisor or UserRole.Agent };

    public static bool MaySeeApiReference(this UserView? user) => user is { Role: UserRole.Admin };
}
