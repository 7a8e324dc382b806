using Kraliki.Contracts;
using Kraliki.Server.Insights;

namespace Kraliki.Server.Tests.Insights;

public sealed class AdviceTests
{
    [Fact]
    public void One_bad_word_is_no_reason_to_worry_and_two_unhappy_turns_are()
    {
        Assert.Empty(Advice.For(intent: null, unhappyTurns: 1));
        Assert.Contains("2 turns", Assert.Single(Advice.For(intent: null, unhappyTurns: 2)).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_happy_turn_ends_the_row_of_unhappy_ones()
    {
        var mood = new ConversationMood();
        mood.Follow(Mood.Negative);
        mood.Follow(Mood.Negative);
        Assert.Equal(2, mood.UnhappyTurns);
        mood.Follow(Mood.Neutral);
        Assert.Equal(0, mood.UnhappyTurns);
    }

    [Theory]
    [InlineData("human_wanted", SuggestionCategory.NextBestAction)]
    [InlineData("cancellation", SuggestionCategory.Reply)]
    [InlineData("change_booking", SuggestionCategory.Reply)]
    [InlineData("missing_booking_number", SuggestionCategory.Reply)]
    [InlineData("price", SuggestionCategory.Reply)]
    [InlineData("booking", SuggestionCategory.NextBestAction)]
    [InlineData("payment", SuggestionCategory.NextBestAction)]
    public void What_a_colleague_would_whisper_depends_on_what_is_wanted(string intent, SuggestionCategory category) =>
        Assert.Equal(category, Assert.Single(Advice.For(intent, unhappyTurns: 0)).Category);

    [Fact]
    public void Small_talk_needs_no_advice() => Assert.Empty(Advice.For("greeting", unhappyTurns: 0));
}
