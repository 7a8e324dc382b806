namespace Kraliki.Server.Data;

internal sealed partial class DatabaseStart
{
    [LoggerMessage(EventId = 1210, Level = LogLevel.Warning, Message = "The database {Database} does not answer yet; it is waited for up to {Seconds} s")]
    private partial void LogWaiting(string database, double seconds);
}
