namespace Kraliki.Server.Operations;

internal sealed partial class Refusals
{
    [LoggerMessage(EventId = 3111, Level = LogLevel.Warning, Message = "How often somebody was refused in the last minute could not be written into the audit log")]
    private partial void LogCountsLost(Exception exception);
}
