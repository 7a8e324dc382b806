namespace Kraliki.Server.Identity;

internal sealed partial class IdentityUpkeep
{
    [LoggerMessage(EventId = 1042, Level = LogLevel.Warning, Message = "Signing keys could not be looked after or expired sign-ins not be deleted; the next round tries again")]
    private partial void LogUpkeepFailed(Exception exception);
}
