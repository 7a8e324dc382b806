namespace Kraliki.Server.Hosting;

internal sealed partial class IdempotencyPurge
{
    [LoggerMessage(EventId = 130, Level = LogLevel.Warning, Message = "Old idempotency keys could not be removed; the next round tries again")]
    private partial void LogPurgeFailed(Exception exception);
}
