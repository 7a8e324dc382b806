using Kraliki.Contracts;
using Kraliki.Server.Insights;

namespace Kraliki.Server.Tests.Insights;

public sealed class OpenSuggestionsTests
{
    private readonly OpenSuggestions _suggestions = new();

    [Fact]
    public void A_fourth_suggestion_takes_the_oldests_place()
    {
        foreach (var text in new[] { "one", "two", "three" })
        {
            Make(text);
        }

        var facts = Make("four");

        Assert.Equal([new SuggestionDecided("one", SuggestionDecision.Expired, null, "server"), Card("four")], facts);
        Assert.Null(_suggestions.Find("one"));
        Assert.NotNull(_suggestions.Find("two"));
    }

    [Fact]
    public void The_same_advice_is_not_given_twice_until_it_was_decided_about()
    {
        Make("one");
        Assert.Empty(Make("one"));
        _suggestions.Apply(new SuggestionDecided("one", SuggestionDecision.Dismissed, null, "a@b.example"));
        Assert.Null(_suggestions.Find("one"));
        Assert.Single(Make("one"));
    }

    private static SuggestionMade Card(string text) => new(text, SuggestionCategory.Reply, text, "Because.", "local", "t1");

    private List<SessionFact> Make(string text)
    {
        var facts = _suggestions.Admit(Card(text)).ToList();
        facts.ForEach(_suggestions.Apply);
        return facts;
    }
}
