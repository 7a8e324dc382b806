using System.ClientModel;
using System.ClientModel.Primitives;
using Kraliki.Contracts;
using Microsoft.Extensions.AI;
using ChatClient = global::OpenAI.Chat.ChatClient;
using OpenAIClientOptions = global::OpenAI.OpenAIClientOptions;

namespace Kraliki.Voice.Providers.Segmented;

/// <summary>Deepgram: live transcription (<c>/v1/listen</c>) and Aura speech (<c>/v1/speak</c>).</summary>
public sealed record DeepgramOptions
{
    /// <summary>Default: <c>https://api.deepgram.com</c>; the sockets are at <c>{BaseUrl}/v1/…</c>.</summary>
    public Uri BaseUrl { get; init; } = new("https://api.deepgram.com");

    public required string ApiKey { get; init; }

    /// <summary>Writes down what the caller says. Default: <c>nova-3</c>.</summary>
    public string ListenModel { get; init; } = "nova-3";

    /// <summary>Spoken by the caller when the assistant names no language, BCP 47. Default: <c>en</c>.</summary>
    public string Language { get; init; } = "en";

    /// <summary>An Aura model, which is a voice. Default: <c>aura-2-thalia-en</c>.</summary>
    public string Voice { get; init; } = "aura-2-thalia-en";

    /// <summary>Silence that ends a caller's turn. Default: 400 ms.</summary>
    public int SilenceMs { get; init; } = 400;
}

/// <summary>A language model behind any OpenAI-compatible <c>/chat/completions</c>.</summary>
public sealed record LlmOptions
{
    /// <summary>Default: <c>https://api.openai.com/v1</c>.</summary>
    public Uri BaseUrl { get; init; } = new("https://api.openai.com/v1");

    /// <summary>Null for a server that asks for none.</summary>
    public string? ApiKey { get; init; }

    /// <summary>Default: <c>gpt-4.1-mini</c>.</summary>
    public string Model { get; init; } = "gpt-4.1-mini";
}

/// <summary>
/// The segmented strategy: Deepgram hears, a language model thinks, Deepgram speaks. The conversation lives in our own memory,
/// so what was not heard is forgotten to the word.
/// </summary>
public sealed class SegmentedProvider : IVoiceProvider
{
    // A model that says nothing for so long has failed; the call's own watchdog is quicker where another provider is at hand.
    private static readonly TimeSpan ModelTimeout = TimeSpan.FromSeconds(30);

    private readonly DeepgramOptions _deepgram;
    private readonly Mind _mind;
    private readonly TimeProvider _time;

    public SegmentedProvider(DeepgramOptions deepgram, LlmOptions llm, TimeProvider time)
    {
        (_deepgram, _time) = (deepgram, time);

        // Not tried again here: a caller waits, and whether it is worth another try is decided where all providers are known.
        var options = new OpenAIClientOptions { Endpoint = llm.BaseUrl, RetryPolicy = new ClientRetryPolicy(0), NetworkTimeout = ModelTimeout };

        // The client insists on a key, servers of one's own often want none.
        _mind = new Mind(new ChatClient(llm.Model, new ApiKeyCredential(llm.ApiKey ?? "none"), options).AsIChatClient(), llm.Model);
        Capabilities = new(
            [VoiceStrategy.Segmented], DetectsTurns: true, Truncates: true, SpeaksFirst: true, $"{deepgram.ListenModel}, {llm.Model}, {deepgram.Voice}")
        {
            // docs/protocols/deepgram.md: sockets of either kind end after 60 minutes.
            Lifetime = TimeSpan.FromMinutes(60),

            // Some eight minutes of talk word for word; every answer is billed with all of it.
            ContextTokens = 2_000,
        };
    }

    public string Name => "deepgram";

    public ProviderCapabilities Capabilities { get; }

    public IProviderConnection Connect(ProviderSetup setup, IProviderEvents events)
    {
        var connection = new SegmentedConnection(_deepgram, _mind, Capabilities, setup, events, _time);
        connection.Start();
        return connection;
    }
}
