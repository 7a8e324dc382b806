using Kraliki.Contracts;
using Kraliki.LocalSpeech;
using Kraliki.Server.Hosting;
using Kraliki.Voice.Providers;
using Kraliki.Voice.Providers.DeepgramAgent;
using Kraliki.Voice.Providers.Gemini;
using Kraliki.Voice.Providers.Local;
using Kraliki.Voice.Providers.OpenAI;
using Kraliki.Voice.Providers.Segmented;

namespace Kraliki.Server.Providers;

/// <summary>An AI voice provider that this version knows.</summary>
/// <param name="Missing">What keeps it from being used, with the remedy; null when it is configured.</param>
/// <param name="Make">Only called when nothing is missing.</param>
internal sealed record KnownProvider(
    string Name, string Title, IReadOnlyList<VoiceStrategy> Strategies, Func<ProviderKeys, string?> Missing, Func<ProviderKeys, RecognizerPool, TimeProvider, IVoiceProvider> Make);

/// <summary>The AI voice providers of this installation: those with a key, simulated ones in demo mode, and the embedded one. Safe from any thread.</summary>
internal sealed class VoiceProviders
{
    // In the order in which calls prefer them that name none.
    private static readonly KnownProvider[] Known =
    [
        new("openai", "OpenAI Realtime", [VoiceStrategy.Realtime], keys => MissingKey(keys.OpenAI, "OpenAI"), (keys, _, time) => OpenAI(keys, time)),
        new("gemini", "Gemini Live", [VoiceStrategy.Realtime], keys => MissingKey(keys.Gemini, "Gemini"), (keys, _, time) => Gemini(keys.Gemini, time)),
        new("deepgram", "Deepgram", [VoiceStrategy.Segmented], MissingPart, (keys, _, time) => Deepgram(keys, time)),
        new("deepgram_agent", "Deepgram Voice Agent", [VoiceStrategy.Realtime], keys => MissingKey(keys.Deepgram, "Deepgram"), (keys, _, time) => Agent(keys.Deepgram, time)),
        new("local", "Local (embedded)", [VoiceStrategy.Realtime, VoiceStrategy.Segmented], _ => null, (_, recognizers, _) => new LocalProvider(recognizers)),
    ];

    private readonly RecognizerPool _recognizers;
    private readonly TimeProvider _time;
    private readonly Lock _changing = new();
    private volatile ProviderKeys _keys;
    private volatile IReadOnlyDictionary<string, IVoiceProvider> _usable;
    private volatile IReadOnlySet<string> _simulated = new HashSet<string>();

    public VoiceProviders(KralikiOptions options, RecognizerPool recognizers, TimeProvider time)
    {
        (_recognizers, _time, _keys) = (recognizers, time, options.Providers);
        _usable = Usable(Names);
    }

    /// <summary>All names, whether they can be used or not.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Known.Select(known => known.Name)];

    /// <summary>The provider of calls that name none.</summary>
    public string Default => Known.First(known => _usable.ContainsKey(known.Name)).Name;

    /// <returns>Null when it is unknown or has no key (any more).</returns>
    public IVoiceProvider? Find(string name) => _usable.GetValueOrDefault(name);

    /// <summary>A simulator takes the place of a vendor, behind all providers that use it.</summary>
    /// <param name="change">Key and address of the simulator, put where the vendor's own would be.</param>
    public void Simulate(IReadOnlyCollection<string> names, Func<ProviderKeys, ProviderKeys> change)
    {
        lock (_changing)
        {
            _keys = change(_keys);
            _simulated = new HashSet<string>([.. _simulated, .. names]);
            var others = _usable;
            _usable = Usable(names).Concat(others.Where(other => !names.Contains(other.Key))).ToDictionary();
        }
    }

    /// <summary>Something stands between the calls and a provider from now on: the matrix of rehearsals breaks the embedded one so.</summary>
    public void Wrap(string name, Func<IVoiceProvider, IVoiceProvider> wrap)
    {
        lock (_changing)
        {
            _usable = _usable.ToDictionary(one => one.Key, one => one.Key == name ? wrap(one.Value) : one.Value);
        }
    }

    /// <summary>All that a person may choose from, with the reason where one cannot be used.</summary>
    public IReadOnlyList<ProviderView> All()
    {
        var missing = SpeechParts.Check();
        string? remedy = missing.Count == 0 ? null : string.Join(" ", missing.Select(part => part.Remedy));
        return
        [
            .. Known.Select(known =>
            {
                // Simulators and the embedded provider hear and speak by the parts of this machine.
                bool simulated = _simulated.Contains(known.Name);
                return new ProviderView(
                    known.Name,
                    known.Title,
                    known.Strategies,
                    simulated,
                    known.Missing(_keys) ?? (simulated || Find(known.Name) is LocalProvider ? remedy : null),
                    Find(known.Name)?.Capabilities.Model);
            }),
        ];
    }

    private static string? MissingKey(VendorKeys keys, string section) =>
        keys.ApiKey is null ? $"No API key is configured: set Kraliki:Providers:{section}:ApiKey." : null;

    /// <summary>The segmented strategy needs a language model besides.</summary>
    private static string? MissingPart(ProviderKeys keys) => MissingKey(keys.Deepgram, "Deepgram")
        ?? (keys.Llm is { ApiKey: null, BaseUrl: null } ? "No language model is configured: set Kraliki:Providers:Llm:ApiKey, or :BaseUrl of a server of your own." : null);

    private static OpenAiProvider OpenAI(ProviderKeys all, TimeProvider time)
    {
        var keys = all.OpenAI;
        var settings = new OpenAiOptions { ApiKey = keys.ApiKey!.Reveal() };
        return new OpenAiProvider(
            settings with
            {
                BaseUrl = keys.BaseUrl ?? settings.BaseUrl,
                Model = keys.Model ?? settings.Model,
                Voice = keys.Voice ?? settings.Voice,
                TurnDetection = all.OpenAITurnDetection,
                Eagerness = all.OpenAIEagerness,
            },
            time);
    }

    private static GeminiProvider Gemini(VendorKeys keys, TimeProvider time)
    {
        var settings = new GeminiOptions { ApiKey = keys.ApiKey!.Reveal() };
        return new GeminiProvider(
            settings with
            {
                BaseUrl = keys.BaseUrl ?? settings.BaseUrl,
                Model = keys.Model ?? settings.Model,
                Voice = keys.Voice ?? settings.Voice,
            },
            time);
    }

    private static SegmentedProvider Deepgram(ProviderKeys keys, TimeProvider time)
    {
        var settings = new DeepgramOptions { ApiKey = keys.Deepgram.ApiKey!.Reveal() };
        var model = new LlmOptions();
        return new SegmentedProvider(
            settings with
            {
                BaseUrl = keys.Deepgram.BaseUrl ?? settings.BaseUrl,
                ListenModel = keys.Deepgram.Model ?? settings.ListenModel,
                Voice = keys.Deepgram.Voice ?? settings.Voice,
            },
            model with
            {
                ApiKey = keys.Llm.ApiKey?.Reveal(),
                BaseUrl = keys.Llm.BaseUrl ?? model.BaseUrl,
                Model = keys.Llm.Model ?? model.Model,
            },
            time);
    }

    private static DeepgramAgentProvider Agent(VendorKeys keys, TimeProvider time)
    {
        var settings = new DeepgramAgentOptions { ApiKey = keys.ApiKey!.Reveal() };
        return new DeepgramAgentProvider(
            settings with
            {
                // The vendor's own has a host of its own; anybody else's is one server for all.
                BaseUrl = keys.BaseUrl ?? settings.BaseUrl,
                ListenModel = keys.Model ?? settings.ListenModel,
                Voice = keys.Voice ?? settings.Voice,
            },
            time);
    }

    private Dictionary<string, IVoiceProvider> Usable(IEnumerable<string> names) =>
        Known.Where(known => names.Contains(known.Name) && known.Missing(_keys) is null).ToDictionary(known => known.Name, known => known.Make(_keys, _recognizers, _time));
}
