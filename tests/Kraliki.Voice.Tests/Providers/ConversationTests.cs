using Kraliki.Contracts;
using Conversation = Kraliki.Voice.Providers.Conversation;

namespace Kraliki.Voice.Tests.Providers;

/// <summary>What a provider is told of a conversation that is longer than its share.</summary>
public sealed class ConversationTests
{
    private readonly Conversation _conversation = new();

    [Fact]
    public void What_a_caller_would_not_like_to_say_twice_outlives_hours_of_small_talk()
    {
        Say("My booking number is 4711.");
        Say("Write to jan.novak@example.org, please.");
        _conversation.Add(new ToolCalled("t1", "look_up", "{}", """{"trip":"Vienna"}"""));
        for (int i = 0; i < 400; i++)
        {
            Say("And what would you say about the weather, is it going to be fine there in the week after the next one?");
        }

        var told = _conversation.Within(500);
        Assert.Contains("4711", told.Summary, StringComparison.Ordinal);
        Assert.Contains("jan.novak@example.org", told.Summary, StringComparison.Ordinal);
        Assert.Contains("Vienna", told.Summary, StringComparison.Ordinal);
        Assert.InRange(told.Summary!.Length, 3_000, 4_200);
        Assert.InRange(told.Recent.Count, 10, 20);
        Assert.StartsWith("Caller: My booking number is 4711.\n", told.Summary, StringComparison.Ordinal);
    }

    [Fact]
    public void The_result_that_is_waited_for_is_told_however_long_it_is()
    {
        Say("What do you know about my trip?");
        _conversation.Add(new ToolCalled("t1", "look_up", "{}", new string('x', 20_000)));
        Assert.Equal(2, _conversation.Within(100).Recent.Count);
    }

    [Fact]
    public void A_short_conversation_is_told_word_for_word_and_nothing_of_it_recalled()
    {
        Say("Hello.");
        Assert.Null(_conversation.Within(500).Summary);
        Assert.Null(_conversation.Recap(500));
    }

    private void Say(string words) => _conversation.Add(new TurnFinished($"c{_conversation.Count}", LegRole.Caller, words, 0, 0));
}
