using Kraliki.Contracts;
using Kraliki.Voice.Calls;
using Kraliki.Voice.Providers;

namespace Kraliki.Server.Providers;

/// <summary>Nothing is known about providers beyond the call that meets them.</summary>
internal sealed class AllHealthy : IProviderHealth
{
    public bool Allows(IVoiceProvider provider) => true;

    public void Answered(IVoiceProvider provider, TimeSpan connectTime)
    {
    }

    public void Failed(IVoiceProvider provider, ProviderFailure failure, string detail)
    {
    }
}
