using System.Globalization;
using System.Text;

namespace Kraliki.LocalSpeech;

/// <summary>
/// Counts word trigrams of sentences and writes them as an ARPA back-off model with interpolated Witten–Bell smoothing:
/// p(w|h) = (c(hw) + t(h)·p(w|h′)) / (c(h) + t(h)), where t(h) counts the different words seen after h and h′ is h without
/// its first word. Then t(h) / (c(h) + t(h)) is exactly the back-off weight of h.
/// </summary>
internal sealed class TrigramModel
{
    private const string Start = "<s>";
    private const string End = "</s>";

    private readonly Dictionary<string, int> _unigrams = [];
    private readonly Dictionary<(string First, string Second), int> _bigrams = [];
    private readonly Dictionary<(string First, string Second, string Third), int> _trigrams = [];

    /// <param name="sentences">Lower-case words separated by blanks.</param>
    public TrigramModel(IEnumerable<string> sentences)
    {
        foreach (string sentence in sentences)
        {
            string[] words = [Start, .. sentence.Split(' ', StringSplitOptions.RemoveEmptyEntries), End];
            for (int i = 1; i < words.Length; i++)
            {
                Count(_unigrams, words[i]);
                Count(_bigrams, (words[i - 1], words[i]));
                if (i > 1)
                {
                    Count(_trigrams, (words[i - 2], words[i - 1], words[i]));
                }
            }
        }
    }

    public IEnumerable<string> Words => _unigrams.Keys.Where(word => word != End);

    public string ToArpa()
    {
        var afterOne = Histories(_bigrams, pair => pair.First);
        var afterTwo = Histories(_trigrams, triple => (triple.First, triple.Second));
        double total = _unigrams.Values.Sum();

        double Unigram(string word) =>
            (_unigrams[word] + 1.0) / (total + _unigrams.Count);

        double Bigram(string first, string second)
        {
            var (count, kinds) = afterOne[first];
            return (_bigrams[(first, second)] + (kinds * Unigram(second))) / (count + kinds);
        }

        double Trigram(string first, string second, string third)
        {
            var (count, kinds) = afterTwo[(first, second)];
            return (_trigrams[(first, second, third)] + (kinds * Bigram(second, third))) / (count + kinds);
        }

        var arpa = new StringBuilder("\\data\\\n");
        arpa.Append(CultureInfo.InvariantCulture, $"ngram 1={_unigrams.Count + 1}\nngram 2={_bigrams.Count}\nngram 3={_trigrams.Count}\n");

        arpa.Append("\n\\1-grams:\n");
        // A sentence start is never predicted, only conditioned on; -99 is the format's zero.
        Line(arpa, -99, Start, BackOff(afterOne, Start));
        foreach (string word in _unigrams.Keys.Order(StringComparer.Ordinal))
        {
            Line(arpa, Math.Log10(Unigram(word)), word, BackOff(afterOne, word));
        }

        arpa.Append("\n\\2-grams:\n");
        foreach (var (first, second) in _bigrams.Keys.OrderBy(pair => pair.First, StringComparer.Ordinal).ThenBy(pair => pair.Second, StringComparer.Ordinal))
        {
            Line(arpa, Math.Log10(Bigram(first, second)), $"{first} {second}", BackOff(afterTwo, (first, second)));
        }

        arpa.Append("\n\\3-grams:\n");
        foreach (var (first, second, third) in _trigrams.Keys
            .OrderBy(triple => triple.First, StringComparer.Ordinal)
            .ThenBy(triple => triple.Second, StringComparer.Ordinal)
            .ThenBy(triple => triple.Third, StringComparer.Ordinal))
        {
            Line(arpa, Math.Log10(Trigram(first, second, third)), $"{first} {second} {third}", null);
        }

        return arpa.Append("\n\\end\\\n").ToString();
    }

    private static double BackOff<THistory>(Dictionary<THistory, (int Count, int Kinds)> after, THistory history)
        where THistory : notnull =>
        after.TryGetValue(history, out var seen) ? Math.Log10((double)seen.Kinds / (seen.Count + seen.Kinds)) : 0;

    private static Dictionary<THistory, (int Count, int Kinds)> Histories<TGram, THistory>(Dictionary<TGram, int> grams, Func<TGram, THistory> history)
        where TGram : notnull
        where THistory : notnull =>
        grams.GroupBy(gram => history(gram.Key)).ToDictionary(group => group.Key, group => (group.Sum(gram => gram.Value), group.Count()));

    private static void Count<TGram>(Dictionary<TGram, int> grams, TGram gram)
        where TGram : notnull =>
        grams[gram] = grams.GetValueOrDefault(gram) + 1;

    private static void Line(StringBuilder arpa, double log10, string words, double? backOff)
    {
        arpa.Append(CultureInfo.InvariantCulture, $"{log10:F4}\t{words}");
        if (backOff is { } weight)
        {
            arpa.Append(CultureInfo.InvariantCulture, $"\t{weight:F4}");
        }

        arpa.Append('\n');
    }
}
