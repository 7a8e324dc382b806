using Kraliki.Contracts;
using Kraliki.LocalSpeech;
using Kraliki.Server.Hosting;

namespace Kraliki.Server.Providers;

/// <summary>The AI voice providers that people can choose, and what keeps one from taking calls. Looks anew each time.</summary>
public sealed class ProviderCatalog(KralikiOptions options)
{
    public IReadOnlyList<ProviderView> List()
    {
        // Hearing, speaking and their model come and go together for people: one sentence is enough.
        var speechMissing = SpeechParts.Check().Select(part => part.Remedy).FirstOrDefault();
        var hasKey = options.Providers.OpenAI.ApiKey is not null;
        var openAIMissing = (hasKey, options.Demo) switch
        {
            (true, _) => null,
            (false, true) => speechMissing,
            (false, false) => "No key is configured: set Kraliki:Providers:OpenAI:ApiKey.",
        };
        return
        [
            new("openai", "OpenAI Realtime", [VoiceStrategy.Realtime], Simulated: !hasKey && options.Demo, openAIMissing),
            new("local", "Local speech", [VoiceStrategy.Realtime, VoiceStrategy.Segmented], Simulated: false, speechMissing),
        ];
    }
}
