namespace Kraliki.Voice.Providers;

/// <summary>How a language model is told to take a conversation up again.</summary>
internal static class PickUpTask
{
    private const string Broke = "The line was interrupted for a moment and the caller is back.";

    /// <returns>Null: it only has to answer what was said last.</returns>
    public static string? For(string words, PickUpRest rest) => (words.Length > 0, rest) switch
    {
        (_, PickUpRest.Continuation) => "Your last turn was cut off after what you see of it, and the caller heard that much. Say only the rest of it, from where it stops, without repeating anything and without a word about it.",
        (true, PickUpRest.Answer) => $"{Broke} Answer what the caller said last; if your answer was cut off, give it again. Begin with: {words}",
        (true, _) => $"{Broke} Answer nothing, and only say: {words}",
        _ => null,
    };
}
