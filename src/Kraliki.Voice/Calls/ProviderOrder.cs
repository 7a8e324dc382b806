using Kraliki.Contracts;
using Kraliki.Voice.Providers;

namespace Kraliki.Voice.Calls;

/// <summary>The providers that a session may use, in the order in which they take over from each other.</summary>
/// <param name="Providers">At least one; the first has the call.</param>
/// <param name="Health">What all calls of all nodes know about them.</param>
/// <param name="StallLimit">Longest silence of a provider that owes an answer.</param>
/// <param name="Failover">False: a provider's end is the call's end.</param>
public sealed record ProviderOrder(IReadOnlyList<IVoiceProvider> Providers, IProviderHealth Health, TimeSpan StallLimit, bool Failover = true)
{
    /// <summary>One provider, nothing to take over from it, and all the patience in the world.</summary>
    public static ProviderOrder Only(IVoiceProvider provider) => new([provider], UnknownHealth.Instance, TimeSpan.MaxValue, Failover: false);

    private sealed class UnknownHealth : IProviderHealth
    {
        public static readonly UnknownHealth Instance = new();

        public bool Allows(IVoiceProvider provider) => true;

        public void Answered(IVoiceProvider provider, TimeSpan connectTime)
        {
        }

        public void Failed(IVoiceProvider provider, ProviderFailure failure, string detail)
        {
        }
    }
}

/// <summary>What is known about providers beyond this call: the breakers. Called inside a call's gate: answers from memory and never blocks. Safe from any thread.</summary>
public interface IProviderHealth
{
    /// <summary>A customer's call may be given to it.</summary>
    bool Allows(IVoiceProvider provider);

    /// <summary>It took a call and understood or answered something; once per connection.</summary>
    void Answered(IVoiceProvider provider, TimeSpan connectTime);

    /// <summary>It took a call down, or would have; once per connection.</summary>
    void Failed(IVoiceProvider provider, ProviderFailure failure, string detail);
}
