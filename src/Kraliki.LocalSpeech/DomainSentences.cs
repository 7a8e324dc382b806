using System.Text.RegularExpressions;

namespace Kraliki.LocalSpeech;

/// <summary>
/// What callers of the demo assistant (a fictional travel agency) say, and how: the recogniser's language model is made from
/// it. Kept apart from the callers' scripts, whose exact sentences it does not contain on purpose.
/// </summary>
public static partial class DomainSentences
{
    // A sentence with slots is repeated with as many different fillings, so that it does not outweigh the others.
    private const int FillingsPerSentence = 8;

    private static readonly Lazy<(IReadOnlyList<string> Sentences, IReadOnlyDictionary<string, string> Words)> Loaded = new(Load);

    /// <summary>Lower-case words separated by single blanks, slots filled; the same in every run.</summary>
    public static IReadOnlyList<string> All => Loaded.Value.Sentences;

    /// <summary>Pronunciations (ARPAbet) of words that the general dictionary lacks.</summary>
    internal static IReadOnlyDictionary<string, string> Pronunciations => Loaded.Value.Words;

    private static (IReadOnlyList<string>, IReadOnlyDictionary<string, string>) Load()
    {
        using var stream = typeof(DomainSentences).Assembly.GetManifestResourceStream("domain-sentences.txt")!;
        using var reader = new StreamReader(stream);
        return Parse(reader.ReadToEnd());
    }

    internal static (IReadOnlyList<string> Sentences, IReadOnlyDictionary<string, string> Words) Parse(string text)
    {
        var slots = new Dictionary<string, string[]>();
        var used = new Dictionary<string, int>();
        var words = new Dictionary<string, string>();
        var sentences = new List<string>();

        string Fill(Match slot)
        {
            string name = slot.Groups[1].Value;
            int turn = used[name] = used.GetValueOrDefault(name, -1) + 1;
            return slots[name][turn % slots[name].Length];
        }

        foreach (string line in text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            switch (line[0])
            {
                case '#':
                    break;
                case '@':
                    string[] slot = line[1..].Split('=', 2, StringSplitOptions.TrimEntries);
                    slots[slot[0]] = slot[1].Split('|', StringSplitOptions.TrimEntries);
                    break;
                case '+':
                    string[] word = line[1..].Split(' ', 2, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
                    words[word[0]] = word[1];
                    break;
                default:
                    int fillings = line.Contains('{') ? FillingsPerSentence : 1;
                    for (int i = 0; i < fillings; i++)
                    {
                        sentences.Add(Slot().Replace(line, Fill));
                    }

                    break;
            }
        }

        return (sentences, words);
    }

    [GeneratedRegex(@"\{(\w+)\}")]
    private static partial Regex Slot();
}
