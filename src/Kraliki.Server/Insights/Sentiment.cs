using Kraliki.Contracts;

namespace Kraliki.Server.Insights;

/// <summary>How a sentence sounds, by its words: each known word has a weight, the words before it turn, strengthen or weaken it. English. Pure.</summary>
internal static class Sentiment
{
    // "not a very good": the negation may stand that many words before.
    private const int NegationReach = 3;

    // "Not good" is milder than "bad".
    private const double NegatedShare = -0.6;

    // What comes after a "but" is what is meant.
    private const double BeforeBut = 0.5;

    // The score at which a sum of weights counts for a half.
    private const double Half = 3;

    private const double Threshold = 0.2;

    private static readonly HashSet<string> Negations =
    [
        "not", "no", "never", "nothing", "nobody", "neither", "nor", "hardly", "barely", "without", "cannot", "can't", "don't", "doesn't", "didn't",
        "won't", "wouldn't", "isn't", "wasn't", "aren't", "weren't", "couldn't", "shouldn't", "haven't", "hasn't", "hadn't", "ain't",
    ];

    private static readonly Dictionary<string, double> Strengths = new()
    {
        ["very"] = 1.4,
        ["really"] = 1.3,
        ["so"] = 1.2,
        ["too"] = 1.2,
        ["extremely"] = 1.7,
        ["absolutely"] = 1.6,
        ["totally"] = 1.5,
        ["completely"] = 1.5,
        ["incredibly"] = 1.6,
        ["terribly"] = 1.5,
        ["most"] = 1.3,
        ["quite"] = 1.1,
        ["highly"] = 1.4,
        ["utterly"] = 1.6,
        ["deeply"] = 1.4,
        ["especially"] = 1.2,
        ["slightly"] = 0.6,
        ["somewhat"] = 0.7,
        ["bit"] = 0.6,
        ["little"] = 0.6,
        ["rather"] = 0.9,
        ["fairly"] = 0.8,
        ["almost"] = 0.7,
        ["kind"] = 0.7,
        ["maybe"] = 0.7,
    };

    /// <returns>−1 to 1, to two places; 0 when no known word is in it.</returns>
    public static double Measure(string text)
    {
        var words = Words(text);
        var but = Array.LastIndexOf(words, "but");
        double sum = 0;
        for (var i = 0; i < words.Length; i++)
        {
            if (SentimentWords.Weights.TryGetValue(words[i], out var weight) && !IsModifier(words, i))
            {
                sum += weight * Modified(words, i) * (i < but ? BeforeBut : 1);
            }
        }

        return Math.Round(sum / (Math.Abs(sum) + Half), 2);
    }

    public static Mood Name(double score) => score switch
    {
        <= -Threshold => Mood.Negative,
        >= Threshold => Mood.Positive,
        _ => Mood.Neutral,
    };

    private static double Modified(string[] words, int at)
    {
        double factor = 1;
        for (var i = Math.Max(0, at - NegationReach); i < at; i++)
        {
            if (Negations.Contains(words[i]))
            {
                factor *= NegatedShare;
            }
            else if (i >= at - 2 && Strengths.TryGetValue(words[i], out var strength))
            {
                factor *= strength;
            }
        }

        return factor;
    }

    /// <summary>"Terribly sorry" is no terror, "a kind of" no kindness: a word that strengthens or weakens the next one has no weight of its own.</summary>
    private static bool IsModifier(string[] words, int at) =>
        Strengths.ContainsKey(words[at]) && at + 1 < words.Length && (words[at + 1] == "of" || SentimentWords.Weights.ContainsKey(words[at + 1]));

    private static string[] Words(string text) =>
        new string([.. text.ToLowerInvariant().Replace('’', '\'').Select(letter => char.IsLetter(letter) || letter == '\'' ? letter : ' ')])
            .Split(' ', StringSplitOptions.RemoveEmptyEntries);
}
