using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace Kraliki.Simulators.OpenAI;

/// <summary>The ordered items of the default conversation. Belongs to its session's gate.</summary>
internal sealed class Conversation
{
    private readonly List<Item> _items = [];

    public string Id { get; } = Ids.New("conv");

    public IReadOnlyList<Item> Items => _items;

    public string? LastId => _items.Count == 0 ? null : _items[^1].Id;

    public Item? Find(string? id) => _items.Find(item => item.Id == id);

    /// <summary>Adds at the end and returns the id of the item before it, null at the front.</summary>
    public string? Append(Item item)
    {
        var previous = LastId;
        _items.Add(item);
        return previous;
    }

    /// <param name="previousId">"root" is the front, null the end.</param>
    /// <returns>False when there is no such item.</returns>
    public bool Insert(Item item, string? previousId, out string? effectivePrevious)
    {
        var index = previousId switch
        {
            null => _items.Count,
            "root" => 0,
            _ => _items.FindIndex(other => other.Id == previousId) + 1,
        };
        effectivePrevious = index > 0 ? _items[index - 1].Id : null;
        if (index == 0 && previousId is not (null or "root"))
            return false;
        _items.Insert(index, item);
        return true;
    }

    public void Remove(Item item) => _items.Remove(item);

    /// <summary>Leaves the oldest items out of the context once all together weigh more than the limit.</summary>
    /// <returns>Whether there were any.</returns>
    public bool Trim(ContextLimit limit)
    {
        var known = _items.FindAll(item => !item.Forgotten);
        var tokens = known.Sum(item => item.Weight().Text + item.Weight().Audio);
        if (tokens <= limit.Tokens)
            return false;
        foreach (var item in known.SkipLast(1).TakeWhile(_ => tokens > limit.Tokens * limit.Keep))
        {
            item.Forgotten = true;
            tokens -= item.Weight().Text + item.Weight().Audio;
        }

        return true;
    }
}

/// <summary>How much of a conversation goes into a response.</summary>
/// <param name="Tokens">Beside the instructions.</param>
/// <param name="Keep">The share of them that is left when it was more.</param>
internal sealed record ContextLimit(int Tokens, double Keep);

/// <summary>One item: its form on the wire, and what the mind remembers of it.</summary>
internal sealed class Item
{
    private Item(JsonObject wire) => Wire = wire;

    /// <summary>As in <c>conversation.item.added</c>: without audio.</summary>
    public JsonObject Wire { get; }

    public string Id => SessionSettings.Text(Wire["id"])!;

    public string? Type => SessionSettings.Text(Wire["type"]);

    public string? Role => SessionSettings.Text(Wire["role"]);

    public string? CallId => SessionSettings.Text(Wire["call_id"]);

    /// <summary>The words of it that the mind remembers; null while they are not known.</summary>
    public string? Memory { get; set; }

    /// <summary>Not in any context any more: the conversation had outgrown its limit.</summary>
    public bool Forgotten { get; set; }

    /// <summary>The ear is still at work on it.</summary>
    public bool IsBeingHeard { get; set; }

    /// <summary>Its sound, for retrieval. Its session's lifetime bounds it: an hour of PCM is 170 MB.</summary>
    public List<byte> Audio { get; } = [];

    public AudioFormat? AudioFormat { get; set; }

    /// <summary>An answer's phrases with the milliseconds that each takes, in order.</summary>
    public List<(string Words, int Ms)> Spoken { get; } = [];

    /// <summary>The item before it when it was added.</summary>
    public string? PreviousId { get; set; }

    public int AudioMs => AudioFormat is null ? 0 : Audio.Count / AudioFormat.BytesPerMs;

    /// <summary>Tokens that it adds to a response's input.</summary>
    public (int Text, int Audio) Weight() => (AudioFormat, Role) switch
    {
        (null, _) => (Tokens.OfText(Memory ?? SessionSettings.Text(Wire["arguments"])), 0),
        (_, "assistant") => (Tokens.OfText(Memory), Tokens.OfOutputAudio(AudioMs)),
        _ => (0, Tokens.OfInputAudio(AudioMs)),
    };

    public string Status
    {
        set => Wire["status"] = value;
    }

    public JsonObject? FirstPart => (Wire["content"] as JsonArray) is { Count: > 0 } content ? content[0] as JsonObject : null;

    /// <summary>Forgets what lies beyond a moment of its audio: the sound, the transcript on the wire, and the words in the memory.</summary>
    public void Truncate(int endMs)
    {
        Audio.RemoveRange(endMs * AudioFormat!.BytesPerMs, Audio.Count - endMs * AudioFormat.BytesPerMs);
        FirstPart?.Remove("transcript");
        var (heard, left) = ("", endMs);
        foreach (var (words, ms) in Spoken)
        {
            // Words are taken to be equally long: right to about a word.
            var pieces = Tokens.Pieces(words).ToList();
            heard += string.Concat(pieces.Take(left >= ms ? pieces.Count : (int)Math.Round((double)pieces.Count * left / ms)));
            left -= Math.Min(left, ms);
        }

        Memory = heard;
    }

    public static Item Message(string id, string role, string status, JsonArray content) => new(new JsonObject
    {
        ["id"] = id,
        ["object"] = "realtime.item",
        ["type"] = "message",
        ["status"] = status,
        ["role"] = role,
        ["content"] = content,
    });

    public static Item FunctionCall(string id, string callId, string name) => new(new JsonObject
    {
        ["id"] = id,
        ["object"] = "realtime.item",
        ["type"] = "function_call",
        ["status"] = "in_progress",
        ["name"] = name,
        ["call_id"] = callId,
        ["arguments"] = "",
    });

    /// <summary>An item that a client made, completed by what the server adds.</summary>
    public static Item FromClient(JsonObject item)
    {
        var wire = new JsonObject
        {
            ["id"] = SessionSettings.Text(item["id"]) ?? Ids.New("item"),
            ["object"] = "realtime.item",
            ["type"] = item["type"]?.DeepClone(),
            ["status"] = "completed",
        };
        foreach (var (key, value) in item)
        {
            if (!wire.ContainsKey(key))
                wire[key] = value?.DeepClone();
        }

        var made = new Item(wire) { Memory = "" };
        foreach (var part in (wire["content"] as JsonArray ?? []).OfType<JsonObject>())
        {
            var text = SessionSettings.Text(part["text"]) ?? SessionSettings.Text(part["transcript"]);
            made.Memory = $"{made.Memory} {text}".Trim();
            part.Remove("audio");
        }

        if (made.Type == "function_call_output")
            made.Memory = SessionSettings.Text(item["output"]);
        return made;
    }
}

/// <summary>Ids in the service's form: a prefix and 21 letters or digits.</summary>
internal static class Ids
{
    public static string New(string prefix) =>
        $"{prefix}_{RandomNumberGenerator.GetString("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 21)}";
}
