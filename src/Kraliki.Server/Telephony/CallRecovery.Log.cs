namespace Kraliki.Server.Telephony;

internal sealed partial class CallRecovery
{
    [LoggerMessage(EventId = 330, Level = LogLevel.Warning, Message = "The caller of session {SessionId} could not be brought back for now")]
    private partial void LogNotBroughtBack(Exception exception, Guid sessionId);
}
