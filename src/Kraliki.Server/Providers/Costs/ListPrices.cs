namespace Kraliki.Server.Providers.Costs;

/// <summary>The vendors' list prices without any discount, in US dollars, as they were read in November 2026. Prices of one's own take their place, model by model.</summary>
internal static class ListPrices
{
    public static IReadOnlyList<Price> All { get; } =
    [
        // developers.openai.com/api/docs/models/{model}
        .. Tokens("openai", "gpt-realtime-2.1", textIn: 4, textCached: 0.4m, textOut: 24, audioIn: 32, audioCached: 0.4m, audioOut: 64),
        .. Tokens("openai", "gpt-realtime-2.1-mini", textIn: 0.6m, textCached: 0.06m, textOut: 2.4m, audioIn: 10, audioCached: 0.3m, audioOut: 20),
        .. Tokens("openai", "gpt-realtime-2", textIn: 4, textCached: 0.4m, textOut: 24, audioIn: 32, audioCached: 0.4m, audioOut: 64),
        .. Tokens("openai", "gpt-realtime-1.5", textIn: 4, textCached: 0.4m, textOut: 16, audioIn: 32, audioCached: 0.4m, audioOut: 64),
        .. Tokens("openai", "gpt-realtime", textIn: 4, textCached: 0.4m, textOut: 16, audioIn: 32, audioCached: 0.4m, audioOut: 64),
        .. Tokens("openai", "gpt-realtime-2025*", textIn: 4, textCached: 0.4m, textOut: 16, audioIn: 32, audioCached: 0.4m, audioOut: 64),
        .. Tokens("openai", "gpt-realtime-mini*", textIn: 0.6m, textCached: 0.06m, textOut: 2.4m, audioIn: 10, audioCached: 0.3m, audioOut: 20),
        new("openai", "gpt-transcribe", PriceUnit.Minute, 0.0045m),
        new("openai", "gpt-live-transcribe", PriceUnit.Minute, 0.017m),
        new("openai", "gpt-realtime-whisper", PriceUnit.Minute, 0.017m),
        .. Tokens("openai", "gpt-4o-transcribe", textIn: 2.5m, textCached: 2.5m, textOut: 10, audioIn: 2.5m, audioCached: 2.5m, audioOut: 10),

        // ai.google.dev/gemini-api/docs/pricing; the prices of audio are those of its predecessor.
        .. Tokens("gemini", "gemini-3.8-live*", textIn: 0.75m, textCached: 0.75m, textOut: 4.5m, audioIn: 3, audioCached: 3, audioOut: 12),
        .. Tokens("gemini", "gemini-3.1-flash-live*", textIn: 0.75m, textCached: 0.75m, textOut: 4.5m, audioIn: 3, audioCached: 3, audioOut: 12),

        // deepgram.com/pricing, pay as you go; the agent's is the standard tier, by the minute of its connection.
        new("deepgram", "nova-3*", PriceUnit.Minute, 0.0077m),
        new("deepgram", "aura-2*", PriceUnit.Characters, 0.03m),
        new("deepgram", "aura-*", PriceUnit.Characters, 0.015m),
        new("deepgram_agent", "*", PriceUnit.Minute, 0.075m),

        // developers.openai.com/api/docs/models/gpt-4.1-mini
        new("llm", "gpt-4.1-mini*", PriceUnit.TextIn, 0.4m),
        new("llm", "gpt-4.1-mini*", PriceUnit.TextCached, 0.1m),
        new("llm", "gpt-4.1-mini*", PriceUnit.TextOut, 1.6m),

        // Runs on our own machine.
        new("local", "*", PriceUnit.Minute, 0),
    ];

    private static Price[] Tokens(
        string provider, string model, decimal textIn, decimal textCached, decimal textOut, decimal audioIn, decimal audioCached, decimal audioOut) =>
    [
        new(provider, model, PriceUnit.TextIn, textIn),
        new(provider, model, PriceUnit.TextCached, textCached),
        new(provider, model, PriceUnit.TextOut, textOut),
        new(provider, model, PriceUnit.AudioIn, audioIn),
        new(provider, model, PriceUnit.AudioCached, audioCached),
        new(provider, model, PriceUnit.AudioOut, audioOut),
    ];
}
