namespace Kraliki.OperatorConsole.Calls;

public enum CommandKind
{
    End,
    TakeMicrophone,
    ReleaseMicrophone,
}

/// <summary>Somebody else has changed the call since it was shown here, so a command was not carried out.</summary>
/// <param name="Again">Sends it once more, on the call as it is shown by then.</param>
public sealed record CommandConflict(CommandKind Kind, Func<Task> Again);
