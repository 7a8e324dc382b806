using System.Text.Json.Nodes;

namespace Kraliki.Simulators.OpenAI;

/// <summary>What the server has against a client event. Travels in an <c>error</c> event; the session usually stays open.</summary>
/// <param name="CloseCode">Set for the few errors that end the connection: 3000, 4000 or 1001.</param>
internal sealed record RealtimeError(
    string? Code, string Message, string? Param = null, string Type = "invalid_request_error", int? CloseCode = null)
{
    public static RealtimeError InvalidValue(string message, string param) => new("invalid_value", message, param);

    public static RealtimeError Missing(string param) =>
        new("missing_required_parameter", $"Missing required parameter: '{param}'.", param);

    public static RealtimeError Unknown(string param) => new("unknown_parameter", $"Unknown parameter: '{param}'.", param);

    public static RealtimeError BetaShape() => new(
        "beta_api_shape_disabled",
        "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API.",
        CloseCode: 4000);

    /// <summary>The reason that accompanies the close code, e.g. <c>invalid_request_error.invalid_api_key</c>.</summary>
    public string CloseReason => $"{Type}.{Code}";

    public JsonObject ToJson(string? clientEventId) => new()
    {
        ["type"] = Type,
        ["code"] = Code,
        ["message"] = Message,
        ["param"] = Param,
        ["event_id"] = clientEventId,
    };
}
