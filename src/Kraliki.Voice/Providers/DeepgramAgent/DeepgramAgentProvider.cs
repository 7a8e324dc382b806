using Kraliki.Contracts;

namespace Kraliki.Voice.Providers.DeepgramAgent;

/// <summary>Deepgram's Voice Agent: hearing, thinking and speaking behind one socket.</summary>
public sealed record DeepgramAgentOptions
{
    /// <summary>Default: <c>https://agent.deepgram.com</c>; the socket is at <c>{BaseUrl}/v1/agent/converse</c>.</summary>
    public Uri BaseUrl { get; init; } = new("https://agent.deepgram.com");

    public required string ApiKey { get; init; }

    /// <summary>Writes down what the caller says. Default: <c>nova-3</c>.</summary>
    public string ListenModel { get; init; } = "nova-3";

    /// <summary>Deepgram's name for the maker of <see cref="ThinkModel"/>. Default: <c>open_ai</c>.</summary>
    public string ThinkProvider { get; init; } = "open_ai";

    /// <summary>Default: <c>gpt-4.1-mini</c>.</summary>
    public string ThinkModel { get; init; } = "gpt-4.1-mini";

    /// <summary>An Aura model, which is a voice. Default: <c>aura-2-thalia-en</c>.</summary>
    public string Voice { get; init; } = "aura-2-thalia-en";

    /// <summary>Spoken by the caller when the assistant names no language, BCP 47. Default: <c>en</c>.</summary>
    public string Language { get; init; } = "en";
}

/// <inheritdoc cref="DeepgramAgentOptions"/>
public sealed class DeepgramAgentProvider(DeepgramAgentOptions options, TimeProvider time) : IVoiceProvider
{
    public string Name => "deepgram_agent";

    /// <remarks>The protocol has no way to cut what the agent remembers to what was heard (docs/adr/0028).</remarks>
    public ProviderCapabilities Capabilities { get; } = new(
        [VoiceStrategy.Realtime], DetectsTurns: true, Truncates: false, SpeaksFirst: true, $"{options.ListenModel}, {options.ThinkModel}, {options.Voice}")
    {
        // docs/protocols/deepgram.md §3: a session ends after 60 minutes.
        Lifetime = TimeSpan.FromMinutes(60),
    };

    public IProviderConnection Connect(ProviderSetup setup, IProviderEvents events)
    {
        var connection = new DeepgramAgentConnection(options, setup, events, Capabilities.Model, time);
        connection.Start();
        return connection;
    }
}
