namespace Kraliki.Server.HotTier;

internal sealed partial class RedisConnection
{
    // Never the exception itself: its text names commands and keys.
    [LoggerMessage(EventId = 5001, Level = LogLevel.Warning, Message = "Redis does not answer ({Reason}); everything goes on without it until it does")]
    private partial void LogLost(string reason);

    [LoggerMessage(EventId = 5002, Level = LogLevel.Information, Message = "Redis answers")]
    private partial void LogFound();

    [LoggerMessage(EventId = 5003, Level = LogLevel.Warning, Message = "Nothing came from Redis for {Seconds:0} s: connecting anew")]
    private partial void LogGivenUp(double seconds);
}
