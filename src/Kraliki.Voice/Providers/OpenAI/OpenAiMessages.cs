using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kraliki.Voice.Providers.OpenAI;

// The parts of the Realtime events that we read or write. Field names and meaning: docs/protocols/openai-realtime.md.

/// <summary>Any server event; only the fields of its <see cref="Type"/> are set.</summary>
internal sealed record ServerEvent(
    string? Type,
    string? ItemId,
    string? Delta,
    string? Transcript,
    RealtimeSession? Session,
    RealtimeItem? Item,
    RealtimeResponse? Response,
    RealtimeUsage? Usage,
    RealtimeError? Error);

/// <param name="ExpiresAt">Unix seconds.</param>
internal sealed record RealtimeSession(string? Id, string? Model, long? ExpiresAt, EchoedAudio? Audio);

/// <summary>The server's echo of what is in force. Only <c>create_response</c> is of interest; other servers may leave all of it out.</summary>
internal sealed record EchoedAudio(EchoedInput? Input);

internal sealed record EchoedInput(EchoedTurnDetection? TurnDetection);

internal sealed record EchoedTurnDetection(bool? CreateResponse);

internal sealed record RealtimeItem(
    string? Id = null,
    string? Type = null,
    string? Role = null,
    string? CallId = null,
    string? Name = null,
    string? Arguments = null,
    string? Output = null,
    IReadOnlyList<RealtimeContent?>? Content = null);

internal sealed record RealtimeContent(string? Type, string? Text = null, string? Transcript = null);

internal sealed record RealtimeResponse(string? Id, string? Status, RealtimeStatusDetails? StatusDetails, IReadOnlyList<RealtimeItem?>? Output, RealtimeUsage? Usage);

internal sealed record RealtimeStatusDetails(string? Type, string? Reason, RealtimeError? Error);

/// <param name="Seconds">Of transcriptions that are billed by time, and then alone.</param>
internal sealed record RealtimeUsage(long InputTokens, long OutputTokens, RealtimeTokens? InputTokenDetails, RealtimeTokens? OutputTokenDetails, double? Seconds);

/// <param name="CachedTokens">Of the others.</param>
internal sealed record RealtimeTokens(long TextTokens, long AudioTokens, long CachedTokens, RealtimeTokens? CachedTokensDetails);

internal sealed record RealtimeError(string? Type, string? Code, string? Message, string? Param);

internal sealed record SessionUpdate(SessionSettings Session)
{
    public string Type => "session.update";
}

internal sealed record SessionSettings(
    AudioSettings? Audio = null,
    string? Instructions = null,
    IReadOnlyList<string>? OutputModalities = null,
    IReadOnlyList<ToolSettings>? Tools = null,
    Truncation? Truncation = null)
{
    public string Type => "realtime";
}

/// <param name="RetentionRatio">What is left of the limit when the conversation has outgrown it.</param>
internal sealed record Truncation(double RetentionRatio, TokenLimits TokenLimits)
{
    public string Type => "retention_ratio";
}

/// <param name="PostInstructions">Of the conversation, beside the instructions.</param>
internal sealed record TokenLimits(int PostInstructions);

internal sealed record AudioSettings(AudioInput Input, AudioOutput? Output = null);

internal sealed record AudioInput(TurnDetection TurnDetection, AudioFormat? Format = null, Transcription? Transcription = null);

internal sealed record AudioOutput(AudioFormat Format, string Voice);

internal sealed record AudioFormat(string Type);

/// <param name="Language">ISO 639-1.</param>
internal sealed record Transcription(string Model, string? Language = null);

/// <param name="SilenceDurationMs">Of <c>server_vad</c>.</param>
/// <param name="Eagerness">Of <c>semantic_vad</c>.</param>
internal sealed record TurnDetection(string Type, int? SilenceDurationMs, string? Eagerness, bool CreateResponse, bool InterruptResponse);

internal sealed record ToolSettings(string Type, string Name, string Description, JsonElement Parameters);

internal sealed record ItemCreate(RealtimeItem Item)
{
    public string Type => "conversation.item.create";
}

internal sealed record ItemDelete(string ItemId)
{
    public string Type => "conversation.item.delete";
}

internal sealed record ItemTruncate(string ItemId, int AudioEndMs)
{
    public string Type => "conversation.item.truncate";

    public int ContentIndex => 0;
}

internal sealed record ResponseCreate(ResponseSettings? Response = null)
{
    public string Type => "response.create";
}

internal sealed record ResponseSettings(string Instructions);

internal sealed record ResponseCancel
{
    public string Type => "response.cancel";
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ServerEvent))]
[JsonSerializable(typeof(SessionUpdate))]
[JsonSerializable(typeof(ItemCreate))]
[JsonSerializable(typeof(ItemDelete))]
[JsonSerializable(typeof(ItemTruncate))]
[JsonSerializable(typeof(ResponseCreate))]
[JsonSerializable(typeof(ResponseCancel))]
internal sealed partial class OpenAiJson : JsonSerializerContext;
