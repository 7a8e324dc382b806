using Kraliki.Contracts;
using Kraliki.Voice.Calls;
using Kraliki.Voice.Providers;

namespace Kraliki.Voice.Tests.Calls;

/// <summary>Providers that fall silent on an open connection: when that is noticed, and what the caller said meanwhile.</summary>
public sealed class ProviderStallTests
{
    private readonly ScriptedProvider _second = new() { Name = "second" };
    private readonly ScriptedProvider _third = new() { Name = "third" };

    [Fact]
    public void A_provider_that_falls_silent_when_it_is_its_turn_is_replaced()
    {
        var call = Answered().CallerStarts("c1").After(500).CallerStops("c1", "Hello?").After(4_800);
        Assert.Empty(call.Sink.Facts.OfType<ProviderFailed>());
        call.After(400);
        Assert.Equal(ProviderFailure.Stalled, Assert.Single(call.Sink.Facts.OfType<ProviderFailed>()).Failure);
        Assert.Contains("close", call.Provider.Asked);
        _second.Events.Connected("s2", null);
        call.After(400);
        Assert.Equal(["pick up and answer: "], _second.Asked);
    }

    [Fact]
    public void A_provider_that_dies_in_the_middle_of_a_sentence_without_a_word_is_replaced()
    {
        var call = Answered().CallerStarts("c1").After(500).CallerStops("c1", "Hello?").AgentSays("a1", "Good morning and", 1_000, done: false).After(5_300);
        Assert.Equal(ProviderFailure.Stalled, Assert.Single(call.Sink.Facts.OfType<ProviderFailed>()).Failure);
    }

    [Fact]
    public void A_provider_that_does_not_hear_the_caller_at_all_is_replaced_and_the_words_are_heard_by_the_next()
    {
        var call = Answered().After(2_000);
        call.CallerSpeaks(1_000).After(5_700);
        Assert.Equal(ProviderFailure.Stalled, Assert.Single(call.Sink.Facts.OfType<ProviderFailed>()).Failure);
        _second.Events.Connected("s2", null);
        Assert.True(_second.FramesHeard > 50 + 250, $"Only {_second.FramesHeard} frames: not the words.");
    }

    [Fact]
    public void Words_that_are_heard_again_are_written_down_with_the_time_when_they_were_said()
    {
        var call = Answered().After(2_000);
        call.CallerSpeaks(1_000).After(5_700);
        Assert.Equal(ProviderFailure.Stalled, Assert.Single(call.Sink.Facts.OfType<ProviderFailed>()).Failure);
        call.After(300);
        _second.Events.Connected("s2", null);
        _second.Events.SpeechStarted("x1");
        _second.Events.SpeechStopped("x1");
        _second.Events.CallerFinal("x1", "Can you hear me?", 0.9);

        var turn = Assert.Single(call.Sink.Turns);
        Assert.InRange(turn.StartMs, 1_700, 2_200);
        Assert.InRange(turn.EndMs, 2_800, 3_300);
    }

    [Fact]
    public void The_end_of_a_cancelled_answer_is_not_the_answer_that_is_owed()
    {
        var call = Answered().AgentSays("a1", "A long story about nothing at all.", 4_000, done: false).After(500).CallerStarts("c1").After(700);
        call.CallerStops("c1", "Stop, what does it cost?");
        call.Provider.Events.AnswerDone("a1", "A long story", cancelled: true);
        call.After(6_000);
        Assert.Equal(ProviderFailure.Stalled, Assert.Single(call.Sink.Facts.OfType<ProviderFailed>()).Failure);
    }

    [Fact]
    public void A_provider_that_falls_silent_while_the_caller_speaks_is_replaced_and_his_words_are_heard_by_the_next()
    {
        var call = Answered().After(2_000).CallerSpeaks(300).CallerStarts("c1").CallerSpeaks(700).After(5_000);
        Assert.Empty(call.Sink.Facts.OfType<ProviderFailed>());
        call.After(700);
        Assert.Equal(ProviderFailure.Stalled, Assert.Single(call.Sink.Facts.OfType<ProviderFailed>()).Failure);
        _second.Events.Connected("s2", null);
        Assert.True(_second.FramesHeard > 50 + 250, $"Only {_second.FramesHeard} frames: not the words.");
    }

    [Fact]
    public void A_provider_that_notices_the_caller_when_he_is_done_and_falls_silent_then_is_replaced()
    {
        var call = Answered().After(2_000).CallerSpeaks(1_000).After(800).CallerStarts("c1").After(4_900);
        Assert.Empty(call.Sink.Facts.OfType<ProviderFailed>());
        call.After(200);
        Assert.Equal(ProviderFailure.Stalled, Assert.Single(call.Sink.Facts.OfType<ProviderFailed>()).Failure);
    }

    [Fact]
    public void Two_that_fall_silent_over_the_same_words_are_both_replaced()
    {
        var call = Answered().After(2_000).CallerSpeaks(1_000).After(5_700);
        _second.Events.Connected("s2", null);
        _second.Events.SpeechStarted("x1");
        call.After(5_100);
        Assert.Equal(["scripted", "second"], call.Sink.Facts.OfType<ProviderFailed>().Select(failed => failed.Provider));
        _third.Events.Connected("s3", null);
        Assert.True(_third.FramesHeard > 50 + 500, $"Only {_third.FramesHeard} frames: not the words.");
    }

    [Fact]
    public void A_caller_who_takes_his_time_takes_nobody_down()
    {
        var call = Answered().After(2_000).CallerSpeaks(300).CallerStarts("c1").CallerSpeaks(700).After(4_000).CallerSpeaks(2_000).After(4_000).CallerSpeaks(2_000).After(4_500);
        Assert.Empty(call.Sink.Facts.OfType<ProviderFailed>());

        // An earlier turn's text ends nothing; a word of this one shows that it is heard.
        call.Provider.Events.CallerFinal("c0", "Before that.", 0.9);
        call.Provider.Events.CallerPartial("c1", "I would like");
        call.After(4_900);
        Assert.Empty(call.Sink.Facts.OfType<ProviderFailed>());
        call.After(200);
        Assert.Equal(ProviderFailure.Stalled, Assert.Single(call.Sink.Facts.OfType<ProviderFailed>()).Failure);
    }

    [Fact]
    public void A_provider_that_listens_for_what_is_meant_may_wait_longer_for_the_end_of_a_turn_and_no_longer_to_notice_one()
    {
        var open = Answered(patience: TimeSpan.FromSeconds(4)).After(2_000).CallerSpeaks(300).CallerStarts("c1").CallerSpeaks(700).After(9_000);
        Assert.Empty(open.Sink.Facts.OfType<ProviderFailed>());
        open.After(700);
        Assert.Single(open.Sink.Facts.OfType<ProviderFailed>());

        var deaf = Answered(patience: TimeSpan.FromSeconds(4)).After(2_000).CallerSpeaks(1_000).After(5_700);
        Assert.Single(deaf.Sink.Facts.OfType<ProviderFailed>());
    }

    [Fact]
    public void A_long_sentence_is_heard_again_from_its_beginning()
    {
        var call = Answered().After(30_000).CallerStarts("c1");
        call.CallerTalks(20_000).Provider.Events.Closed(ProviderEnd.Lost, "gone");
        _second.Events.Connected("s2", null);
        Assert.InRange(_second.FramesHeard, 25 + 1_000, 26 + 1_000);
    }

    [Theory]
    [InlineData(1_500, "")]
    [InlineData(300, "")]
    [InlineData(1_500, "Hello?")]
    public void Neither_a_short_word_nor_another_one_after_it_hides_a_silent_provider(int words, string after)
    {
        var call = Answered().After(2_000).CallerStarts("c1").CallerSpeaks(words);
        if (after.Length > 0)
        {
            call.After(2_000).CallerSpeaks(400);
        }

        call.After(5_700);
        Assert.Equal(ProviderFailure.Stalled, Assert.Single(call.Sink.Facts.OfType<ProviderFailed>()).Failure);
    }

    [Fact]
    public void A_caller_who_asks_again_and_again_does_not_hide_a_silent_provider()
    {
        // Whose ear for turns is in this process goes on noticing him when its connection is dead.
        var call = Answered();
        for (int i = 0; i < 4; i++)
        {
            call.CallerStarts($"c{i}").CallerSpeaks(400).After(600).CallerStops($"c{i}").After(2_000);
        }

        Assert.Equal(ProviderFailure.Stalled, Assert.Single(call.Sink.Facts.OfType<ProviderFailed>()).Failure);
    }

    [Fact]
    public void A_caller_who_speaks_on_before_he_is_answered_is_waited_for()
    {
        // A vendor that takes the first sound for the beginning of the sentence says nothing about the second.
        var call = Answered().After(2_000).CallerStarts("c1").CallerSpeaks(300).After(500).CallerStops("c1").After(2_500).CallerTalks(2_000).After(3_500);
        Assert.Empty(call.Sink.Facts.OfType<ProviderFailed>());
        call.After(2_500);
        Assert.Single(call.Sink.Facts.OfType<ProviderFailed>());
    }

    [Fact]
    public void A_long_interruption_takes_nobody_down()
    {
        var call = Answered().AgentSays("a1", "A long story about nothing at all.", 20_000, done: false).After(500).CallerStarts("c1");
        call.CallerTalks(12_000).CallerStops("c1", "That is not what I asked for.").After(4_500);
        Assert.Empty(call.Sink.Facts.OfType<ProviderFailed>());
    }

    [Fact]
    public void A_sound_that_nobody_takes_for_words_takes_one_provider_down_and_not_all()
    {
        var call = Answered().After(2_000).CallerSpeaks(1_000).After(5_700);
        _second.Events.Connected("s2", null);
        call.After(30_000);
        Assert.Equal("scripted", Assert.Single(call.Sink.Facts.OfType<ProviderFailed>()).Provider);
    }

    [Fact]
    public void A_provider_that_takes_over_in_the_middle_of_a_sentence_and_says_nothing_is_replaced()
    {
        var call = Answered().After(2_000).CallerSpeaks(300).CallerStarts("c1").CallerSpeaks(500);
        call.Provider.Events.Closed(ProviderEnd.Lost, "gone");
        _second.Events.Connected("s2", null);
        call.CallerSpeaks(1_000).After(5_700);
        Assert.Equal(["scripted", "second"], call.Sink.Facts.OfType<ProviderFailed>().Select(failed => failed.Provider));
    }

    [Fact]
    public void All_that_a_deaf_provider_did_not_hear_is_told_to_the_next()
    {
        var call = Answered().After(2_000).CallerSpeaks(2_000).After(3_000).CallerSpeaks(800).After(2_400);
        Assert.Equal(ProviderFailure.Stalled, Assert.Single(call.Sink.Facts.OfType<ProviderFailed>()).Failure);
        _second.Events.Connected("s2", null);
        Assert.True(_second.FramesHeard > 100 + 150 + 40, $"Only {_second.FramesHeard} frames: not the first words.");
    }

    [Theory]
    [InlineData(5_000)]
    [InlineData(30_000)]
    public void Words_said_after_a_takeover_are_not_dated_back_to_it(int later)
    {
        var call = Answered().CallerSpeaks(500).After(1_500);
        call.Provider.Events.Closed(ProviderEnd.Lost, "gone");
        _second.Events.Connected("s2", null);
        call.After(later).CallerSpeaks(200);
        _second.Events.SpeechStarted("x1");
        call.CallerSpeaks(800);
        _second.Events.SpeechStopped("x1");
        _second.Events.CallerFinal("x1", "Good morning.", 0.9);
        Assert.InRange(Assert.Single(call.Sink.Turns).StartMs, later + 1_500, later + 2_300);
    }

    [Fact]
    public void Frames_that_a_provider_heard_before_it_died_are_not_counted_as_unheard()
    {
        var call = Answered().After(2_000).CallerStarts("c1");
        call.CallerTalks(50_000).Provider.Events.Closed(ProviderEnd.Lost, "gone");
        _second.Events.Connected("s2", null);
        Assert.Equal(2_000, _second.FramesHeard);
        call.Loop.Post(new EndCall(EndReason.OperatorEnded, "Done."));
        _second.Events.Closed(ProviderEnd.Requested, "");
        call.Provider.Events.Closed(ProviderEnd.Requested, "");
        call.After(2_000);
        Assert.Equal(0, call.Sink.Ended.FramesDropped);
    }

    [Fact]
    public void A_provider_that_waits_for_the_slower_of_two_tools_is_not_silent()
    {
        var call = Answered();
        call.Loop.Post(new OfferTools([new CallTool("look_up", "Looks up.")]));
        call.Provider.Events.ToolCall("t1", "look_up", "{}");
        call.Provider.Events.ToolCall("t2", "look_up", "{}");
        call.Loop.Post(new ProvideToolResult("t1", "\"Berlin\""));
        call.After(6_000);
        Assert.Empty(call.Sink.Facts.OfType<ProviderFailed>());
        call.Loop.Post(new ProvideToolResult("t2", "\"Paris\""));
        call.After(5_100);
        Assert.Single(call.Sink.Facts.OfType<ProviderFailed>());
    }

    [Fact]
    public void A_provider_that_dies_while_a_cough_is_judged_still_owes_the_rest_of_its_answer()
    {
        var call = Answered().AgentSays("a1", "We are open from nine", 2_000, done: false).After(500).CallerStarts("c1").After(300).CallerStops("c1", "").After(5_200);
        Assert.Equal(ProviderFailure.Stalled, Assert.Single(call.Sink.Facts.OfType<ProviderFailed>()).Failure);
    }

    private TestCall Answered(TimeSpan patience = default)
    {
        var call = new TestCall(history: [new("h1", LegRole.Ai, "Good morning.", 0, 900)], providers: first =>
        {
            first.Capabilities = first.Capabilities with { TurnPatience = patience };
            return ProviderOrder.Only(first) with { Providers = [first, _second, _third], StallLimit = TimeSpan.FromSeconds(5), Failover = true };
        });
        call.Carrier.Start();
        call.Provider.Events.Connected("s1", "model-1");
        return call;
    }
}
