namespace Kraliki.Server.Insights;

internal sealed partial class InsightQueue
{
    [LoggerMessage(EventId = 3201, Level = LogLevel.Warning, Message = "The {Analyzer} analyzer does not answer; it is left out until it does")]
    private partial void LogStalled(string analyzer);

    [LoggerMessage(EventId = 3202, Level = LogLevel.Error, Message = "The {Analyzer} analyzer failed on a turn of session {SessionId}")]
    private partial void LogFailed(Exception exception, string analyzer, Guid sessionId);

    [LoggerMessage(EventId = 3203, Level = LogLevel.Warning, Message = "What was found out about session {SessionId} could not be recorded")]
    private partial void LogNotRecorded(Exception exception, Guid sessionId);

    [LoggerMessage(EventId = 3204, Level = LogLevel.Warning, Message = "More turns come than can be analyzed; the oldest of those that wait are left out")]
    private partial void LogFull();
}
