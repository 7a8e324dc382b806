using Kraliki.Contracts;
using Kraliki.Server.Hosting;
using Kraliki.Voice.Calls;
using Kraliki.Voice.Providers;

namespace Kraliki.Server.Providers;

/// <summary>Which provider follows which: a session's policy, or else the installation's, over the providers that are configured here. Safe from any thread.</summary>
internal sealed class Failover(VoiceProviders providers, IProviderHealth health, KralikiOptions options)
{
    /// <summary>Of sessions that have none of their own.</summary>
    public FailoverPolicy Default => options.Failover;

    /// <returns>Null when it is unknown or has no key.</returns>
    public IVoiceProvider? Find(string name) => providers.Find(name);

    /// <summary>A call may be given to it; what is unknown may not.</summary>
    public bool Allows(string name) => Find(name) is { } provider && health.Allows(provider);

    /// <summary>The names that may be chosen.</summary>
    public IReadOnlyList<ProviderView> Known => providers.All();

    /// <param name="first">Has the call, or is to have it.</param>
    /// <returns>Null when nobody is there who could take it.</returns>
    public ProviderOrder? OrderOf(string first, FailoverPolicy policy)
    {
        var order = Names(first, policy.Enabled ? policy : policy with { Order = [first] }).Select(Find).OfType<IVoiceProvider>().ToList();
        return order is [] ? null : new(order, health, TimeSpan.FromSeconds(policy.StallSeconds), policy.Enabled);
    }

    /// <summary>Who would take over from this one; null when nobody may.</summary>
    public string? After(string provider, FailoverPolicy policy) => Names(provider, policy).FirstOrDefault(name => name != provider && Allows(name));

    /// <summary>In the order in which they take over, whether they are able to or not.</summary>
    public IEnumerable<string> Names(string first, FailoverPolicy policy) =>
        policy.Order.Prepend(first).Concat(policy.Order is [] ? Known.Where(view => view.Unavailable is null).Select(view => view.Name) : []).Distinct();
}
