using System.Text.RegularExpressions;
using Kraliki.Simulators.OpenAI;

namespace Kraliki.Simulators.Gemini;

/// <summary>A line of the conversation as the model has it.</summary>
internal sealed class MemoryLine(MindRole role, string text)
{
    public MindRole Role { get; } = role;

    public string Text { get; set; } = text;

    /// <summary>Its sound; 0 when it was written.</summary>
    public double AudioMs { get; set; }

    /// <summary>In the context: about 25 tokens for a second of audio, 4 characters of text.</summary>
    public int Weight => AudioMs > 0 ? AudioTokens : Tokens.OfText(Text);

    public int AudioTokens => (int)(AudioMs / 40);

    public MemoryLine Copy() => new(Role, Text) { AudioMs = AudioMs };
}

/// <summary>What the simulated model makes of its conversation. Like any language model it understands what it is told about the line.</summary>
/// <remarks>
/// Gemini Live has two roles only, so a client tells everything else as a user's text. This model takes a text in square brackets
/// for such a direction when the system instruction says so: what was heard of the last answer, what a tool returned, what to do in the next turn.
/// </remarks>
internal static partial class LiveMemory
{
    private const string NextTurn = "For your next turn:";
    private const string Operator = "Operator: ";

    public static MindInput Understand(string instructions, IReadOnlyList<MemoryLine> lines, IReadOnlyList<MindTool> tools)
    {
        var directed = instructions.Contains("square brackets", StringComparison.OrdinalIgnoreCase);
        var turns = new List<MindTurn>();
        string? task = null;
        foreach (var line in lines)
        {
            task = null;
            if (!directed || line.Role != MindRole.User || line.Text is not ['[', .., ']'])
            {
                turns.Add(new(line.Role, line.Text));
                continue;
            }

            var direction = line.Text[1..^1];
            if (direction.Contains(NextTurn, StringComparison.Ordinal))
                task = direction;
            else if (HeardOnly().Match(direction) is { Success: true } heard)
                Cut(turns, heard.Groups["words"].Value);
            else if (ToolResult().Match(direction) is { Success: true } result)
                turns.Add(new(MindRole.Tool, result.Groups["result"].Value));
            else
                turns.Add(new(MindRole.System, direction.StartsWith(Operator, StringComparison.Ordinal) ? direction[Operator.Length..] : direction));
        }

        return new(task is null ? instructions : $"{instructions}\n{task}", task is not null, turns, tools, null);
    }

    private static void Cut(List<MindTurn> turns, string heard)
    {
        var at = turns.FindLastIndex(turn => turn.Role == MindRole.Assistant);
        if (at < 0)
            return;
        if (heard.Length == 0)
            turns.RemoveAt(at);
        else
            turns[at] = new(MindRole.Assistant, heard);
    }

    [GeneratedRegex("interrupted.* heard (nothing|only.*“(?<words>.*)”)", RegexOptions.Singleline)]
    private static partial Regex HeardOnly();

    [GeneratedRegex("^Tool .* returned: (?<result>.*)$", RegexOptions.Singleline)]
    private static partial Regex ToolResult();
}
