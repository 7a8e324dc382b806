namespace Kraliki.Server.Sessions.Journal;

internal sealed partial class JournalWriter
{
    [LoggerMessage(EventId = 2001, Level = LogLevel.Error, Message = "The journal did not commit a batch of {Writes} writes")]
    private partial void LogCommitFailed(Exception exception, int writes);
}
