namespace Kraliki.Contracts;

/// <summary>Body of <c>POST /api/v1/sessions/{id}/switch-provider</c>.</summary>
/// <param name="Provider">Who is to have the call.</param>
/// <param name="Reason">For the journal, 1 to 500 characters.</param>
/// <param name="AtOnce">In the middle of a sentence if need be; otherwise when nobody is in the middle of one.</param>
/// <param name="Force">Although calls are kept from this provider at present, because it failed too often.</param>
public sealed record SwitchSessionProvider(string Provider, string Reason, bool AtOnce = false, bool Force = false);

/// <summary>Body of <c>POST /api/v1/sessions/{id}/failover</c>.</summary>
/// <param name="Reason">For the journal, at most 500 characters.</param>
public sealed record ForceFailover(string? Reason = null);

/// <summary>Who takes over when a session's provider fails, and after what patience.</summary>
/// <param name="Enabled">False: a provider's end is the call's end.</param>
/// <param name="Order">Names of providers, the first choice first; empty for all that are configured, in the order of <c>GET /api/v1/providers</c>.</param>
/// <param name="StallSeconds">How long a provider whose turn it is may say nothing before it counts as dead: 2 to 30.</param>
public sealed record FailoverPolicy(bool Enabled, IReadOnlyList<string> Order, int StallSeconds)
{
    public const int LeastStallSeconds = 2;
    public const int MostStallSeconds = 30;
}

/// <summary>Who has a session's conversation.</summary>
/// <param name="Model">As the provider names it; null before it is connected, and for providers without models.</param>
/// <param name="Since">When it got the call; null before.</param>
/// <param name="ConnectMs">How long it took to connect.</param>
/// <param name="Live">A call runs and the provider is connected.</param>
/// <param name="Switches">How often the conversation has changed hands so far, whatever the cause.</param>
public sealed record SessionProvider(
    string Provider, string Title, string? Model, DateTimeOffset? Since, int? ConnectMs, bool Live, int Switches);

/// <summary>What happened to the session's provider connections (<see cref="ProviderConnected"/>, <see cref="ProviderFailed"/>, <see cref="ProviderSwitched"/>, <see cref="ProviderSwitchFailed"/>), oldest first.</summary>
public sealed record SwitchHistory(IReadOnlyList<SessionEvent> Items);

/// <summary>A provider as one session can use it. In the order in which they take over.</summary>
/// <param name="Current">It has the call.</param>
/// <param name="Healthy">It may be given calls.</param>
/// <param name="Unavailable">Null when it can take calls; else what is missing and the remedy, in one sentence.</param>
/// <param name="Failures">Of its connections in this session.</param>
/// <param name="LastError">Of those, the newest, in plain words.</param>
/// <param name="ConnectMs">How long it last took to connect in this session.</param>
public sealed record SessionProviderHealth(
    string Provider,
    string Title,
    bool Current,
    bool Healthy,
    string? Unavailable,
    int Failures,
    string? LastError,
    DateTimeOffset? LastErrorAt,
    int? ConnectMs);
