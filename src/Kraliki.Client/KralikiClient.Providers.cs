using Kraliki.Contracts;

namespace Kraliki.Client;

/// <content>Which AI provider has a session's conversation.</content>
public sealed partial class KralikiClient
{
    /// <summary>What the session used of AI providers, and what that costs.</summary>
    public Task<SessionUsage> GetSessionUsageAsync(Guid id, CancellationToken cancellationToken = default) =>
        _api.GetAsync($"api/v1/sessions/{id}/usage", ContractsJson.Default.SessionUsage, cancellationToken);

    public Task<SessionProvider> GetSessionProviderAsync(Guid id, CancellationToken cancellationToken = default) =>
        _api.GetAsync($"api/v1/sessions/{id}/provider", ContractsJson.Default.SessionProvider, cancellationToken);

    /// <summary>In the order in which they take over from each other.</summary>
    public Task<IReadOnlyList<SessionProviderHealth>> GetSessionProviderHealthAsync(Guid id, CancellationToken cancellationToken = default) =>
        _api.GetAsync($"api/v1/sessions/{id}/provider-health", ContractsJson.Default.IReadOnlyListSessionProviderHealth, cancellationToken);

    public Task<SwitchHistory> GetSwitchHistoryAsync(Guid id, CancellationToken cancellationToken = default) =>
        _api.GetAsync($"api/v1/sessions/{id}/switch-history", ContractsJson.Default.SwitchHistory, cancellationToken);

    /// <summary>Gives the running call to another provider. What became of it, the session's events tell.</summary>
    /// <returns>Who has the call until then.</returns>
    public Task<SessionProvider> SwitchProviderAsync(Guid id, SwitchSessionProvider wish, CancellationToken cancellationToken = default) =>
        _api.SendAsync(
            HttpMethod.Post, $"api/v1/sessions/{id}/switch-provider", wish, ContractsJson.Default.SwitchSessionProvider, ContractsJson.Default.SessionProvider, cancellationToken);

    /// <summary>Gives the running call to the next healthy provider at once.</summary>
    /// <inheritdoc cref="SwitchProviderAsync"/>
    public Task<SessionProvider> ForceFailoverAsync(Guid id, string? reason = null, CancellationToken cancellationToken = default) =>
        _api.SendAsync(
            HttpMethod.Post, $"api/v1/sessions/{id}/failover", new ForceFailover(reason), ContractsJson.Default.ForceFailover, ContractsJson.Default.SessionProvider, cancellationToken);

    public Task<FailoverPolicy> GetFailoverPolicyAsync(Guid id, CancellationToken cancellationToken = default) =>
        _api.GetAsync($"api/v1/sessions/{id}/failover-policy", ContractsJson.Default.FailoverPolicy, cancellationToken);

    /// <param name="ifVersion">The <see cref="SessionView.Version"/> the policy was decided on; a newer one is refused with code <c>version_conflict</c>.</param>
    public Task<FailoverPolicy> SetFailoverPolicyAsync(Guid id, FailoverPolicy policy, long ifVersion, CancellationToken cancellationToken = default) =>
        _api.SendAsync(
            HttpMethod.Put, $"api/v1/sessions/{id}/failover-policy", policy, ContractsJson.Default.FailoverPolicy, ContractsJson.Default.FailoverPolicy, cancellationToken, ifVersion);
}
