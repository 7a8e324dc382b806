using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using Kraliki.Contracts;
using Kraliki.Server.Sessions.Api;

namespace Kraliki.Server.Sessions.Sockets;

/// <summary>Reads what a client of the session socket sends, and says what is wrong with it.</summary>
internal static class ClientMessages
{
    private const int LongestText = 4_000;

    private static readonly Dictionary<string, Type> Types = typeof(ClientMessage)
        .GetCustomAttributes<JsonDerivedTypeAttribute>()
        .ToDictionary(derived => (string)derived.TypeDiscriminator!, derived => derived.DerivedType);

    /// <returns>Exactly one of the two.</returns>
    public static (ClientMessage? Message, SocketError? Error) Read(ReadOnlyMemory<byte> json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                return Wrong("invalid_json", "A message is a JSON object with a \"type\".");
            }

            if (!document.RootElement.TryGetProperty("type", out var type) || type.ValueKind != JsonValueKind.String || !Types.ContainsKey(type.GetString()!))
            {
                return Wrong("unknown_type", $"\"type\" must be one of: {string.Join(", ", Types.Keys)}.");
            }
        }
        catch (JsonException e)
        {
            return Wrong("invalid_json", $"The message is not JSON (line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}).");
        }
        catch (InvalidOperationException)
        {
            // Half a surrogate pair is JSON (RFC 8259 §8.2) but no string.
            return Wrong("invalid_message", "A name or \"type\" is not valid Unicode.");
        }

        try
        {
            var message = JsonSerializer.Deserialize(json.Span, ContractsJson.Default.ClientMessage)!;
            return FaultOf(message) is { } fault ? Wrong("invalid_message", fault) : (message, null);
        }
        catch (JsonException e)
        {
            return Wrong("invalid_message", $"A field has the wrong type: {e.Path}.");
        }
    }

    private static string? FaultOf(ClientMessage message) => message switch
    {
        Identify { Ticket: null } => "\"ticket\" is missing.",
        Identify { ClientId: { } id } when !SessionInput.IsClientId(id) => $"\"client_id\" {SessionInput.ClientIdRule}",
        Identify { AfterSeq: < 0 } => "\"after_seq\" must be 0 or more.",
        TextMessage { Text: var text } when string.IsNullOrWhiteSpace(text) => "\"text\" is missing or empty.",
        TextMessage { Text.Length: > LongestText } => $"\"text\" must have at most {LongestText} characters.",
        FunctionResult { CallId: null } => "\"call_id\" is missing.",
        FunctionResult { Output: null } => "\"output\" is missing.",
        SuggestionAction { SuggestionId: null } => "\"suggestion_id\" is missing.",
        SuggestionAction { Action: not ("accept" or "edit" or "dismiss") } => "\"action\" must be accept, edit or dismiss.",
        SuggestionAction { Action: "edit", Text: var text } when string.IsNullOrWhiteSpace(text) => "\"text\" is missing or empty.",
        SuggestionAction { Text.Length: > LongestText } => $"\"text\" must have at most {LongestText} characters.",
        _ => null,
    };

    private static (ClientMessage?, SocketError?) Wrong(string code, string message) => (null, new SocketError(code, message, Fatal: false));
}
