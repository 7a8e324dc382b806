using System.Text.Json.Nodes;

namespace Kraliki.Simulators.OpenAI;

/// <summary>What holds for one response: its own settings where <c>response.create</c> gave any, else those of the session.</summary>
internal sealed class ResponseParameters(SessionSettings session, JsonObject? own)
{
    private static readonly HashSet<string> KnownKeys =
    [
        "instructions", "output_modalities", "audio", "tools", "tool_choice", "max_output_tokens", "metadata", "conversation",
        "input", "reasoning", "parallel_tool_calls", "prompt",
    ];

    public bool HasOwnInstructions { get; } = SessionSettings.Text(own?["instructions"]) is not null;

    public string Instructions { get; } = SessionSettings.Text(own?["instructions"]) ?? session.Instructions;

    public bool TextOnly { get; } = own?["output_modalities"] is { } modalities ? SessionSettings.IsTextOnly(modalities) : session.TextOnly;

    public AudioFormat Format { get; } =
        AudioFormat.Find(SessionSettings.Text(own?["audio"]?["output"]?["format"]?["type"])) ?? session.OutputFormat;

    public JsonNode? Voice { get; } = (own?["audio"]?["output"]?["voice"] ?? session.Voice)?.DeepClone();

    public string VoiceName => SessionSettings.Text(Voice) ?? SessionSettings.Text(Voice?["id"]) ?? "marin";

    public int? MaxTokens { get; } = SessionSettings.TokenLimit(own?["max_output_tokens"] ?? session.MaxOutputTokens, out _);

    public JsonNode? Metadata { get; } = own?["metadata"]?.DeepClone();

    /// <summary>True for <c>conversation: "none"</c>: nothing of it enters the conversation.</summary>
    public bool IsOutOfBand { get; } = SessionSettings.Text(own?["conversation"]) == "none";

    /// <summary>A context of its own instead of the conversation; null when there is none.</summary>
    public JsonArray? Input { get; } = own?["input"]?.DeepClone() as JsonArray;

    /// <summary>Functions that may be called; none when the choice is "none".</summary>
    public IReadOnlyList<MindTool> Tools { get; } = Choice(session, own) is var choice && SessionSettings.Text(choice) == "none"
        ? []
        : [.. Functions(own?["tools"] as JsonArray ?? session.Tools)];

    /// <summary>The function that must be called; null when the model is free.</summary>
    public string? RequiredTool { get; } = Choice(session, own) switch
    {
        JsonObject named => SessionSettings.Text(named["name"]),
        var choice when SessionSettings.Text(choice) == "required" => Functions(own?["tools"] as JsonArray ?? session.Tools).FirstOrDefault()?.Name,
        _ => null,
    };

    public static RealtimeError? Check(JsonObject? own, Conversation conversation)
    {
        if (own is null)
            return null;
        if (own.FirstOrDefault(pair => !KnownKeys.Contains(pair.Key)) is { Key: { } unknown })
            return unknown == "modalities" ? RealtimeError.BetaShape() : RealtimeError.Unknown($"response.{unknown}");
        if (own["output_modalities"] is { } modalities && !SessionSettings.AreModalities(modalities))
            return RealtimeError.InvalidValue("Invalid modalities. Supported combinations are: ['text'] and ['audio'].", "response.output_modalities");
        _ = SessionSettings.TokenLimit(own["max_output_tokens"], out var limitIsValid);
        if (!limitIsValid)
            return RealtimeError.InvalidValue("Expected an integer between 1 and 4096, or 'inf'.", "response.max_output_tokens");
        if (SessionSettings.CheckTools(own["tools"], "response.tools") is { } toolError)
            return toolError;
        if (own["audio"] is { } audio && CheckAudio(audio) is { } audioError)
            return audioError;
        if (own["metadata"] is { } metadata && metadata is not JsonObject { Count: <= 16 })
            return RealtimeError.InvalidValue("Expected an object of at most 16 pairs.", "response.metadata");
        if (own["conversation"] is { } target && SessionSettings.Text(target) is not ("auto" or "none"))
            return RealtimeError.InvalidValue("Invalid value. Supported values are: 'auto' and 'none'.", "response.conversation");
        return own["input"] is { } input ? CheckInput(input, conversation) : null;
    }

    private static RealtimeError? CheckAudio(JsonNode audio)
    {
        if ((audio as JsonObject)?["output"] is not JsonObject output)
            return RealtimeError.InvalidValue("Expected an object.", "response.audio.output");
        if (output["format"] is { } format && SessionSettings.CheckFormat(format, "response.audio.output.format") is { } error)
            return error;
        return output["voice"] is { } voice && !SessionSettings.IsVoice(voice)
            ? RealtimeError.InvalidValue("Invalid voice.", "response.audio.output.voice")
            : null;
    }

    private static RealtimeError? CheckInput(JsonNode input, Conversation conversation)
    {
        if (input is not JsonArray items || items.Any(item => item is not JsonObject))
            return RealtimeError.InvalidValue("Expected an array of items.", "response.input");
        for (var i = 0; i < items.Count; i++)
        {
            if (SessionSettings.Text(items[i]!["type"]) != "item_reference")
                continue;
            if (conversation.Find(SessionSettings.Text(items[i]!["id"])) is null)
                return RealtimeError.InvalidValue($"Item with id '{items[i]!["id"]}' not found.", $"response.input[{i}].id");
        }

        return null;
    }

    private static JsonNode? Choice(SessionSettings session, JsonObject? own) => own?["tool_choice"] ?? session.ToolChoice;

    private static IEnumerable<MindTool> Functions(JsonArray? tools) =>
        from tool in (tools ?? []).OfType<JsonObject>()
        where SessionSettings.Text(tool["type"]) == "function"
        select new MindTool(
            SessionSettings.Text(tool["name"])!,
            [.. ((tool["parameters"] as JsonObject)?["required"] as JsonArray ?? []).Select(SessionSettings.Text).OfType<string>()]);
}
