using Kraliki.OperatorConsole.Assistants;

namespace Kraliki.Browser.Tests.Assistants;

public sealed class LineDiffTests
{
    [Theory]
    [InlineData("a b c", "a b c", " a  b  c")]
    [InlineData("a b c", "a x c", " a -b +x  c")]
    [InlineData("a b c", "a c", " a -b  c")]
    [InlineData("", "a b", "+a +b")]
    [InlineData("a a b", "a b b", " a -a +b  b")]
    [InlineData("one two three four", "two three five four six", "-one  two  three +five  four +six")]
    public void What_goes_and_what_comes_is_told_line_by_line(string before, string after, string expected)
    {
        var lines = LineDiff.Of(Words(before), Words(after));

        Assert.Equal(expected, string.Join(' ', lines.Select(line => $"{(line.Change switch { LineChange.Added => '+', LineChange.Removed => '-', _ => ' ' })}{line.Text}")));
    }

    [Fact]
    public void Texts_too_long_to_compare_count_as_rewritten_between_what_they_share()
    {
        var before = Enumerable.Range(0, 3_000).Select(i => $"old {i}").Prepend("first").Append("last").ToList();
        var after = Enumerable.Range(0, 3_000).Select(i => $"new {i}").Prepend("first").Append("last").ToList();

        var lines = LineDiff.Of(before, after);

        Assert.Equal((2, 3_000, 3_000), (lines.Count(line => line.Change == LineChange.Same), lines.Count(line => line.Change == LineChange.Removed), lines.Count(line => line.Change == LineChange.Added)));
    }

    private static string[] Words(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}
