using Kraliki.Contracts;
using Kraliki.Server.Insights;

namespace Kraliki.Server.Tests.Insights;

public sealed class SentimentTests
{
    [Theory]
    [InlineData("this is a terrible service and i am very angry", Mood.Negative)]
    [InlineData("I am so disappointed, nobody helped me", Mood.Negative)]
    [InlineData("that is not good", Mood.Negative)]
    [InlineData("I'm not really happy with that", Mood.Negative)]
    [InlineData("nobody was helpful", Mood.Negative)]
    [InlineData("The trip was nice but the hotel was dirty and noisy", Mood.Negative)]
    [InlineData("you keep charging me, this is a scam", Mood.Negative)]
    [InlineData("thank you very much, that was really helpful", Mood.Positive)]
    [InlineData("perfect", Mood.Positive)]
    [InlineData("no problem", Mood.Positive)]
    [InlineData("not bad at all", Mood.Positive)]
    [InlineData("It was hard at first but now everything is wonderful", Mood.Positive)]
    [InlineData("when are you open on Saturday", Mood.Neutral)]
    [InlineData("yes four seven one nine", Mood.Neutral)]
    [InlineData("I would like to change my booking", Mood.Neutral)]
    [InlineData("a kind of ticket", Mood.Neutral)]
    [InlineData("", Mood.Neutral)]
    [InlineData("Žluťoučký kůň", Mood.Neutral)]
    public void The_mood_of_a_turn_is_read_from_its_words(string text, Mood mood) =>
        Assert.Equal((text, mood), (text, Sentiment.Name(Sentiment.Measure(text))));

    [Fact]
    public void Stronger_words_weigh_more_and_weaker_ones_less()
    {
        Assert.True(Sentiment.Measure("it is extremely bad") < Sentiment.Measure("it is bad"));
        Assert.True(Sentiment.Measure("it is slightly bad") > Sentiment.Measure("it is bad"));
        Assert.True(Sentiment.Measure("bad bad bad bad bad bad") > -1);
    }
}
