namespace Kraliki.Simulators.OpenAI;

/// <summary>Decides what the model says next. Must be safe from any thread; it may take its time.</summary>
public delegate MindReply Mind(MindInput input);

/// <summary>Makes speech: text and OpenAI voice name to PCM16 at 8 kHz.</summary>
public delegate short[] Voice(string text, string voiceName);

/// <param name="Instructions">Of the session, or of the single response when it has its own.</param>
/// <param name="ResponseInstructions">True when the instructions came with <c>response.create</c>.</param>
/// <param name="Turns">The conversation as the model remembers it (interrupted answers only as far as they were heard), oldest first.</param>
/// <param name="Tools">Functions that it may call now.</param>
/// <param name="RequiredTool">A function that the client insists on; null when the choice is free.</param>
public sealed record MindInput(
    string Instructions,
    bool ResponseInstructions,
    IReadOnlyList<MindTurn> Turns,
    IReadOnlyList<MindTool> Tools,
    string? RequiredTool);

/// <summary>Who a remembered line is from.</summary>
public enum MindRole
{
    System,
    User,
    Assistant,

    /// <summary>What a function returned.</summary>
    Tool,
}

public sealed record MindTurn(MindRole Role, string Text);

/// <param name="Required">Names of the arguments that its schema requires.</param>
public sealed record MindTool(string Name, IReadOnlyList<string> Required);

/// <param name="Text">To say (or write); may be empty beside a call.</param>
public sealed record MindReply(string Text, MindCall? Call = null);

/// <param name="Arguments">JSON text.</param>
public sealed record MindCall(string Name, string Arguments);
