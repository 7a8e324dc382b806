namespace Kraliki.Server.Rehearsals;

internal sealed partial class RehearsalRunner
{
    [LoggerMessage(EventId = 401, Level = LogLevel.Warning, Message = "Rehearsals that a restart interrupted could not be marked as failed; the next start tries again")]
    private partial void LogInterruptedNotMarked(Exception exception);

    [LoggerMessage(EventId = 400, Level = LogLevel.Error, Message = "Rehearsal {RehearsalId} could not be run")]
    private partial void LogRehearsalFailed(Exception exception, Guid rehearsalId);
}
