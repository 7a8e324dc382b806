namespace Kraliki.LocalSpeech;

/// <summary>Cuts a text into phrases that are spoken one by one, so that the first sound comes early and little is spoken in vain.</summary>
public static class PhraseSplitter
{
    // A comma ends a phrase only when enough was said before it: shorter phrases sound chopped.
    private const int ShortestClause = 24;

    /// <summary>Phrases with their punctuation, without surrounding blanks. Joined by single blanks they are the text again.</summary>
    public static IEnumerable<string> Split(string text)
    {
        int start = 0;
        for (int i = 0; i < text.Length; i++)
        {
            // Punctuation inside a number or a word ("3.50", "o'clock", "9:30") is followed by no blank.
            bool ends = i + 1 == text.Length || (char.IsWhiteSpace(text[i + 1]) && text[i] switch
            {
                '.' or '!' or '?' => !IsAbbreviation(text.AsSpan(start, i - start)),
                ',' or ';' or ':' => i - start >= ShortestClause,
                _ => false,
            });
            if (ends)
            {
                string phrase = string.Join(' ', text[start..(i + 1)].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
                if (phrase.Length > 0)
                {
                    yield return phrase;
                }

                start = i + 1;
            }
        }
    }

    private static bool IsAbbreviation(ReadOnlySpan<char> before)
    {
        var word = before[(before.LastIndexOf(' ') + 1)..];
        return word is "Mr" or "Mrs" or "Ms" or "Dr" or "St";
    }
}
