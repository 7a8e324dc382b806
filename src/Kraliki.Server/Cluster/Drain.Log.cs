namespace Kraliki.Server.Cluster;

internal sealed partial class Drain
{
    [LoggerMessage(EventId = 2070, Level = LogLevel.Warning, Message = "This node is leaving: {Calls} calls go to {Others} other nodes within {Seconds} s; a second signal ends it at once")]
    private partial void LogBegan(int calls, int others, double seconds);

    [LoggerMessage(EventId = 2071, Level = LogLevel.Information, Message = "{Calls} calls are still to be moved")]
    private partial void LogProgress(int calls);

    [LoggerMessage(EventId = 2072, Level = LogLevel.Information, Message = "The other nodes have taken over after {Milliseconds} ms; {Left} calls are cut and come back as after a fault")]
    private partial void LogEnded(int left, long milliseconds);

    [LoggerMessage(EventId = 2073, Level = LogLevel.Warning, Message = "The call of session {SessionId} could not be moved for now")]
    private partial void LogMoveFailed(Exception exception, Guid sessionId);

    [LoggerMessage(EventId = 2074, Level = LogLevel.Warning, Message = "The carrier did not move the call of session {SessionId}")]
    private partial void LogNotMoved(Guid sessionId);
}
