using Kraliki.Contracts;

namespace Kraliki.Voice.Calls;

/// <summary>How a caller came back into a conversation.</summary>
/// <param name="Planned">He was moved to another server and nothing was cut: silence stays silence.</param>
/// <param name="Apology">Before an answer that he has waited for too long.</param>
/// <param name="Prompt">When it is his turn and he says nothing: that the line is there again.</param>
/// <param name="AtMs">How far the conversation's own time is, in milliseconds: it goes on from there, while the carrier counts from 0 again.</param>
public sealed record Comeback(bool Planned, string Apology, string Prompt, long AtMs);

internal enum BridgeKind
{
    None,

    /// <summary>Nothing was said yet: the conversation begins.</summary>
    Greeting,

    /// <summary>The AI owes an answer, or the rest of one.</summary>
    Answer,

    /// <summary>The AI was cut off in the middle, and the caller has heard the beginning.</summary>
    Continuation,

    /// <summary>It is the caller's turn.</summary>
    Prompt,
}

/// <summary>What breaks the silence after a call has come back, unless the caller does. Pure.</summary>
/// <param name="Words">In front of the answer, or all there is to say.</param>
/// <param name="Patience">How long the caller has the first word, from the moment that he can be heard.</param>
internal sealed record Bridge(BridgeKind Kind, string Words, TimeSpan Patience)
{
    // What he said while the provider was connected arrives first; it takes a moment to be noticed as speech.
    private static readonly TimeSpan BeforeAnswer = TimeSpan.FromMilliseconds(200);

    // Most people say "hello?" by themselves; two who speak at once are worse than a second of silence.
    private static readonly TimeSpan BeforePrompt = TimeSpan.FromMilliseconds(900);

    public static Bridge None { get; } = new(BridgeKind.None, "", TimeSpan.Zero);

    /// <summary>Another provider has taken over and owes what the one before owed.</summary>
    public static Bridge Takeover(BridgeKind kind) => new(kind, "", kind == BridgeKind.Answer ? BeforeAnswer : TimeSpan.Zero);

    /// <remarks>
    /// A turn of the AI is in the history once it was heard to its end, or as far as it was heard when that is known. After a
    /// node's death it is not: then the caller's turn is the last one and the whole answer is given again.
    /// </remarks>
    public static Bridge Of(IReadOnlyList<SessionFact> history, Comeback? comeback) => (history.OfType<TurnFinished>().ToList(), comeback) switch
    {
        ([], _) => new(BridgeKind.Greeting, "", TimeSpan.Zero),
        (_, null) => None,
        ([.., { Speaker: LegRole.Caller, Interrupted: false } or { Speaker: LegRole.Ai, Interrupted: true }], var back) =>
            new(BridgeKind.Answer, back.Planned ? "" : back.Apology, BeforeAnswer),

        // Half a sentence of his cannot be answered either: he says it again.
        (_, { Planned: false } back) => new(BridgeKind.Prompt, back.Prompt, BeforePrompt),
        _ => None,
    };
}
