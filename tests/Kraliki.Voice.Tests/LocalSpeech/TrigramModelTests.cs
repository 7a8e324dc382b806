using System.Globalization;
using Kraliki.LocalSpeech;

namespace Kraliki.Voice.Tests.LocalSpeech;

public sealed class TrigramModelTests
{
    private readonly string[] _lines = new TrigramModel(["a b c", "a b d", "a c"]).ToArpa().Split('\n');

    [Fact]
    public void Header_counts_what_follows()
    {
        Assert.Contains("ngram 1=6", _lines);
        Assert.Equal(6, Section("1-grams").Count());
        Assert.Contains($"ngram 2={Section("2-grams").Count()}", _lines);
        Assert.Contains($"ngram 3={Section("3-grams").Count()}", _lines);
    }

    [Fact]
    public void Words_and_the_sentences_end_share_the_whole_probability()
    {
        double sum = Section("1-grams").Where(line => line[1] != "<s>").Sum(line => Math.Pow(10, Number(line[0])));
        Assert.Equal(1, sum, 0.001);
    }

    [Fact]
    public void Seen_and_unseen_successors_share_the_whole_probability()
    {
        var unigrams = Section("1-grams").ToDictionary(line => line[1], line => Math.Pow(10, Number(line[0])));
        double backOff = Math.Pow(10, Number(Section("1-grams").Single(line => line[1] == "b")[2]));
        var seen = Section("2-grams").Where(line => line[1].StartsWith("b ", StringComparison.Ordinal)).ToDictionary(line => line[1][2..], line => Math.Pow(10, Number(line[0])));
        double unseen = unigrams.Where(unigram => unigram.Key != "<s>" && !seen.ContainsKey(unigram.Key)).Sum(unigram => backOff * unigram.Value);
        Assert.Equal(["c", "d"], seen.Keys.Order());
        Assert.Equal(1, seen.Values.Sum() + unseen, 0.001);
    }

    [Fact]
    public void Domain_has_enough_sentences_and_no_open_slot()
    {
        Assert.InRange(DomainSentences.All.Distinct().Count(), 150, 5000);
        Assert.DoesNotContain(DomainSentences.All, sentence => sentence.IndexOfAny(['{', '}', '.', '?']) >= 0);
    }

    private IEnumerable<string[]> Section(string name) =>
        _lines.SkipWhile(line => line != $"\\{name}:").Skip(1).TakeWhile(line => line.Length > 0).Select(line => line.Split('\t'));

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);
}
