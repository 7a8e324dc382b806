namespace Kraliki.Server.Sessions;

internal sealed partial class SessionReaper
{
    [LoggerMessage(EventId = 2041, Level = LogLevel.Warning, Message = "Abandoned sessions could not be looked for; the next round tries again")]
    private partial void LogSweepFailed(Exception exception);
}
