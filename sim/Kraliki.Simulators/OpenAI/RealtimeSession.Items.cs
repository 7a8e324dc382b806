using System.Text.Json.Nodes;

namespace Kraliki.Simulators.OpenAI;

/// <summary>What a client does to the conversation's items.</summary>
internal sealed partial class RealtimeSession
{
    private RealtimeError? CreateItem(JsonObject message)
    {
        if (message["item"] is not JsonObject wire)
            return RealtimeError.Missing("item");
        if (CheckItem(wire) is { } error)
            return error;

        var item = Item.FromClient(wire);
        var sound = Sound(wire);
        if (sound is not null)
        {
            item.AudioFormat = Settings.InputFormat;
            item.Audio.AddRange(sound);
        }

        if (!Conversation.Insert(item, SessionSettings.Text(message["previous_item_id"]), out var previous))
            return RealtimeError.InvalidValue($"Item with id '{message["previous_item_id"]}' not found.", "previous_item_id");
        Emit("conversation.item.added", new() { ["previous_item_id"] = previous, ["item"] = item.Wire.DeepClone() });
        Emit("conversation.item.done", new() { ["previous_item_id"] = previous, ["item"] = item.Wire.DeepClone() });
        if (sound is not null && item.Memory is "")
        {
            item.IsBeingHeard = true;
            _input.HearApart(sound, words => Heard(item, words));
        }

        return null;
    }

    private RealtimeError? CheckItem(JsonObject item)
    {
        if (SessionSettings.Text(item["id"]) is { } id && Conversation.Find(id) is not null)
            return RealtimeError.InvalidValue($"An item with id '{id}' exists already.", "item.id");
        switch (SessionSettings.Text(item["type"]))
        {
            case null:
                return RealtimeError.Missing("item.type");
            case "message":
                return CheckMessage(item);
            case "function_call":
                return SessionSettings.Text(item["name"]) is null ? RealtimeError.Missing("item.name") : null;
            case "function_call_output" when SessionSettings.Text(item["call_id"]) is not { } callId:
                return RealtimeError.Missing("item.call_id");
            case "function_call_output" when SessionSettings.Text(item["output"]) is null:
                return RealtimeError.Missing("item.output");
            case "function_call_output":
                return Conversation.Items.Any(other => other.Type == "function_call" && other.CallId == SessionSettings.Text(item["call_id"]))
                    ? null
                    : RealtimeError.InvalidValue($"No tool call found with call_id '{item["call_id"]}'.", "item.call_id");
            default:
                return RealtimeError.InvalidValue(
                    "Invalid value. Supported values are: 'message', 'function_call', and 'function_call_output'.", "item.type");
        }
    }

    private static RealtimeError? CheckMessage(JsonObject item)
    {
        var role = SessionSettings.Text(item["role"]);
        string[] allowed = role switch
        {
            "user" => ["input_text", "input_audio", "input_image"],
            "system" => ["input_text"],
            "assistant" => ["output_text"],
            _ => [],
        };
        if (allowed.Length == 0)
            return RealtimeError.InvalidValue("Invalid value. Supported values are: 'user', 'assistant', and 'system'.", "item.role");
        if (item["content"] is not JsonArray content)
            return RealtimeError.Missing("item.content");
        for (var i = 0; i < content.Count; i++)
        {
            var type = SessionSettings.Text((content[i] as JsonObject)?["type"]);
            if (!allowed.Contains(type))
            {
                return RealtimeError.InvalidValue(
                    $"Invalid value: '{type}'. Supported values are: {string.Join(", ", allowed.Select(name => $"'{name}'"))}.",
                    $"item.content[{i}].type");
            }

            if (type == "input_audio" && SessionSettings.Text(content[i]!["audio"]) is { } base64
                && !Convert.TryFromBase64String(base64, new byte[base64.Length], out _))
                return RealtimeError.InvalidValue("Invalid 'audio'. Expected base64-encoded audio bytes.", $"item.content[{i}].audio");
        }

        return null;
    }

    private static byte[]? Sound(JsonObject item) =>
        (item["content"] as JsonArray)?.OfType<JsonObject>().FirstOrDefault(part => SessionSettings.Text(part["type"]) == "input_audio") is { } part
        && SessionSettings.Text(part["audio"]) is { } base64
            ? Convert.FromBase64String(base64)
            : null;

    private RealtimeError? RetrieveItem(JsonObject message)
    {
        if (Find(message, "retrieve", out var item) is { } error)
            return error;
        var wire = (JsonObject)item.Wire.DeepClone();
        if (item.Audio.Count > 0 && wire["content"] is JsonArray { Count: > 0 } content && content[0] is JsonObject part)
            part["audio"] = Convert.ToBase64String([.. item.Audio]);
        Emit("conversation.item.retrieved", new() { ["item"] = wire });
        return null;
    }

    private RealtimeError? DeleteItem(JsonObject message)
    {
        if (Find(message, "delete", out var item) is { } error)
            return error;
        Conversation.Remove(item);
        Emit("conversation.item.deleted", new() { ["item_id"] = item.Id });
        return null;
    }

    private RealtimeError? TruncateItem(JsonObject message)
    {
        if (Find(message, "truncate", out var item) is { } error)
            return error;
        if (SessionSettings.Number(message["content_index"]) is not { } index)
            return RealtimeError.Missing("content_index");
        if (SessionSettings.Number(message["audio_end_ms"]) is not { } end)
            return RealtimeError.Missing("audio_end_ms");
        if (end < 0 || end != Math.Floor(end))
            return RealtimeError.InvalidValue("Expected an integer of at least 0.", "audio_end_ms");
        if (item.Role != "assistant" || item.AudioFormat is null || item.AudioMs == 0)
            return new("unsupported_content_type", "Only model output audio messages can be truncated.", "item_id");
        if (index != 0)
            return RealtimeError.InvalidValue("The message has no such content part.", "content_index");
        if (end > item.AudioMs)
            return RealtimeError.InvalidValue($"Audio content of {item.AudioMs}ms is already shorter than {end}ms", "audio_end_ms");

        item.Truncate((int)end);
        Emit("conversation.item.truncated", new() { ["item_id"] = item.Id, ["content_index"] = 0, ["audio_end_ms"] = (int)end });
        return null;
    }

    private RealtimeError? Find(JsonObject message, string verb, out Item item)
    {
        var id = SessionSettings.Text(message["item_id"]);
        item = Conversation.Find(id)!;
        if (id is null)
            return RealtimeError.Missing("item_id");
        return item is null
            ? new($"item_{verb}_invalid_item_id", $"Error: cannot {verb} item; the item with id '{id}' does not exist.", "item_id")
            : null;
    }
}
