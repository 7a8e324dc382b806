namespace Kraliki.Client;

/// <summary>How good the socket is right now, by the time a ping takes.</summary>
public enum ConnectionQuality
{
    /// <summary>Under 100 ms.</summary>
    Excellent,

    /// <summary>Under 250 ms.</summary>
    Good,

    /// <summary>Under 500 ms.</summary>
    Fair,

    /// <summary>Slower, or the last ping is unanswered.</summary>
    Poor,

    Disconnected,
}

/// <summary>What is known about a session socket; a snapshot.</summary>
/// <param name="ConnectedAt">When the present connection was ready; null while there is none.</param>
/// <param name="LatencyMs">The last ping's round trip.</param>
/// <param name="AverageLatencyMs">Over the last 20 pings.</param>
/// <param name="ReconnectAttempts">Tries since the connection was lost; 0 while connected.</param>
/// <param name="TotalDisconnections">Connections lost since the socket was opened.</param>
/// <param name="RetryAt">When the next try is due; null when none is waiting.</param>
public sealed record SocketMetrics(
    ConnectionQuality Quality,
    DateTimeOffset? ConnectedAt,
    DateTimeOffset? LastPingAt,
    DateTimeOffset? LastPongAt,
    double? LatencyMs,
    double? AverageLatencyMs,
    int ReconnectAttempts,
    int TotalDisconnections,
    DateTimeOffset? RetryAt)
{
    internal static SocketMetrics None { get; } = new(ConnectionQuality.Disconnected, null, null, null, null, null, 0, 0, null);

    internal static ConnectionQuality QualityOf(double? latencyMs, bool pongMissing) => latencyMs switch
    {
        _ when pongMissing => ConnectionQuality.Poor,
        null or < 100 => ConnectionQuality.Excellent,
        < 250 => ConnectionQuality.Good,
        < 500 => ConnectionQuality.Fair,
        _ => ConnectionQuality.Poor,
    };
}
