namespace Kraliki.Server.Telephony;

internal sealed partial class MediaTransport
{
    [LoggerMessage(EventId = 310, Level = LogLevel.Warning, Message = "A connection could not be accepted; listening goes on")]
    private static partial void LogAcceptFailed(ILogger logger, Exception exception);
}
