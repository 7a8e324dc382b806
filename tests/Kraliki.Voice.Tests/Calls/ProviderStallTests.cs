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
        for (int i = 0; i < 9; i++)
        {
            call.CallerSpeaks(2_000).After(400);
        }

        call.Provider.Events.Closed(ProviderEnd.Lost, "gone");
        _second.Events.Connected("s2", null);
        Assert.InRange(_second.FramesHeard, 25 + (9 * 120), 26 + (9 * 120));
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
