using System.Text.Json.Nodes;
using Kraliki.Simulators.OpenAI;

namespace Kraliki.Simulators.Gemini;

/// <summary>What a client agreed on with its first message.</summary>
internal sealed record LiveSetup
{
    public required string Model { get; init; }

    public string Instructions { get; init; } = "";

    public string Voice { get; init; } = "Puck";

    public IReadOnlyList<DeclaredTool> Tools { get; init; } = [];

    /// <summary>Speech is found by the service; otherwise the client says when it begins and ends.</summary>
    public bool Automatic { get; init; } = true;

    public int SilenceMs { get; init; } = 500;

    /// <summary>Speech of the user stops an answer.</summary>
    public bool Interrupts { get; init; } = true;

    public bool Resumable { get; init; }

    public string? Handle { get; init; }

    /// <summary>When the context has reached so many tokens, the oldest of it goes until there are no more than the second number.</summary>
    public (int Trigger, int Target)? Window { get; init; }

    public bool TranscribesInput { get; init; }

    public bool TranscribesOutput { get; init; }

    /// <summary>Reads <c>setup</c> as strictly as proto JSON is read.</summary>
    /// <returns>The problem as the reason of a close frame, or null.</returns>
    public static (LiveSetup? Setup, string? Problem) Read(JsonObject setup)
    {
        if (WireFields.Unknown(setup, WireFields.Setup, "setup") is { } unknown)
            return (null, unknown);
        var generation = setup["generationConfig"];
        if (generation?["responseModalities"] is JsonArray { Count: > 0 } modalities && WireFields.Text(modalities[0]) != "AUDIO")
            return (null, "Cannot extract voices from a non-audio request.");
        var input = setup["realtimeInputConfig"];
        var detection = input?["automaticActivityDetection"];
        var handling = WireFields.Text(input?["activityHandling"]);
        if (handling is not (null or "NO_INTERRUPTION" or "START_OF_ACTIVITY_INTERRUPTS" or "ACTIVITY_HANDLING_UNSPECIFIED"))
            return (null, $"Invalid value at 'setup.realtime_input_config.activity_handling': \"{handling}\"");
        var (tools, problem) = ReadTools(setup["tools"]);
        if (problem is not null)
            return (null, problem);
        return (new LiveSetup
        {
            Model = WireFields.Text(setup["model"]) ?? "",
            Instructions = WireFields.PartsText(setup["systemInstruction"]),
            Voice = WireFields.Text(generation?["speechConfig"]?["voiceConfig"]?["prebuiltVoiceConfig"]?["voiceName"]) ?? "Puck",
            Tools = tools,
            Automatic = detection?["disabled"]?.GetValueKind() != System.Text.Json.JsonValueKind.True,
            SilenceMs = WireFields.Number(detection?["silenceDurationMs"]) ?? 500,
            Interrupts = handling != "NO_INTERRUPTION",
            Resumable = setup["sessionResumption"] is not null,
            Handle = WireFields.Text(setup["sessionResumption"]?["handle"]),
            Window = setup["contextWindowCompression"] is { } compression ? Tokens(compression) : null,
            TranscribesInput = setup["inputAudioTranscription"] is not null,
            TranscribesOutput = setup["outputAudioTranscription"] is not null,
        }, null);
    }

    // 64-bit numbers are strings in proto JSON. The target's default is half of the trigger, which is 80 % of 128k by default.
    private static (int Trigger, int Target) Tokens(JsonNode compression)
    {
        var trigger = Number(compression["triggerTokens"]) ?? 104_857;
        return (trigger, Number(compression["slidingWindow"]?["targetTokens"]) ?? trigger / 2);
    }

    private static int? Number(JsonNode? node) => int.TryParse(WireFields.Text(node), out var number) ? number : WireFields.Number(node);

    public static (IReadOnlyList<DeclaredTool> Tools, string? Problem) ReadTools(JsonNode? tools)
    {
        var declared = new List<DeclaredTool>();
        foreach (var function in (tools as JsonArray ?? []).SelectMany(tool => tool?["functionDeclarations"] as JsonArray ?? []))
        {
            if (WireFields.Text(function?["name"]) is not { Length: > 0 } name)
                return ([], "Invalid function name. Must start with a letter or an underscore.");
            if (function!["parameters"] is not null && function["parametersJsonSchema"] is not null)
                return ([], $"Only one of parameters and parameters_json_schema can be set for {name}.");
            var schema = function["parameters"] ?? function["parametersJsonSchema"];
            declared.Add(new(
                new MindTool(name, [.. (schema?["required"] as JsonArray ?? []).Select(WireFields.Text).OfType<string>()]),
                WireFields.Text(function["behavior"])));
        }

        return (declared, null);
    }
}

/// <param name="Behavior"><c>BLOCKING</c>, <c>NON_BLOCKING</c>, or null for the model's default.</param>
internal sealed record DeclaredTool(MindTool Tool, string? Behavior);
