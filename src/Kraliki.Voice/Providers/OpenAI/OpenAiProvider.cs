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

    /// <summary>Silence that ends a caller's turn. Default: 500 ms.</summary>
    public int SilenceMs { get; init; } = 500;
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
            ContextTokens = 16_000,
        };

    public IProviderConnection Connect(ProviderSetup setup, IProviderEvents events)
    {
        var connection = new OpenAiConnection(options, setup, events, time);
        connection.Start();
        return connection;
    }
}
