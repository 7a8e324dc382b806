namespace Kraliki.Server.Operations;

internal static partial class ErrorReportsApi
{
    [LoggerMessage(EventId = 3131, Level = LogLevel.Warning, Message = "A browser reported: {Message} at {Where} (request {RequestId})")]
    private static partial void LogBrowserError(ILogger logger, string message, string where, string requestId);
}
