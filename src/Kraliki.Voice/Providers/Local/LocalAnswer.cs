using Kraliki.LocalSpeech;

namespace Kraliki.Voice.Providers.Local;

/// <summary>An answer of the local assistant, from the thought to the last phrase.</summary>
/// <param name="turn">Its place in the conversation.</param>
internal sealed class LocalAnswer(string turnId, string text, TalkWish wish, int turn)
{
    // Read by the speaking task, written by a step.
    private volatile bool _cancelled;

    public string TurnId { get; } = turnId;

    public string Text { get; set; } = text;

    public TalkWish Wish { get; } = wish;

    public int Turn { get; } = turn;

    /// <summary>The phrases handed over so far.</summary>
    public string Said { get; set; } = "";

    /// <summary>Length of <see cref="Said"/> at 8 kHz.</summary>
    public long Samples { get; set; }

    public bool Cancelled
    {
        get => _cancelled;
        set => _cancelled = value;
    }
}
