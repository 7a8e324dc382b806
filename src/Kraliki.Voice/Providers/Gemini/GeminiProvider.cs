using Kraliki.Contracts;

namespace Kraliki.Voice.Providers.Gemini;

/// <summary>Gemini Live (<c>BidiGenerateContent</c>) of the Developer API, by WebSocket.</summary>
public sealed record GeminiOptions
{
    /// <summary>The socket is at <c>{BaseUrl}/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent</c>. Default: <c>https://generativelanguage.googleapis.com</c>.</summary>
    public Uri BaseUrl { get; init; } = new("https://generativelanguage.googleapis.com");

    public required string ApiKey { get; init; }

    /// <summary>Without <c>models/</c>. Default: <c>gemini-3.8-live</c>.</summary>
    public string Model { get; init; } = "gemini-3.8-live";

    /// <summary>One of the prebuilt voices. Default: <c>Kore</c>.</summary>
    public string Voice { get; init; } = "Kore";

    /// <summary>Silence that ends a caller's turn; heard by us, not by Gemini (docs/adr/0025). Default: 500 ms.</summary>
    public int SilenceMs { get; init; } = 500;
}

/// <inheritdoc cref="GeminiOptions"/>
public sealed class GeminiProvider(GeminiOptions options, TimeProvider time) : IVoiceProvider
{
    public string Name => "gemini";

    public ProviderCapabilities Capabilities { get; } =
        new([VoiceStrategy.Realtime], DetectsTurns: true, Truncates: true, SpeaksFirst: true, options.Model)
        {
            // docs/protocols/gemini-live.md: about 10 minutes are promised; goAway tells when it is less.
            Lifetime = TimeSpan.FromMinutes(10),
            ContextTokens = 4_000,
            RecapEvery = 1_500,
        };

    public IProviderConnection Connect(ProviderSetup setup, IProviderEvents events)
    {
        var connection = new GeminiConnection(options, setup, events, time);
        connection.Start();
        return connection;
    }
}
