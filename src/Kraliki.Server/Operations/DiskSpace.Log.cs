namespace Kraliki.Server.Operations;

internal sealed partial class DiskSpace
{
    [LoggerMessage(EventId = 5101, Level = LogLevel.Error, Message = "Only {Free} MB are free in the data directory; when it is full, new calls are refused")]
    private partial void LogLow(long free);

    [LoggerMessage(EventId = 5102, Level = LogLevel.Information, Message = "{Free} MB are free in the data directory again")]
    private partial void LogRoom(long free);

    [LoggerMessage(EventId = 5103, Level = LogLevel.Warning, Message = "How much room the data directory has cannot be seen")]
    private partial void LogUnknown(Exception exception);
}
