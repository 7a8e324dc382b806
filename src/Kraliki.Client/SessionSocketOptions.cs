namespace Kraliki.Client;

public sealed record SessionSocketOptions
{
    /// <summary>Limit for the connection with hello, identify and ready.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Waits between tries; the count starts anew after each good connection.</summary>
    public Backoff Backoff { get; init; } = Backoff.Default;

    /// <summary>Null takes the interval that the server asks for.</summary>
    public TimeSpan? HeartbeatInterval { get; init; }
}
