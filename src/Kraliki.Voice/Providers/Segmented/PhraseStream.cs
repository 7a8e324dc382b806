using System.Text;
using Kraliki.LocalSpeech;

namespace Kraliki.Voice.Providers.Segmented;

/// <summary>Cuts a text that is still being written into phrases to speak.</summary>
internal sealed class PhraseStream
{
    private readonly StringBuilder _text = new();

    /// <returns>The phrases that are complete now: another one has begun behind each.</returns>
    public IEnumerable<string> Add(string delta)
    {
        _text.Append(delta);
        string text = _text.ToString();
        List<string> phrases = [.. PhraseSplitter.Split(text)];
        if (phrases.Count < 2)
        {
            return [];
        }

        // Phrases come without surrounding blanks; the one behind the last word tells that the word is whole.
        _text.Clear().Append(phrases[^1]).Append(char.IsWhiteSpace(text[^1]) ? " " : "");
        return phrases[..^1];
    }

    /// <summary>The text has ended.</summary>
    public IEnumerable<string> Rest() => PhraseSplitter.Split(_text.ToString());
}
