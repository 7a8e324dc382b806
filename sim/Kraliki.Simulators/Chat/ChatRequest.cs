using System.Text.Json.Nodes;
using Kraliki.LocalSpeech;
using Kraliki.Simulators.OpenAI;

namespace Kraliki.Simulators.Chat;

/// <summary>The body of a chat completion as far as it changes what is simulated.</summary>
internal sealed record ChatRequest(string Model, bool Stream, bool IncludeUsage, MindInput Input, int PromptTokens)
{
    // A model reads a last line from the system as a task for the answer that it is about to write. An operator's line looks
    // the same on the wire, so a client says it: as the Realtime service's "instructions" of one response.
    private const string TaskMark = "For this answer only: ";

    /// <summary>The request, or what is wrong with the body and with which member.</summary>
    public static (ChatRequest? Request, string? Problem, string? Param) Read(JsonObject body)
    {
        if (SessionSettings.Text(body["model"]) is not { Length: > 0 } model)
            return (null, "you must provide a model parameter", "model");
        if (body["messages"] is not JsonArray { Count: > 0 } messages)
            return (null, "Missing required parameter: 'messages'.", "messages");
        List<MindTurn> turns = [];
        string? instructions = null, task = null;
        var open = new HashSet<string>();
        var characters = 0;
        for (var i = 0; i < messages.Count; i++)
        {
            var text = Content(messages[i]?["content"]);
            characters += text.Length;
            var role = SessionSettings.Text(messages[i]?["role"]);
            if (open.Count > 0 && role != "tool")
                return (null, "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'.", $"messages.[{i}].role");
            switch (role)
            {
                case "system" or "developer" when i == 0:
                    instructions = text;
                    break;
                case "system" or "developer" when i == messages.Count - 1 && text.StartsWith(TaskMark, StringComparison.Ordinal):
                    task = text[TaskMark.Length..];
                    break;
                case "system" or "developer":
                    turns.Add(new(MindRole.System, text));
                    break;
                case "user":
                    turns.Add(new(MindRole.User, text));
                    break;
                case "assistant":
                    if (text.Length > 0)
                        turns.Add(new(MindRole.Assistant, text));
                    foreach (var call in messages[i]!["tool_calls"] as JsonArray ?? [])
                        open.Add(SessionSettings.Text(call?["id"]) ?? "");
                    break;
                case "tool" when open.Remove(SessionSettings.Text(messages[i]!["tool_call_id"]) ?? ""):
                    turns.Add(new(MindRole.Tool, text));
                    break;
                case "tool":
                    return (null, "Messages with role 'tool' must be a response to a preceding message with 'tool_calls'.", $"messages.[{i}].role");
                default:
                    return (null, $"Invalid value: '{role}'.", $"messages[{i}].role");
            }
        }

        if (open.Count > 0)
            return (null, "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'.", "messages");
        var tools = (body["tools"] as JsonArray ?? []).Select(tool => tool?["function"]).OfType<JsonObject>().Select(function => new MindTool(
            SessionSettings.Text(function["name"]) ?? "",
            [.. (function["parameters"]?["required"] as JsonArray ?? []).Select(name => SessionSettings.Text(name) ?? "")]));
        // It may also be a word, which has no members.
        var required = SessionSettings.Text((body["tool_choice"] as JsonObject)?["function"]?["name"]);
        var directed = task is not null && (SmallTalk.Opening(task) is not null || SmallTalk.Continues(task));
        return (new(
            model,
            body["stream"] is JsonValue stream && stream.TryGetValue<bool>(out var streams) && streams,
            body["stream_options"]?["include_usage"] is JsonValue include && include.TryGetValue<bool>(out var usage) && usage,
            new MindInput(directed ? task! : instructions ?? "", directed, turns, [.. tools], required),
            (characters / 4) + (4 * messages.Count)), null, null);
    }

    private static string Content(JsonNode? content) => content switch
    {
        JsonArray parts => string.Concat(parts.Select(part => SessionSettings.Text(part?["text"]))),
        _ => SessionSettings.Text(content) ?? "",
    };
}
