namespace Kraliki.Server.Sessions.Calls;

internal sealed partial class UnsavedFacts
{
    [LoggerMessage(EventId = 2096, Level = LogLevel.Error, Message = "The server stops and {Facts} facts are lost: they could not be written. Sessions: {Sessions}")]
    private partial void LogLost(int facts, string sessions);
}
