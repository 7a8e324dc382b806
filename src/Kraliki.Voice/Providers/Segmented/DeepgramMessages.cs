using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kraliki.Voice.Providers.Segmented;

// The parts of Deepgram's messages that we read or write. Field names and meaning: docs/protocols/deepgram.md.

/// <summary>Any message of <c>/v1/listen</c>, <c>/v1/speak</c> or the voice agent; only the fields of its <see cref="Type"/> are set.</summary>
/// <param name="Channel">An object with the alternatives in <c>Results</c>, a pair of numbers elsewhere.</param>
internal sealed record DeepgramMessage(
    string? Type,
    bool IsFinal,
    bool SpeechFinal,
    bool FromFinalize,
    double Start,
    double Duration,
    double Timestamp,
    JsonElement Channel,
    string? Description,
    string? Code,
    string? Role,
    string? Content,
    IReadOnlyList<AgentFunction?>? Functions)
{
    /// <summary>The best guess at what was said.</summary>
    public (string Text, double Confidence) Best()
        => Channel is { ValueKind: JsonValueKind.Object }
            && Channel.TryGetProperty("alternatives", out var alternatives) && alternatives is { ValueKind: JsonValueKind.Array } && alternatives.GetArrayLength() > 0
            && alternatives[0] is { ValueKind: JsonValueKind.Object } best
            && best.TryGetProperty("transcript", out var transcript) && transcript.ValueKind == JsonValueKind.String
            ? (transcript.GetString()!.Trim(), best.TryGetProperty("confidence", out var confidence) && confidence.ValueKind == JsonValueKind.Number ? confidence.GetDouble() : 0)
            : ("", 0);
}

/// <param name="Arguments">JSON text.</param>
internal sealed record AgentFunction(string? Id, string? Name, string? Arguments);

internal sealed record SpeakText(string Text)
{
    public string Type => "Speak";
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(DeepgramMessage))]
[JsonSerializable(typeof(SpeakText))]
internal sealed partial class DeepgramJson : JsonSerializerContext;
