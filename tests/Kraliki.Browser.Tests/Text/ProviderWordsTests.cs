using Kraliki.Contracts;
using Kraliki.OperatorConsole.Text;

namespace Kraliki.Browser.Tests.Text;

public sealed class ProviderWordsTests
{
    [Fact]
    public void Every_failure_has_words_of_its_own_that_name_the_provider()
    {
        var sentences = Enum.GetValues<ProviderFailure>().Select(failure => ProviderWords.Of(new ProviderFailed("gemini", failure, ""))).ToList();

        Assert.Equal(sentences.Count, sentences.Distinct().Count());
        Assert.All(sentences, sentence => Assert.Contains("Gemini", sentence));
        Assert.DoesNotContain("Gemini failed", sentences);
    }

    [Theory]
    [InlineData(SwitchCause.Failover, "openai", "openai", "OpenAI is back after 1.2 s · 3 turns carried over")]
    [InlineData(SwitchCause.Recycled, "openai", "openai", "The connection to OpenAI was renewed before its time limit · 3 turns carried over")]
    [InlineData(SwitchCause.RolledBack, "gemini", "openai", "OpenAI has the call again after 1.2 s · 3 turns carried over")]
    public void A_change_of_hands_says_why(SwitchCause cause, string from, string to, string expected) =>
        Assert.Equal(expected, ProviderWords.Of(new ProviderSwitched(from, to, cause, "", "server", 1200, 0, 3, 0)));

    [Theory]
    [InlineData("openai", "gemini", "Gemini did not take over; the call stays with OpenAI")]
    [InlineData("openai", "openai", "The connection to OpenAI could not be renewed; the call goes on with the old one")]
    [InlineData("", "openai", "OpenAI did not take the call")]
    public void A_change_that_did_not_come_about_says_who_has_the_call(string from, string to, string expected) =>
        Assert.Equal(expected, ProviderWords.Of(new ProviderSwitchFailed(from, to, "")));

    [Fact]
    public void A_switch_with_nothing_said_before_carries_nothing() =>
        Assert.Equal(
            "Continued on Gemini after 80 ms",
            ProviderWords.Of(new ProviderSwitched("openai", "gemini", SwitchCause.Failover, "", "server", 80, 0, 0, 0)));
}
