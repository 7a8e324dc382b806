namespace Kraliki.Voice.Providers;

/// <summary>How a language model is told to open the conversation.</summary>
internal static class GreetTask
{
    /// <param name="greeting">The words; null leaves them to the model.</param>
    public static string For(string? greeting) => greeting is null
        ? "The call has just been answered: greet the caller first, briefly."
        : $"The call has just been answered. Greet the caller with exactly these words and nothing more. Say: {greeting}";
}
