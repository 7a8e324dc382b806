using System.Text.Json.Nodes;

namespace Kraliki.Simulators.OpenAI;

/// <summary>How the session finds the end of a caller's turn; null means that the client commits by itself.</summary>
/// <param name="SilenceMs">Silence that ends a turn.</param>
/// <param name="Threshold">0 to 1; higher asks for louder speech.</param>
internal sealed record TurnDetection(
    double Threshold, int PrefixMs, int SilenceMs, int? IdleTimeoutMs, bool CreateResponse, bool InterruptResponse)
{
    public static JsonObject ServerVadDefaults() => new()
    {
        ["type"] = "server_vad",
        ["threshold"] = 0.5,
        ["prefix_padding_ms"] = 300,
        // The reference text says 500; captures of session.created show 200.
        ["silence_duration_ms"] = 200,
        ["idle_timeout_ms"] = null,
        ["create_response"] = true,
        ["interrupt_response"] = true,
    };

    public static TurnDetection? From(JsonObject? wire)
    {
        if (wire is null)
            return null;
        var create = Flag(wire["create_response"]) ?? true;
        var interrupt = Flag(wire["interrupt_response"]) ?? true;
        if (SessionSettings.Text(wire["type"]) == "server_vad")
        {
            return new(
                SessionSettings.Number(wire["threshold"]) ?? 0.5,
                (int)(SessionSettings.Number(wire["prefix_padding_ms"]) ?? 300),
                (int)(SessionSettings.Number(wire["silence_duration_ms"]) ?? 200),
                (int?)SessionSettings.Number(wire["idle_timeout_ms"]),
                create,
                interrupt);
        }

        // The real semantic detector weighs the words; here its eagerness only chooses how long a silence ends the turn.
        var silence = SessionSettings.Text(wire["eagerness"]) switch { "high" => 300, "low" => 1_200, _ => 600 };
        return new(0.5, 300, silence, null, create, interrupt);
    }

    /// <summary>Fills in what a client left out of a detector that it chose anew.</summary>
    public static void FillIn(JsonObject? input)
    {
        if (input?["turn_detection"] is not JsonObject wire)
            return;
        var defaults = SessionSettings.Text(wire["type"]) == "server_vad"
            ? ServerVadDefaults()
            : new JsonObject { ["eagerness"] = "auto", ["create_response"] = true, ["interrupt_response"] = true };
        foreach (var (key, value) in defaults)
        {
            if (!wire.ContainsKey(key))
                wire[key] = value?.DeepClone();
        }
    }

    public static RealtimeError? Check(JsonNode? node)
    {
        const string Param = "session.audio.input.turn_detection";
        if (node is null)
            return null;
        var type = SessionSettings.Text((node as JsonObject)?["type"]);
        if (type is not ("server_vad" or "semantic_vad"))
            return RealtimeError.InvalidValue("Invalid value. Supported values are: 'server_vad' and 'semantic_vad'.", $"{Param}.type");
        if (type == "semantic_vad")
        {
            return SessionSettings.Text(node["eagerness"]) is "low" or "medium" or "high" or "auto"
                ? null
                : RealtimeError.InvalidValue("Invalid value. Supported values are: 'low', 'medium', 'high', and 'auto'.", $"{Param}.eagerness");
        }

        if (SessionSettings.Number(node["threshold"]) is not (>= 0 and <= 1))
            return RealtimeError.InvalidValue("Expected a number between 0 and 1.", $"{Param}.threshold");
        foreach (var key in (string[])["prefix_padding_ms", "silence_duration_ms"])
        {
            if (SessionSettings.Number(node[key]) is not (>= 0 and <= 10_000))
                return RealtimeError.InvalidValue("Expected an integer between 0 and 10000.", $"{Param}.{key}");
        }

        return node["idle_timeout_ms"] is { } idle && SessionSettings.Number(idle) is not (>= 5_000 and <= 30_000)
            ? RealtimeError.InvalidValue("Expected an integer between 5000 and 30000.", $"{Param}.idle_timeout_ms")
            : null;
    }

    private static bool? Flag(JsonNode? node) => node is JsonValue value && value.TryGetValue<bool>(out var flag) ? flag : null;
}
