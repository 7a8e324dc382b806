using Kraliki.LocalSpeech;
using Kraliki.Server.Insights;

namespace Kraliki.Server.Tests.Insights;

public sealed class IntentsTests
{
    [Theory]
    [InlineData("i want to cancel my trip", "cancellation")]
    [InlineData("can i speak to a real person please", "human_wanted")]
    [InlineData("how much does it cost", "price")]
    [InlineData("i need to change my booking", "change_booking")]
    [InlineData("remember the number seven", "none")]
    [InlineData("", "none")]
    public void What_the_customer_wants_has_a_name(string text, string intent)
    {
        var (name, confidence) = Intents.Detect(text);
        Assert.Equal(intent, name);
        Assert.InRange(confidence, 0, 1);
    }

    [Fact]
    public void A_clear_wish_is_more_certain_than_an_ambiguous_one()
    {
        var clear = Intents.Detect("please cancel it, i want my money back").Confidence;
        var ambiguous = Intents.Detect("cancel or change, i do not know, how much is it").Confidence;
        Assert.True(clear > 0.8 && ambiguous < 0.6, $"{clear} and {ambiguous}");
    }

    [Fact]
    public void Every_intent_of_the_classifier_has_a_name_of_its_own()
    {
        string[] cues =
        [
            "hello", "opening hours", "your address", "book a trip", "change it reschedule", "cancel", "i cannot find it, i don't have the number", "the price", "what trips",
            "payment invoice", "luggage", "a human", "repeat", "wait", "question", "thank you kind of you", "goodbye", "yes", "no", "xyz",
        ];
        Assert.Equal(Enum.GetValues<TalkIntent>().Length, cues.Select(cue => Intents.Detect(cue).Intent).Distinct().Count());
    }
}
