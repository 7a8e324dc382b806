namespace Kraliki.Server.Providers.Tools;

internal sealed partial class ServerTools
{
    [LoggerMessage(EventId = 2111, Level = LogLevel.Error, Message = "The tool {Tool} gave no result (it ended by itself: {Ended}); the assistant goes on without it")]
    private partial void LogToolFailed(Exception? exception, string tool, bool ended);
}
