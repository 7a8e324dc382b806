namespace Kraliki.Server.Identity;

internal sealed partial class LiveSignIns
{
    [LoggerMessage(EventId = 1041, Level = LogLevel.Warning, Message = "It could not be checked whether the people behind open sockets are still signed in; the next round tries again")]
    private partial void LogCheckFailed(Exception exception);
}
