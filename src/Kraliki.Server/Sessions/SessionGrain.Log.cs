using Kraliki.Contracts;

namespace Kraliki.Server.Sessions;

internal sealed partial class SessionGrain
{
    [LoggerMessage(EventId = 2011, Level = LogLevel.Warning, Message = "Session {SessionId} was {State} without a call and is brought to its end")]
    private partial void LogReaped(Guid sessionId, SessionState state);

    [LoggerMessage(EventId = 2012, Level = LogLevel.Warning, Message = "The node that holds the call of session {SessionId} does not answer")]
    private partial void LogOwnerUnreachable(Exception exception, Guid sessionId);
}
