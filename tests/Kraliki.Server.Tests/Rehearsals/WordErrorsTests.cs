using Kraliki.Server.Rehearsals;

namespace Kraliki.Server.Tests.Rehearsals;

public sealed class WordErrorsTests
{
    [Theory]
    [InlineData("", "", 0)]
    [InlineData("one two three", "", 3)]
    [InlineData("", "one two", 2)]
    [InlineData("one two three", "one two three", 0)]
    [InlineData("one two three", "one four three", 1)]
    [InlineData("one two three", "one three", 1)]
    [InlineData("one two three", "one two and three", 1)]
    [InlineData("one two three", "two three one", 2)]
    [InlineData("a b c d", "b d e", 3)]
    public void Errors_are_the_fewest_changes_between_two_texts(string said, string heard, int errors)
        => Assert.Equal(errors, WordErrors.Count(WordErrors.Words(said), WordErrors.Words(heard)));

    [Fact]
    public void Words_are_compared_without_case_and_punctuation()
        => Assert.Equal(["i'd", "like", "it", "on", "friday", "the", "5th"], WordErrors.Words("I'd like it -- on Friday, the 5th!"));
}
