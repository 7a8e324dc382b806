namespace Kraliki.Server.Sessions.Sockets;

internal sealed partial class SessionWatcher
{
    [LoggerMessage(EventId = 2051, Level = LogLevel.Debug, Message = "A socket of session {SessionId} closed: {End} ({AudioDropped} audio frames were dropped)")]
    private partial void LogClosed(Guid sessionId, string end, long audioDropped);

    [LoggerMessage(EventId = 2052, Level = LogLevel.Warning, Message = "A socket of session {SessionId} is closed because the session cannot be reached")]
    private partial void LogSessionUnreachable(Exception exception, Guid sessionId);
}
