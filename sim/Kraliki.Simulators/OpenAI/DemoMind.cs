using System.Text.Json;
using System.Text.Json.Nodes;
using Kraliki.LocalSpeech;

namespace Kraliki.Simulators.OpenAI;

/// <summary>The mind of the simulated model: the demo assistant's small talk, plus what a language model does with instructions and functions.</summary>
/// <remarks>
/// It calls functions by what their names say: <c>lookup…</c> when the caller named a booking, <c>end_call</c> or
/// <c>hang_up</c> after the goodbye, <c>transfer…</c> or <c>…human…</c> when a person is wanted.
/// </remarks>
internal static class DemoMind
{
    public static MindReply Think(MindInput input)
    {
        if (input.ResponseInstructions && SmallTalk.Literal(input.Instructions) is { } literal)
            return new(literal);
        if (input.Turns is [.., { Role: MindRole.Tool } result])
            return new(Tell(result.Text));

        // A turn without words was a cough: small talk answers words only.
        List<TalkTurn> talk = [.. input.Turns.Where(turn => turn.Role != MindRole.Tool && turn.Text.Length > 0).Select(turn => new TalkTurn(
            turn.Role switch { MindRole.User => TalkRole.Caller, MindRole.Assistant => TalkRole.Assistant, _ => TalkRole.Operator }, turn.Text))];
        if (talk.Count == 0 && SmallTalk.Literal(input.Instructions) is { } opening)
            return new(opening);

        // Told to answer after a break, it gives an answer that was cut off once more.
        var prefix = input.ResponseInstructions ? SmallTalk.Opening(input.Instructions) : null;
        if (prefix is not null && talk is [.., { Role: TalkRole.Assistant }])
            talk.RemoveAt(talk.Count - 1);
        var reply = input.ResponseInstructions && SmallTalk.Continues(input.Instructions) ? SmallTalk.Rest(talk) : SmallTalk.Next(talk);
        if (prefix is not null)
            reply = reply with { Text = $"{prefix} {reply.Text}" };
        if (input.RequiredTool is { } required)
            return new("", Call(input, new(required, []), reply));
        if (reply.BookingNumber is not null && Find(input, "lookup") is { } lookup)
            return new("One moment, I am looking it up.", Call(input, lookup, reply));
        var wanted = reply.Wish switch
        {
            TalkWish.EndCall => Find(input, "end_call", "hang_up"),
            TalkWish.Human => Find(input, "transfer", "human"),
            _ => null,
        };
        return new(reply.Text, wanted is null ? null : Call(input, wanted, reply));
    }

    public static short[] Speak(string text, string voiceName) => SpeechSynthesizer.Speak(text, voiceName switch
    {
        "marin" or "alloy" or "coral" or "sage" or "shimmer" => VoiceName.Slt,
        _ => VoiceName.Awb,
    });

    private static MindTool? Find(MindInput input, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (input.Tools.FirstOrDefault(tool => tool.Name.Contains(name, StringComparison.OrdinalIgnoreCase)) is { } tool)
                return tool;
        }

        return null;
    }

    private static MindCall Call(MindInput input, MindTool tool, TalkReply reply)
    {
        var arguments = new JsonObject();
        var lastWords = input.Turns.LastOrDefault(turn => turn.Role == MindRole.User)?.Text ?? "";
        var required = tool.Required.Count > 0 ? tool.Required : input.Tools.FirstOrDefault(other => other.Name == tool.Name)?.Required ?? [];
        foreach (var name in required)
            arguments[name] = name.Contains("number", StringComparison.OrdinalIgnoreCase) && reply.BookingNumber is { } number ? number : lastWords;
        return new(tool.Name, arguments.ToJsonString());
    }

    /// <summary>Says a function's result: text as it is, the members of an object one after the other, nothing when there is nothing to say.</summary>
    private static string Tell(string result)
    {
        try
        {
            if (JsonNode.Parse(result) is not JsonObject found)
                return result;
            var said = found.Where(pair => pair.Value is JsonValue value && value.GetValueKind() is JsonValueKind.String or JsonValueKind.Number)
                .Select(pair => $"{pair.Key.Replace('_', ' ')}: {pair.Value}");
            return string.Join(". ", said) is { Length: > 0 } words ? $"I found this. {words}." : "";
        }
        catch (JsonException)
        {
            return result;
        }
    }
}
