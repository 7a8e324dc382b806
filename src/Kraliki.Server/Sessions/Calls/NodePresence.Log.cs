namespace Kraliki.Server.Sessions.Calls;

internal sealed partial class NodePresence
{
    [LoggerMessage(EventId = 2031, Level = LogLevel.Warning, Message = "Session {SessionId} does not answer this node's renewal")]
    private partial void LogRenewalFailed(Exception exception, Guid sessionId);

    [LoggerMessage(EventId = 2032, Level = LogLevel.Warning, Message = "The journal could not be asked how far the watched sessions are; the next round tries again")]
    private partial void LogCatchingUpFailed(Exception exception);
}
