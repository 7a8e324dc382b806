namespace Kraliki.Server.Sessions.Journal;

internal sealed partial class DatabaseWatch
{
    [LoggerMessage(EventId = 2091, Level = LogLevel.Error, Message = "Nothing can be written: {Reason}. Calls go on, and what happens in them waits")]
    private partial void LogBegan(Exception exception, string reason);

    [LoggerMessage(EventId = 2092, Level = LogLevel.Error, Message = "Still nothing can be written, now because {Reason}")]
    private partial void LogChanged(Exception exception, string reason);

    [LoggerMessage(EventId = 2093, Level = LogLevel.Warning, Message = "The database can be written again after {Seconds:0.0} s and {Failures} failures; {Facts} facts waited")]
    private partial void LogEnded(double seconds, int failures, int facts);

    [LoggerMessage(EventId = 2094, Level = LogLevel.Warning, Message = "The carrier was answered without the database, which did not within {Seconds:0.0} s")]
    private partial void LogTooSlow(double seconds);

    [LoggerMessage(EventId = 2095, Level = LogLevel.Warning, Message = "The carrier was answered without the database")]
    private partial void LogNotAnswered(Exception exception);
}
