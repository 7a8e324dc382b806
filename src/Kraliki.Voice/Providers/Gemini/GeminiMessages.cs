using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kraliki.Voice.Providers.Gemini;

// The parts of the Live messages that we read or write. Field names and meaning: docs/protocols/gemini-live.md.

/// <summary>Any server message: one of the members, and usage beside it. Audio is read apart, without this.</summary>
internal sealed record ServerMessage(
    SetupComplete? SetupComplete,
    ServerContent? ServerContent,
    ToolCallMessage? ToolCall,
    ToolCallCancellation? ToolCallCancellation,
    GoAway? GoAway,
    SessionResumptionUpdate? SessionResumptionUpdate,
    UsageMetadata? UsageMetadata);

internal sealed record SetupComplete(string? SessionId);

internal sealed record ServerContent(
    bool GenerationComplete,
    bool TurnComplete,
    bool Interrupted,
    string? TurnCompleteReason,
    TranscriptionText? InputTranscription,
    TranscriptionText? InterimInputTranscription,
    TranscriptionText? OutputTranscription);

/// <param name="Text">A fragment to append.</param>
internal sealed record TranscriptionText(string? Text);

internal sealed record ToolCallMessage(IReadOnlyList<FunctionCall?>? FunctionCalls);

internal sealed record FunctionCall(string? Id, string? Name, JsonElement? Args);

internal sealed record ToolCallCancellation(IReadOnlyList<string?>? Ids);

/// <param name="TimeLeft">Seconds with an <c>s</c> behind: <c>50s</c>, <c>9.5s</c>.</param>
internal sealed record GoAway(string? TimeLeft);

internal sealed record SessionResumptionUpdate(string? NewHandle, bool Resumable);

/// <param name="PromptTokenCount">All that the turn was answered from, the cached part of it included.</param>
internal sealed record UsageMetadata(
    long PromptTokenCount,
    long CachedContentTokenCount,
    long ResponseTokenCount,
    long ToolUsePromptTokenCount,
    long ThoughtsTokenCount,
    IReadOnlyList<ModalityTokens?>? PromptTokensDetails,
    IReadOnlyList<ModalityTokens?>? ResponseTokensDetails);

/// <param name="Modality"><c>TEXT</c>, <c>AUDIO</c>, …</param>
internal sealed record ModalityTokens(string? Modality, long TokenCount);

internal sealed record SetupMessage(LiveSetup Setup);

internal sealed record LiveSetup(
    string Model,
    GenerationConfig GenerationConfig,
    Content SystemInstruction,
    IReadOnlyList<ToolDeclarations>? Tools,
    RealtimeInputConfig RealtimeInputConfig,
    SessionResumption SessionResumption,
    ContextWindowCompression ContextWindowCompression)
{
    public NoSettings InputAudioTranscription { get; } = new();

    public NoSettings OutputAudioTranscription { get; } = new();
}

internal sealed record NoSettings;

internal sealed record GenerationConfig(IReadOnlyList<string> ResponseModalities, SpeechConfig SpeechConfig);

internal sealed record SpeechConfig(VoiceConfig VoiceConfig, string? LanguageCode);

internal sealed record VoiceConfig(PrebuiltVoiceConfig PrebuiltVoiceConfig);

internal sealed record PrebuiltVoiceConfig(string VoiceName);

internal sealed record Content(string Role, IReadOnlyList<TextPart> Parts)
{
    public Content(string role, string text)
        : this(role, [new TextPart(text)])
    {
    }
}

internal sealed record TextPart(string Text);

internal sealed record ToolDeclarations(IReadOnlyList<FunctionDeclaration> FunctionDeclarations);

/// <param name="ParametersJsonSchema">Any JSON schema; <c>parameters</c> takes only Gemini's own dialect.</param>
internal sealed record FunctionDeclaration(string Name, string Description, JsonElement ParametersJsonSchema)
{
    /// <summary>The model waits for the result: newer models would otherwise talk on and answer twice.</summary>
    public string Behavior => "BLOCKING";
}

internal sealed record RealtimeInputConfig(AutomaticActivityDetection AutomaticActivityDetection)
{
    public string ActivityHandling => "NO_INTERRUPTION";

    public string TurnCoverage => "TURN_INCLUDES_ONLY_ACTIVITY";
}

internal sealed record AutomaticActivityDetection(bool Disabled);

internal sealed record SessionResumption(string? Handle);

/// <param name="TriggerTokens">64-bit numbers are strings in proto JSON.</param>
internal sealed record ContextWindowCompression(string TriggerTokens, SlidingWindow SlidingWindow);

internal sealed record SlidingWindow(string TargetTokens);

internal sealed record ClientContentMessage(ClientContent ClientContent);

internal sealed record ClientContent(IReadOnlyList<Content>? Turns, bool TurnComplete);

internal sealed record RealtimeInputMessage(RealtimeInput RealtimeInput);

internal sealed record RealtimeInput(NoSettings? ActivityStart = null, NoSettings? ActivityEnd = null);

internal sealed record ToolResponseMessage(ToolResponse ToolResponse);

internal sealed record ToolResponse(IReadOnlyList<FunctionResponse> FunctionResponses);

internal sealed record FunctionResponse(string Id, string Name, JsonElement Response);

internal sealed record ContextUpdateMessage(ContextUpdate ContextUpdate);

internal sealed record ContextUpdate(ToolsUpdate Tools);

/// <param name="Tools">Empty takes all away.</param>
internal sealed record ToolsUpdate(IReadOnlyList<ToolDeclarations> Tools);

/// <summary>A tool's result that is no JSON object.</summary>
internal sealed record PlainOutput(JsonElement Output);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ServerMessage))]
[JsonSerializable(typeof(SetupMessage))]
[JsonSerializable(typeof(ClientContentMessage))]
[JsonSerializable(typeof(RealtimeInputMessage))]
[JsonSerializable(typeof(ToolResponseMessage))]
[JsonSerializable(typeof(ContextUpdateMessage))]
[JsonSerializable(typeof(PlainOutput))]
[JsonSerializable(typeof(string))]
internal sealed partial class GeminiJson : JsonSerializerContext;
