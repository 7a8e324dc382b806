namespace Kraliki.Server.Sessions;

internal sealed partial class MicrophoneSweep
{
    [LoggerMessage(EventId = 2081, Level = LogLevel.Warning, Message = "Microphones could not be looked after; tried again every few seconds, and not told again until it has worked")]
    private partial void LogSweepFailed(Exception exception);

    [LoggerMessage(EventId = 2082, Level = LogLevel.Information, Message = "The microphone of session {SessionId} could not be looked after; the next round tries again")]
    private partial void LogNotTended(Exception exception, Guid sessionId);
}
