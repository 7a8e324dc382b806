using System.Text.Json.Nodes;

namespace Kraliki.Simulators.OpenAI;

/// <summary>The effective session object: defaults, the partial updates of the client merged into it, and what the engine reads from it.</summary>
internal sealed class SessionSettings
{
    private static readonly HashSet<string> BetaKeys =
    [
        "modalities", "voice", "input_audio_format", "output_audio_format", "input_audio_transcription", "turn_detection", "temperature",
    ];

    private static readonly HashSet<string> Voices =
        ["alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"];

    private static readonly Dictionary<string, HashSet<string>> KnownKeys = new()
    {
        ["session"] =
        [
            "type", "model", "output_modalities", "instructions", "max_output_tokens", "audio", "tools", "tool_choice",
            "truncation", "tracing", "prompt", "include", "reasoning", "parallel_tool_calls",
        ],
        ["session.audio"] = ["input", "output"],
        ["session.audio.input"] = ["format", "transcription", "noise_reduction", "turn_detection"],
        ["session.audio.output"] = ["format", "voice", "speed"],
        ["session.audio.input.format"] = ["type", "rate"],
        ["session.audio.output.format"] = ["type", "rate"],
        ["session.audio.input.turn_detection"] =
        [
            "type", "threshold", "prefix_padding_ms", "silence_duration_ms", "idle_timeout_ms", "create_response",
            "interrupt_response", "eagerness",
        ],
    };

    // Values of these have a shape of their own that belongs together, so an update replaces them whole.
    private static readonly HashSet<string> ReplacedWhole = ["format", "voice", "tool_choice", "truncation", "tracing", "prompt", "max_output_tokens"];

    // Of the smaller models: 32,768 tokens, of which an answer may take 4,096.
    private const int LargestContext = 28_672;

    private SessionSettings(JsonObject wire) => Wire = wire;

    /// <summary>The object as it goes into <c>session.created</c> and <c>session.updated</c>.</summary>
    public JsonObject Wire { get; private set; }

    public bool IsTranscription => Text(Wire["type"]) == "transcription";

    public string Instructions => Text(Wire["instructions"]) ?? "";

    public bool TextOnly => IsTextOnly(Wire["output_modalities"]);

    public AudioFormat InputFormat => AudioFormat.Find(Text(Wire["audio"]?["input"]?["format"]?["type"])) ?? AudioFormat.Pcm;

    public AudioFormat OutputFormat => AudioFormat.Find(Text(Wire["audio"]?["output"]?["format"]?["type"])) ?? AudioFormat.Pcm;

    public JsonNode? Voice => Wire["audio"]?["output"]?["voice"];

    public JsonArray? Tools => Wire["tools"] as JsonArray;

    public JsonNode? ToolChoice => Wire["tool_choice"];

    public JsonNode? MaxOutputTokens => Wire["max_output_tokens"];

    /// <summary>Null when the client wants no truncation.</summary>
    public ContextLimit? Limit => Wire["truncation"] switch
    {
        JsonObject ratio => new((int)(Number(ratio["token_limits"]?["post_instructions"]) ?? LargestContext), Number(ratio["retention_ratio"]) ?? 1),
        var word when Text(word) == "disabled" => null,
        _ => new(LargestContext, 1),
    };

    /// <summary>The transcription model, or null when the client wants no transcripts of its input.</summary>
    public string? TranscriptionModel => Text(Wire["audio"]?["input"]?["transcription"]?["model"]);

    public TurnDetection? Turns => TurnDetection.From(Wire["audio"]?["input"]?["turn_detection"] as JsonObject);

    public static SessionSettings Default(string id, string? model, bool transcription, DateTimeOffset expiresAt)
    {
        var input = new JsonObject
        {
            ["format"] = AudioFormat.Pcm.ToJson(),
            ["transcription"] = null,
            ["noise_reduction"] = null,
            ["turn_detection"] = TurnDetection.ServerVadDefaults(),
        };
        var wire = new JsonObject
        {
            ["type"] = transcription ? "transcription" : "realtime",
            ["object"] = transcription ? "realtime.transcription_session" : "realtime.session",
            ["id"] = id,
        };
        if (transcription)
        {
            wire["audio"] = new JsonObject { ["input"] = input };
            wire["include"] = null;
            wire["expires_at"] = expiresAt.ToUnixTimeSeconds();
            return new(wire);
        }

        wire["model"] = model;
        wire["output_modalities"] = new JsonArray("audio");
        wire["instructions"] = "You are a helpful, witty and friendly assistant. Talk quickly.";
        wire["tools"] = new JsonArray();
        wire["tool_choice"] = "auto";
        wire["max_output_tokens"] = "inf";
        wire["tracing"] = null;
        wire["truncation"] = "auto";
        wire["prompt"] = null;
        wire["expires_at"] = expiresAt.ToUnixTimeSeconds();
        wire["audio"] = new JsonObject
        {
            ["input"] = input,
            ["output"] = new JsonObject { ["format"] = AudioFormat.Pcm.ToJson(), ["voice"] = "marin", ["speed"] = 1.0 },
        };
        wire["include"] = null;
        return new(wire);
    }

    /// <summary>Merges a partial session. On an error nothing of it has been applied.</summary>
    /// <param name="audioProduced">The voice is settled with the first audio of the session.</param>
    public RealtimeError? Update(JsonNode? patch, bool audioProduced)
    {
        if (patch is not JsonObject session)
            return RealtimeError.Missing("session");
        if (Text(session["type"]) is not { } type)
            return session.Any(pair => BetaKeys.Contains(pair.Key)) ? RealtimeError.BetaShape() : RealtimeError.Missing("session.type");
        if (type != Text(Wire["type"]))
            return RealtimeError.InvalidValue($"Passing a '{type}' session to a {Text(Wire["type"])} session is not allowed.", "session.type");
        if (FirstUnknownKey("session", session) is { } unknown)
            return RealtimeError.Unknown(unknown);

        var merged = (JsonObject)Wire.DeepClone();
        Merge(merged, session);
        TurnDetection.FillIn(merged["audio"]?["input"] as JsonObject);
        if (Check(merged, audioProduced) is { } error)
            return error;
        Wire = merged;
        return null;
    }

    public static bool IsTextOnly(JsonNode? modalities) => modalities is JsonArray { Count: 1 } one && Text(one[0]) == "text";

    public static bool AreModalities(JsonNode? node) => node is JsonArray { Count: 1 } one && Text(one[0]) is "audio" or "text";

    /// <summary>Checks a voice; <c>{"id":"voice_…"}</c> is one that an organisation made itself.</summary>
    public static bool IsVoice(JsonNode? voice) =>
        voice is JsonObject own ? Text(own["id"]) is not null : Text(voice) is { } name && Voices.Contains(name);

    /// <summary>1 to 4096, or null (with <paramref name="valid"/> still true) for "inf".</summary>
    public static int? TokenLimit(JsonNode? node, out bool valid)
    {
        var limit = Number(node);
        valid = node is null || Text(node) == "inf" || limit is >= 1 and <= 4096;
        return valid ? (int?)limit : null;
    }

    public static string? Text(JsonNode? node) => node is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    /// <summary>A number of the wire, or one that this code put there as an integer.</summary>
    public static double? Number(JsonNode? node) => node switch
    {
        JsonValue value when value.TryGetValue<double>(out var number) => number,
        JsonValue value when value.TryGetValue<int>(out var whole) => whole,
        _ => null,
    };

    private RealtimeError? Check(JsonObject merged, bool audioProduced)
    {
        if (!JsonNode.DeepEquals(merged["model"], Wire["model"]))
            return RealtimeError.InvalidValue("The model of a session cannot be changed.", "session.model");
        if (merged["instructions"] is { } instructions && Text(instructions) is null)
            return RealtimeError.InvalidValue("Invalid type for 'session.instructions': expected a string.", "session.instructions");
        if (merged["output_modalities"] is { } modalities && !AreModalities(modalities))
            return RealtimeError.InvalidValue("Invalid modalities. Supported combinations are: ['text'] and ['audio'].", "session.output_modalities");
        _ = TokenLimit(merged["max_output_tokens"], out var limitIsValid);
        if (!limitIsValid)
            return RealtimeError.InvalidValue("Expected an integer between 1 and 4096, or 'inf'.", "session.max_output_tokens");
        if (merged["truncation"] is JsonObject truncation && Number(truncation["retention_ratio"]) is not (>= 0 and <= 1))
            return RealtimeError.InvalidValue("Expected a number between 0 and 1.", "session.truncation.retention_ratio");
        if (CheckTools(merged["tools"], "session.tools") is { } toolError)
            return toolError;
        if (merged["audio"] is not JsonObject audio || audio["input"] is not JsonObject input)
            return RealtimeError.InvalidValue("Expected an object.", "session.audio");
        if (CheckFormat(input["format"], "session.audio.input.format") is { } inputError)
            return inputError;
        if (input["transcription"] is { } transcription && Text(transcription["model"]) is null)
            return RealtimeError.Missing("session.audio.input.transcription.model");
        if (TurnDetection.Check(input["turn_detection"]) is { } turnError)
            return turnError;
        if (IsTranscription)
            return null;
        return audio["output"] is JsonObject output
            ? CheckOutput(output, audioProduced)
            : RealtimeError.InvalidValue("Expected an object.", "session.audio.output");
    }

    private RealtimeError? CheckOutput(JsonObject output, bool audioProduced)
    {
        if (CheckFormat(output["format"], "session.audio.output.format") is { } formatError)
            return formatError;
        if (!IsVoice(output["voice"]))
            return RealtimeError.InvalidValue($"Invalid value. Supported values are: {string.Join(", ", Voices.Select(v => $"'{v}'"))}.", "session.audio.output.voice");
        if (audioProduced && !JsonNode.DeepEquals(output["voice"], Voice))
            return new("cannot_update_voice", "Cannot update a conversation's voice if assistant audio is present.", "session.audio.output.voice");
        return Number(output["speed"]) is >= 0.25 and <= 1.5
            ? null
            : RealtimeError.InvalidValue("Expected a number between 0.25 and 1.5.", "session.audio.output.speed");
    }

    public static RealtimeError? CheckFormat(JsonNode? format, string param)
    {
        if (format is not JsonObject || AudioFormat.Find(Text(format["type"])) is not { } known)
            return RealtimeError.InvalidValue("Invalid value. Supported values are: 'audio/pcm', 'audio/pcmu', and 'audio/pcma'.", $"{param}.type");
        return known == AudioFormat.Pcm && format["rate"] is { } rate && Number(rate) != 24_000
            ? RealtimeError.InvalidValue("Only a rate of 24000 is supported for 'audio/pcm'.", $"{param}.rate")
            : null;
    }

    public static RealtimeError? CheckTools(JsonNode? tools, string param)
    {
        if (tools is null)
            return null;
        if (tools is not JsonArray list)
            return RealtimeError.InvalidValue("Expected an array of tools.", param);
        for (var i = 0; i < list.Count; i++)
        {
            var type = Text((list[i] as JsonObject)?["type"]);
            if (type is not ("function" or "mcp"))
                return RealtimeError.InvalidValue("Invalid value. Supported values are: 'function' and 'mcp'.", $"{param}[{i}].type");
            if (type == "function" && Text(list[i]!["name"]) is null or "")
                return RealtimeError.Missing($"{param}[{i}].name");
        }

        return null;
    }

    private static string? FirstUnknownKey(string path, JsonObject node)
    {
        if (!KnownKeys.TryGetValue(path, out var known))
            return null;
        foreach (var (key, value) in node)
        {
            var inner = $"{path}.{key}";
            if (!known.Contains(key))
                return inner;
            if (value is JsonObject child && FirstUnknownKey(inner, child) is { } unknown)
                return unknown;
        }

        return null;
    }

    private static void Merge(JsonObject target, JsonObject patch)
    {
        foreach (var (key, value) in patch)
        {
            if (value is JsonObject child && target[key] is JsonObject existing && !ReplacedWhole.Contains(key)
                && Text(child["type"]) is var type && (type is null || type == Text(existing["type"])))
                Merge(existing, child);
            else
                target[key] = value?.DeepClone();
        }

        // A clear rule of the protocol: no rate beside the 8 kHz formats, always one beside PCM.
        if (target["format"] is JsonObject format && AudioFormat.Find(Text(format["type"])) is { } known && !format.ContainsKey("rate"))
            target["format"] = known.ToJson();
    }
}
