namespace Kraliki.Server.Cluster;

internal sealed partial class EvictedNode
{
    [LoggerMessage(EventId = 2064, Level = LogLevel.Critical, Message = "This node cannot be part of the cluster any more and ends itself: {Reason}")]
    private partial void LogFatal(Exception? exception, string? reason);
}
