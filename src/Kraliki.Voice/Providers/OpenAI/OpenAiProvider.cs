using Kraliki.Contracts;

namespace Kraliki.Voice.Providers.OpenAI;

/// <summary>OpenAI Realtime, GA protocol, by WebSocket; any server that speaks it works through <see cref="BaseUrl"/>.</summary>
public sealed record OpenAiOptions
{
    /// <summary>REST base; the socket is at <c>{BaseUrl}/realtime</c>. Default: <c>https://api.openai.com/v1</c>.</summary>
    public Uri BaseUrl { get; init; } = new("https://api.openai.com/v1");

    public required string ApiKey { get; init; }

    /// <summary>Default: <c>gpt-realtime-2.1</c>.</summary>
    public string Model { get; init; } = "gpt-realtime-2.1";

    /// <summary>Default: <c>marin</c>.</summary>
    public string Voice { get; init; } = "marin";

    /// <summary>Writes down what the caller says. Default: <c>gpt-transcribe</c>.</summary>
    public string TranscriptionModel { get; init; } = "gpt-transcribe";

    /// <summary>
    /// Tokens of the conversation that each answer is made from, and billed by; when it is more, the oldest fifth is forgotten,
    /// rarely and much at a time because what follows is then no longer in OpenAI's cache. Default: 8,000, some ten minutes of speech.
    /// </summary>
    public int ContextTokens { get; init; } = 8_000;

    /// <summary>How the end of a caller's turn is found; who answers, and when, is ours in either case (docs/adr/0006). Default: by silence.</summary>
    public OpenAiTurnDetection TurnDetection { get; init; } = OpenAiTurnDetection.ServerVad;

    /// <summary>Silence that ends a caller's turn, with <see cref="OpenAiTurnDetection.ServerVad"/>. Default: 500 ms.</summary>
    public int SilenceMs { get; init; } = 500;

    /// <summary>How soon a caller who seems to be done is taken at his word, with <see cref="OpenAiTurnDetection.SemanticVad"/>. Default: <c>auto</c>.</summary>
    public OpenAiEagerness Eagerness { get; init; } = OpenAiEagerness.Auto;
}

/// <summary>docs/protocols/openai-realtime.md §2, <c>turn_detection.type</c>.</summary>
public enum OpenAiTurnDetection
{
    /// <summary>A silence ends the turn.</summary>
    ServerVad,

    /// <summary>A model judges by the words whether the caller is done: a pause for thought does not end the turn.</summary>
    SemanticVad,
}

/// <summary>How long a turn that may be unfinished is waited for, at the most: 8 s, 4 s, 2 s; auto is the same as medium.</summary>
public enum OpenAiEagerness
{
    Low,
    Medium,
    High,
    Auto,
}

/// <inheritdoc cref="OpenAiOptions"/>
public sealed class OpenAiProvider(OpenAiOptions options, TimeProvider time) : IVoiceProvider
{
    public string Name => "openai";

    public ProviderCapabilities Capabilities { get; } =
        new([VoiceStrategy.Realtime], DetectsTurns: true, Truncates: true, SpeaksFirst: true, options.Model)
        {
            // docs/protocols/openai-realtime.md: a session ends after 60 minutes.
            Lifetime = TimeSpan.FromMinutes(60),
            ContextTokens = options.ContextTokens / 2,
            RecapEvery = 1_500,

            // docs/protocols/openai-realtime.md: the longest waits of semantic_vad.
            TurnPatience = (options.TurnDetection, options.Eagerness) switch
            {
                (OpenAiTurnDetection.ServerVad, _) => TimeSpan.Zero,
                (_, OpenAiEagerness.Low) => TimeSpan.FromSeconds(8),
                (_, OpenAiEagerness.High) => TimeSpan.FromSeconds(2),
                _ => TimeSpan.FromSeconds(4),
            },
        };

    public IProviderConnection Connect(ProviderSetup setup, IProviderEvents events)
    {
        var connection = new OpenAiConnection(options, setup, events, time);
        connection.Start();
        return connection;
    }
}
