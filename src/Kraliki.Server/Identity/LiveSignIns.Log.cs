namespace Kraliki.Server.Identity;

internal sealed partial class LiveSignIns
{
    [LoggerMessage(EventId = 1041, Level = LogLevel.Warning, Message = "It could not be checked whether the people behind open sockets are still signed in; tried again every two seconds, and not told again until it has worked")]
    private partial void LogCheckFailed(Exception exception);
}
