namespace Kraliki.Server.Telephony;

internal static partial class MediaEndpoint
{
    [LoggerMessage(EventId = 300, Level = LogLevel.Error, Message = "The end of a call could not be recorded; its session will be ended as abandoned")]
    private static partial void LogEndNotRecorded(ILogger logger, Exception exception);
}
