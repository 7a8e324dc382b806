using Kraliki.Contracts;
using Kraliki.LocalSpeech;
using Kraliki.Server.Hosting;
using Kraliki.Voice.Providers;
using Kraliki.Voice.Providers.Local;
using Kraliki.Voice.Providers.OpenAI;

namespace Kraliki.Server.Providers;

/// <summary>The AI voice providers of this installation: those with a key, simulated ones in demo mode, and the embedded one. Safe from any thread.</summary>
internal sealed class VoiceProviders(KralikiOptions options, RecognizerPool recognizers, TimeProvider time)
{
    private readonly LocalProvider _local = new(recognizers);
    private volatile OpenAiProvider? _openAI = Configured(options.Providers.OpenAI, time);
    private volatile bool _simulated;

    /// <summary>The provider of calls that name none.</summary>
    public string Default => _openAI is null ? _local.Name : _openAI.Name;

    /// <summary>A simulator takes OpenAI's place.</summary>
    public void SimulateOpenAI(Uri baseUrl, string key)
    {
        _simulated = true;
        _openAI = new OpenAiProvider(new OpenAiOptions { ApiKey = key, BaseUrl = baseUrl }, time);
    }

    /// <returns>Null when it is unknown or has no key (any more).</returns>
    public IVoiceProvider? Find(string name) => name == _local.Name ? _local : name == "openai" ? _openAI : null;

    /// <summary>All that a person may choose from, with the reason where one cannot be used.</summary>
    public IReadOnlyList<ProviderView> All()
    {
        var missing = SpeechParts.Check();
        string? remedy = missing.Count == 0 ? null : string.Join(" ", missing.Select(part => part.Remedy));
        return
        [
            new ProviderView("openai", "OpenAI Realtime", [VoiceStrategy.Realtime], _simulated, _openAI is null ? "No API key is configured: set Kraliki:Providers:OpenAI:ApiKey." : _simulated ? remedy : null),
            new ProviderView(_local.Name, "Local (embedded)", _local.Capabilities.Strategies, false, remedy),
        ];
    }

    private static OpenAiProvider? Configured(OpenAIKeys keys, TimeProvider time)
    {
        if (keys.ApiKey is not { } key)
        {
            return null;
        }

        var settings = new OpenAiOptions { ApiKey = key.Reveal() };
        return new OpenAiProvider(
            settings with
            {
                BaseUrl = keys.BaseUrl ?? settings.BaseUrl,
                Model = keys.Model ?? settings.Model,
                Voice = keys.Voice ?? settings.Voice,
            },
            time);
    }
}
