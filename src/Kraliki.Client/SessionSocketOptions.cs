namespace Kraliki.Client;

public sealed record SessionSocketOptions
{
    /// <summary>Limit for the connection with hello, identify and ready.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Waits between tries; the count starts anew after each good connection.</summary>
    public Backoff Backoff { get; init; } = Backoff.Default;

    /// <summary>Names the browser tab, for its microphone: 1 to 64 letters, digits, <c>-</c>, <c>_</c> and <c>.</c>, the same for the tab's life. Null for who never speaks.</summary>
    public string? ClientId { get; init; }

    /// <summary>Null takes the interval that the server asks for.</summary>
    public TimeSpan? HeartbeatInterval { get; init; }
}
