using System.Net;

namespace Kraliki.Server.Cluster;

internal sealed partial class ClusterStart
{
    [LoggerMessage(EventId = 2060, Level = LogLevel.Warning, Message = "The node at {Node} was last seen at {LastSeen}, cannot be reached and is taken for dead")]
    private partial void LogGhost(IPEndPoint node, DateTime lastSeen);
}
