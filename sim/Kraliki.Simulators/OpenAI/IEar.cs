namespace Kraliki.Simulators.OpenAI;

/// <summary>Turns a session's speech into words, from the sound alone. One per session; called inside the session's gate, must not block.</summary>
public interface IEar : IDisposable
{
    /// <summary>Why it cannot hear at all, with the remedy; null when it can.</summary>
    string? Impediment { get; }

    /// <summary>Begins an utterance.</summary>
    void Begin();

    /// <summary>PCM16 at 8 kHz of the utterance that began, any length.</summary>
    void Feed(ReadOnlySpan<short> pcm8k);

    /// <summary>Ends the utterance. The next may begin before this one is understood.</summary>
    /// <param name="heard">Called once, from another thread or before this returns: the words, empty for a noise, null when hearing failed.</param>
    void End(Action<string?> heard);

    /// <summary>Forgets the utterance that began.</summary>
    void Abandon();
}
