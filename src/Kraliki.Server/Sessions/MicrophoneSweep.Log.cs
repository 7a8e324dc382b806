namespace Kraliki.Server.Sessions;

internal sealed partial class MicrophoneSweep
{
    [LoggerMessage(EventId = 2071, Level = LogLevel.Warning, Message = "Microphones could not be looked after; the next round tries again")]
    private partial void LogSweepFailed(Exception exception);
}
