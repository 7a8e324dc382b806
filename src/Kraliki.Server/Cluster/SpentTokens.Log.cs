namespace Kraliki.Server.Cluster;

internal sealed partial class SpentTokens
{
    [LoggerMessage(EventId = 2078, Level = LogLevel.Warning, Message = "The server stopped before it could write down that {Count} one-time tokens were used while the database was away")]
    private partial void LogLost(int count);
}
