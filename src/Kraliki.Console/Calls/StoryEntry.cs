using Kraliki.Contracts;

namespace Kraliki.OperatorConsole.Calls;

/// <summary>One row of the transcript.</summary>
/// <param name="Key">Stable for the life of the row; a turn keeps it from its first partial to its end.</param>
/// <param name="AtMs">Milliseconds since the call started; null while the start is unknown.</param>
public abstract record StoryEntry(string Key, long? AtMs);

/// <summary>Words of one speaker.</summary>
/// <param name="Final">False while the words may still change.</param>
/// <param name="Saved">False while finished words are not in the database yet.</param>
/// <param name="Mood">How the customer sounded; null while that is not known.</param>
/// <param name="Intent">What the customer wanted, snake_case; null while that is not known.</param>
public sealed record SpokenEntry(
    string Key,
    long? AtMs,
    LegRole Speaker,
    string Text,
    bool Final,
    bool Interrupted = false,
    int? HeardMs = null,
    Mood? Mood = null,
    string? Intent = null,
    bool Saved = true) : StoryEntry(Key, AtMs);

/// <summary>Something that happened beside the words: one sentence and an icon.</summary>
public sealed record MomentEntry(string Key, long? AtMs, MomentTone Tone, string Glyph, string Sentence) : StoryEntry(Key, AtMs);

public enum MomentTone
{
    Quiet,
    Attention,
    Fault,
}
