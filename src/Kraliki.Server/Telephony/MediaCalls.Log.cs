namespace Kraliki.Server.Telephony;

internal sealed partial class MediaCalls
{
    [LoggerMessage(EventId = 300, Level = LogLevel.Error, Message = "The end of a call could not be recorded; its session will be ended as abandoned")]
    private static partial void LogEndNotRecorded(ILogger logger, Exception exception);

    [LoggerMessage(EventId = 301, Level = LogLevel.Information, Message = "A media socket was refused: {Why}")]
    private static partial void LogRefused(ILogger logger, string why);
}
