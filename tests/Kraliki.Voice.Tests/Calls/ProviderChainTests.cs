using Kraliki.Contracts;
using Kraliki.Voice.Calls;
using Kraliki.Voice.Providers;

namespace Kraliki.Voice.Tests.Calls;

/// <summary>No provider can take a call down: who takes over, when, and what is known then.</summary>
public sealed class ProviderChainTests
{
    private readonly ScriptedProvider _second = new() { Name = "second" };
    private readonly ScriptedProvider _third = new() { Name = "third" };
    private readonly Breakers _breakers = new();

    [Fact]
    public void When_a_provider_dies_the_next_one_has_the_call_at_once_and_the_caller_is_not_cut_off()
    {
        var call = Answered().AgentSays("a1", "We are open from nine to five.", 3_000).After(1_000);
        call.Provider.Events.Closed(ProviderEnd.Lost, "gone");
        _second.Events.Connected("s2", "model-2");
        call.After(2_500);

        Assert.False(call.Outcome.IsCompleted);
        Assert.DoesNotContain("clear", call.Carrier.Received);
        Assert.Equal(3_000 * 8, call.Carrier.BytesPlayed);
        var failed = Assert.Single(call.Sink.Facts.OfType<ProviderFailed>());
        Assert.Equal(("scripted", ProviderFailure.Lost), (failed.Provider, failed.Failure));
        var switched = Assert.Single(call.Sink.Facts.OfType<ProviderSwitched>());
        Assert.Equal(("scripted", "second", SwitchCause.Failover, 0), (switched.From, switched.To, switched.Cause, switched.TookMs));
        Assert.Equal(["Lost scripted"], _breakers.Told);

        // It was the caller's turn: nobody says anything. What he still hears is told, or his "yes" would mean nothing.
        Assert.Equal(["remember We are open from nine to five."], _second.Asked);
        Assert.Equal("We are open from nine to five.", Assert.Single(call.Sink.Turns).Text);
    }

    [Fact]
    public void Words_that_were_not_written_down_are_heard_again_by_the_next_one_and_told_once()
    {
        var call = Answered().After(2_000).CallerStarts("c1").After(1_000);
        call.Provider.Events.CallerPartial("c1", "I want to");
        call.Provider.Events.Closed(ProviderEnd.Lost, "gone");
        call.After(200);
        _second.Events.Connected("s2", null);

        // Half a second before the provider noticed it, one second of speech, a fifth of a second without anybody.
        Assert.InRange(_second.FramesHeard, 85, 86);
        _second.Events.SpeechStarted("x1");
        _second.Events.SpeechStopped("x1");
        _second.Events.CallerFinal("x1", "I want to book a trip.", 0.9);
        call.Provider.Events.CallerFinal("c1", "I want to", 0.9);
        var turn = Assert.Single(call.Sink.Turns);
        Assert.Equal("I want to book a trip.", turn.Text);
        Assert.False(turn.Interrupted);
        call.After(3_000);
        Assert.Empty(_second.Asked);
    }

    [Theory]
    [InlineData(1, 400)]
    [InlineData(2, 800)]
    public void Words_that_a_provider_noticed_only_when_they_were_over_are_heard_again_from_their_beginning(int words, int milliseconds)
    {
        var call = Answered().After(2_000);
        for (int word = 0; word < words; word++)
        {
            call.CallerSpeaks(milliseconds).After(1_000);
        }

        call.CallerStarts("c1");
        call.Provider.Events.Closed(ProviderEnd.Lost, "gone");
        _second.Events.Connected("s2", null);

        // A fraction of a second before them, the words, the silence since.
        int said = words * (milliseconds + 1_000) / 20;
        Assert.InRange(_second.FramesHeard, said, said + 27);
        _second.Events.SpeechStarted("x1");
        _second.Events.SpeechStopped("x1");
        _second.Events.CallerFinal("x1", "Yes.", 0.9);
        Assert.Equal(2_000, Assert.Single(call.Sink.Turns).StartMs, 100.0);
    }

    [Fact]
    public void Two_that_die_in_one_utterance_lose_nothing_of_it()
    {
        var call = Answered().After(2_000).CallerStarts("c1").After(1_000);
        call.Provider.Events.Closed(ProviderEnd.Lost, "gone");
        call.After(100);
        _second.Events.Connected("s2", null);
        call.After(100);
        _second.Events.SpeechStarted("x1");
        call.After(300);
        _second.Events.Closed(ProviderEnd.Error, "gone too");
        call.After(100);
        _third.Events.Connected("s3", null);

        Assert.InRange(_third.FramesHeard, 25 + 50 + 30, 25 + 50 + 31);
        Assert.Equal(["Lost scripted", "Error second"], _breakers.Told);
        Assert.Equal(["second", "third"], call.Sink.Facts.OfType<ProviderSwitched>().Select(fact => fact.To));
    }

    [Fact]
    public void An_answer_that_is_due_is_asked_of_the_next_one()
    {
        var call = Answered().CallerStarts("c1").After(500).CallerStops("c1", "What does it cost?").After(300);
        call.Provider.Events.Closed(ProviderEnd.Lost, "gone");
        _second.Events.Connected("s2", null);
        call.After(400);
        Assert.Equal(["pick up and answer: "], _second.Asked);
        Assert.Equal("What does it cost?", Assert.IsType<TurnFinished>(_second.Setup!.Conversation.Recent[^1]).Text);
    }

    [Fact]
    public void A_reply_that_is_cut_off_is_heard_out_and_continued_where_it_stops()
    {
        var call = Answered().CallerStarts("c1").After(500).CallerStops("c1", "When are you open?")
            .AgentSays("a1", "We are open from nine", 1_500, done: false).After(500);
        call.Provider.Events.Closed(ProviderEnd.Lost, "gone");
        call.After(100);
        _second.Events.Connected("s2", null);
        Assert.Equal(["remember We are open from nine", "pick up and continue: "], _second.Asked);

        _second.Events.AnswerText("b1", "to five.");
        _second.Events.AnswerAudio("b1", TestCall.Speech(800));
        _second.Events.AnswerDone("b1", "to five.", cancelled: false);
        call.After(2_500);
        Assert.Equal(2_300 * 8, call.Carrier.BytesPlayed);
        Assert.Equal(["When are you open?", "We are open from nine", "to five."], call.Sink.Turns.Select(turn => turn.Text));
        Assert.Equal([false, true, false], call.Sink.Turns.Select(turn => turn.Interrupted));
    }

    [Fact]
    public void A_reply_of_which_no_word_was_understood_is_given_from_its_beginning()
    {
        var call = Answered().CallerStarts("c1").After(500).CallerStops("c1", "When are you open?");
        call.Provider.Events.AnswerText("a1", "Unfortunately not.");
        call.Provider.Events.AnswerAudio("a1", TestCall.Speech(100));
        call.Provider.Events.Closed(ProviderEnd.Lost, "gone");
        _second.Events.Connected("s2", null);
        call.After(1_000);

        Assert.Equal(["pick up and answer: "], _second.Asked);
        Assert.Equal("When are you open?", Assert.Single(call.Sink.Turns).Text);

        // Whoever watches has seen it coming.
        Assert.Equal("", call.Sink.Partials.Last(partial => partial.TurnId == "a1").Text);
    }

    [Fact]
    public void Words_that_were_never_spoken_are_not_said_to_be_heard()
    {
        var call = Answered().CallerStarts("c1").After(500).CallerStops("c1", "When are you open?");
        call.Provider.Events.AnswerText("a1", "We are open from nine to five on all days of the week and on Sundays we are closed.");
        call.Provider.Events.AnswerAudio("a1", TestCall.Speech(1_000));
        call.Provider.Events.Closed(ProviderEnd.Lost, "gone");
        _second.Events.Connected("s2", null);
        Assert.Equal("remember We are open from", _second.Asked[0]);
    }

    [Fact]
    public void A_short_word_that_a_dying_connection_did_not_notice_is_heard_by_the_next()
    {
        var call = Answered().After(2_000);
        call.CallerSpeaks(300).After(900);
        call.Provider.Events.Closed(ProviderEnd.Lost, "gone");
        _second.Events.Connected("s2", null);
        Assert.InRange(_second.FramesHeard, 25 + 15 + 45, 25 + 15 + 47);
    }

    [Fact]
    public void A_caller_who_waits_for_somebody_to_take_over_is_asked_once_for_a_moment()
    {
        var call = Answered(only: true).AgentSays("a1", "We are open from nine to five.", 1_000).After(1_200);
        long before = call.Carrier.BytesPlayed;
        call.Provider.Events.Closed(ProviderEnd.Lost, "gone");
        call.After(1_300);
        call.Provider.Events.Closed(ProviderEnd.Lost, "gone again");
        Assert.Equal(before, call.Carrier.BytesPlayed);
        call.After(2_000);
        Assert.Equal(before + 10_720, call.Carrier.BytesPlayed);
        call.Provider.Events.Connected("s2", null);
        call.After(3_000);
        Assert.Equal(before + 10_720, call.Carrier.BytesPlayed);
        Assert.Equal(["We are open from nine to five.", "One moment, please."], call.Sink.Turns.Select(turn => turn.Text));
    }

    [Fact]
    public void What_an_operator_told_the_one_before_is_known_to_the_next()
    {
        var call = Answered();
        call.Loop.Post(new InstructProvider("Offer a discount."));
        call.Provider.Events.Closed(ProviderEnd.Lost, "gone");
        Assert.Equal("Offer a discount.", Assert.Single(_second.Setup!.Conversation.Recent.OfType<OperatorText>()).Text);
    }

    [Fact]
    public void Another_order_counts_from_the_next_failure_on()
    {
        var call = Answered();
        call.Loop.Post(new ReplaceOrder(new ProviderOrder([call.Provider, _third], _breakers, TimeSpan.FromSeconds(5))));
        call.Provider.Events.Closed(ProviderEnd.Lost, "gone");
        Assert.Null(_second.Setup);
        Assert.NotNull(_third.Setup);
    }

    [Fact]
    public void A_silent_caller_is_no_dead_provider()
    {
        var call = Answered().AgentSays("a1", "Hello.", 500).After(60_000);
        Assert.Empty(call.Sink.Facts.OfType<ProviderFailed>());
    }

    [Fact]
    public void A_breaker_that_is_open_is_passed_over()
    {
        _breakers.Open.Add("second");
        var call = Answered();
        call.Provider.Events.Closed(ProviderEnd.Lost, "gone");
        Assert.Null(_second.Setup);
        Assert.NotNull(_third.Setup);
    }

    [Fact]
    public void A_next_one_that_is_not_ready_in_time_is_not_waited_for()
    {
        var call = Answered();
        call.Provider.Events.Closed(ProviderEnd.Lost, "gone");
        call.After(3_200);
        Assert.NotNull(_third.Setup);
        _second.Events.Connected("too late", null);
        _third.Events.Connected("s3", null);
        Assert.Equal("third", Assert.Single(call.Sink.Facts.OfType<ProviderSwitched>()).To);
    }

    [Fact]
    public async Task With_nobody_left_the_same_are_tried_again_five_times_and_then_the_call_has_a_reason()
    {
        var call = Answered(only: true);
        call.Provider.Events.Closed(ProviderEnd.Lost, "gone");
        for (int i = 0; i < 5; i++)
        {
            int before = call.Provider.Connections;
            call.After(1_300 << i);
            Assert.Equal(before + 1, call.Provider.Connections);
            Assert.False(call.Outcome.IsCompleted);
            call.Provider.Events.Closed(ProviderEnd.Lost, "gone again");
        }

        call.Carrier.Close();
        call.After(6_000);
        Assert.Equal(EndReason.ConnectProviderRefused, (await call.Outcome).Reason);
    }

    [Fact]
    public void A_provider_that_comes_back_goes_on()
    {
        var call = Answered(only: true).CallerStarts("c1").After(300);
        call.Provider.Events.Closed(ProviderEnd.Lost, "gone");
        call.After(1_300);
        call.Provider.Events.Connected("s2", null);
        call.Provider.Events.SpeechStarted("c2");
        call.Provider.Events.CallerFinal("c2", "Hello?", 0.9);
        Assert.Equal("Hello?", Assert.Single(call.Sink.Turns).Text);
        Assert.Equal(SwitchCause.Failover, Assert.Single(call.Sink.Facts.OfType<ProviderSwitched>()).Cause);
    }

    [Fact]
    public void A_switch_makes_before_it_breaks_and_waits_for_the_end_of_a_sentence()
    {
        var call = Answered().CallerStarts("c1").After(400);
        call.Loop.Post(new SwitchProvider(_second, "Better voice.", "ann@example.com"));
        Assert.NotNull(_second.Setup);
        _second.Events.Connected("s2", null);
        call.After(600);
        Assert.Equal(0, _second.FramesHeard);
        call.CallerStops("c1", "What does it cost?").AgentSays("a1", "Ten euros.", 1_000).After(200);

        var switched = Assert.Single(call.Sink.Facts.OfType<ProviderSwitched>());
        Assert.Equal(("second", SwitchCause.Requested, "ann@example.com", 0), (switched.To, switched.Cause, switched.By, switched.ReplayedMs));
        Assert.Equal(["remember What does it cost?", "remember Ten euros."], _second.Asked);
        int heard = call.Provider.FramesHeard;
        call.After(1_000);
        Assert.Equal(heard, call.Provider.FramesHeard);

        // Every frame has reached one of the two.
        Assert.Equal(call.Carrier.FramesSent, call.Provider.FramesHeard + _second.FramesHeard);
        Assert.Equal(1_000 * 8, call.Carrier.BytesPlayed);
    }

    [Fact]
    public void A_word_that_the_one_before_has_not_noticed_yet_is_heard_by_the_new_one()
    {
        var call = Answered().After(2_000);
        call.CallerSpeaks(300).After(900);
        call.Loop.Post(new SwitchProvider(_second, "", "ann@example.com"));
        _second.Events.Connected("s2", null);
        call.After(200);
        Assert.InRange(_second.FramesHeard, 25 + 15 + 45, 25 + 15 + 57);
        Assert.DoesNotContain("cancel", call.Provider.Asked);
    }

    [Fact]
    public void The_one_before_is_let_go_once_the_new_one_has_proven_itself()
    {
        var call = Answered();
        call.Loop.Post(new SwitchProvider(_second, "", "ann@example.com"));
        _second.Events.Connected("s2", null);
        call.After(9_000);
        Assert.DoesNotContain("close", call.Provider.Asked);
        call.After(2_000);
        Assert.Contains("close", call.Provider.Asked);
    }

    [Fact]
    public void A_switch_to_a_provider_that_does_not_answer_is_rolled_back()
    {
        var call = Answered().After(1_000);
        call.Loop.Post(new SwitchProvider(_second, "", "ann@example.com"));
        _second.Events.Connected("s2", null);
        call.After(200);
        _second.Events.SpeechStarted("c1");
        call.After(500);
        _second.Events.SpeechStopped("c1");
        _second.Events.CallerFinal("c1", "Are you there?", 0.9);
        call.After(5_300);
        Assert.Equal([SwitchCause.Requested, SwitchCause.RolledBack], call.Sink.Facts.OfType<ProviderSwitched>().Select(fact => fact.Cause));
        Assert.Equal(["remember Are you there?", "pick up and answer: "], call.Provider.Asked);
    }

    [Fact]
    public void A_switch_to_a_provider_that_cannot_be_reached_changes_nothing()
    {
        var call = Answered().After(1_000);
        call.Loop.Post(new SwitchProvider(_second, "", "ann@example.com"));
        _second.Events.Closed(ProviderEnd.Refused, "busy");
        Assert.Equal(("scripted", "second", "busy"), Switched(Assert.Single(call.Sink.Facts.OfType<ProviderSwitchFailed>())));
        int heard = call.Provider.FramesHeard;
        call.After(1_000);
        Assert.Equal(heard + 50, call.Provider.FramesHeard);

        static (string, string, string) Switched(ProviderSwitchFailed failed) => (failed.From, failed.To, failed.Detail);
    }

    [Fact]
    public void When_the_provider_dies_during_a_switch_the_new_one_has_the_call()
    {
        var call = Answered().After(2_000).CallerStarts("c1").After(1_000);
        call.Loop.Post(new SwitchProvider(_third, "", "ann@example.com"));
        call.Provider.Events.Closed(ProviderEnd.Lost, "gone");
        Assert.Null(_second.Setup);
        _third.Events.Connected("s3", null);
        Assert.InRange(_third.FramesHeard, 75, 76);
        Assert.Equal("third", Assert.Single(call.Sink.Facts.OfType<ProviderSwitched>()).To);
    }

    [Fact]
    public void A_switch_at_once_cuts_into_an_answer_without_a_gap()
    {
        var call = Answered().CallerStarts("c1").After(500).CallerStops("c1", "Tell me all.").AgentSays("a1", "There is a lot to tell", 2_000, done: false).After(500);
        call.Loop.Post(new SwitchProvider(_second, "", "ann@example.com", AtOnce: true));
        _second.Events.Connected("s2", null);
        call.After(100);
        Assert.Contains("cancel", call.Provider.Asked);
        Assert.Equal("pick up and continue: ", _second.Asked[^1]);
        _second.Events.AnswerAudio("b1", TestCall.Speech(1_000));
        call.After(3_000);
        Assert.Equal(3_000 * 8, call.Carrier.BytesPlayed);
        Assert.DoesNotContain("clear", call.Carrier.Received);
    }

    [Fact]
    public void Words_that_were_understood_are_kept_when_the_caller_hangs_up_before_anybody_else_is_there()
    {
        var call = Answered().After(500).CallerStarts("c1").After(1_000);
        call.Provider.Events.CallerPartial("c1", "please cancel my");
        call.Provider.Events.Closed(ProviderEnd.Lost, "gone");
        call.Carrier.HangUp();
        call.After(10_000);
        var turn = Assert.Single(call.Sink.Turns);
        Assert.Equal(("please cancel my", true), (turn.Text, turn.Interrupted));
    }

    [Fact]
    public void A_monologue_that_has_outgrown_the_tape_is_not_taken_from_the_only_one_who_heard_it()
    {
        var call = Answered().CallerStarts("c1").CallerTalks(42_000);
        call.Loop.Post(new SwitchProvider(_second, "Better voice.", "ann@example.com"));
        _second.Events.Connected("s2", null);
        call.CallerTalks(12_000);
        Assert.Empty(call.Sink.Facts.OfType<ProviderSwitched>());
        call.CallerStops("c1", "A very long story.").After(200);
        Assert.Single(call.Sink.Facts.OfType<ProviderSwitched>());
        Assert.Equal("A very long story.", Assert.Single(call.Sink.Turns).Text);
    }

    [Fact]
    public void A_monologue_whose_provider_dies_keeps_what_was_understood_of_it()
    {
        var call = Answered().CallerStarts("c1").CallerTalks(42_000);
        call.Provider.Events.CallerPartial("c1", "It began in the year when");
        call.Provider.Events.Closed(ProviderEnd.Lost, "gone");
        _second.Events.Connected("s2", null);
        Assert.Contains(_second.Setup!.Conversation.Recent.OfType<TurnFinished>(), turn => turn.Text == "It began in the year when");
        Assert.Equal("It began in the year when", Assert.Single(call.Sink.Turns).Text);
        Assert.InRange(_second.FramesHeard, 100, 101);
    }

    [Fact]
    public void Of_two_switches_one_after_the_other_the_first_ones_provider_is_let_go()
    {
        var call = Answered();
        call.Loop.Post(new SwitchProvider(_second, "", "ann@example.com"));
        _second.Events.Connected("s2", null);
        call.After(200);
        call.Loop.Post(new SwitchProvider(_third, "", "ann@example.com"));
        _third.Events.Connected("s3", null);
        call.After(200);
        Assert.Contains("close", call.Provider.Asked);
        Assert.DoesNotContain("close", _second.Asked);
        call.Provider.Events.Closed(ProviderEnd.Lost, "gone");
        Assert.Empty(call.Sink.Facts.OfType<ProviderFailed>());
        Assert.Empty(_breakers.Told);
    }

    [Fact]
    public void A_fresh_connection_that_does_not_come_about_is_not_tried_for_at_once()
    {
        var call = Answered(only: true);
        var first = call.Provider.Events;
        first.Expiring(TimeSpan.FromSeconds(50));
        call.Provider.Events.Closed(ProviderEnd.Refused, "too many");
        for (int left = 49; left > 35; left--)
        {
            call.After(1_000);
            first.Expiring(TimeSpan.FromSeconds(left));
        }

        Assert.Equal(2, call.Provider.Connections);
        call.After(2_000);
        first.Expiring(TimeSpan.FromSeconds(34));
        Assert.Equal(3, call.Provider.Connections);
    }

    [Fact]
    public void Tools_that_are_taken_away_while_a_connection_is_made_are_not_offered_by_it()
    {
        var call = Answered();
        call.Loop.Post(new SwitchProvider(_second, "", "ann@example.com"));
        call.Loop.Post(new OfferTools([]));
        _second.Events.Connected("s2", null);
        call.After(200);
        Assert.Contains("offer", _second.Asked);
    }

    [Fact]
    public void A_cough_over_an_answer_whose_provider_dies_does_not_stop_the_answer()
    {
        var call = Answered().AgentSays("a1", "A long story about nothing at all.", 4_000).After(500).CallerStarts("c1").After(200).CallerStops("c1");
        call.Provider.Events.Closed(ProviderEnd.Lost, "gone");
        _second.Events.Connected("s2", null);
        Assert.Equal(["remember A long story about nothing at all.", "hold"], _second.Asked[..2]);
        call.After(6_000);
        Assert.Contains("resume and forget", _second.Asked);
        Assert.Equal("A long story about nothing at all.", Assert.Single(call.Sink.Turns).Text);
    }

    [Fact]
    public void An_interruption_whose_provider_dies_is_one_and_is_answered_by_the_next()
    {
        var call = Answered().AgentSays("a1", "A long story about nothing at all.", 4_000).After(500).CallerStarts("c1").After(300);
        call.Provider.Events.Closed(ProviderEnd.Lost, "gone");
        _second.Events.Connected("s2", null);
        call.After(300);
        _second.Events.SpeechStarted("x1");
        _second.Events.CallerPartial("x1", "stop please");
        Assert.Single(call.Sink.Facts.OfType<BargeIn>());
        Assert.Contains("resume and answer", _second.Asked);
    }

    [Fact]
    public void The_result_of_a_tool_reaches_whoever_has_the_call_and_reaches_him_once()
    {
        var call = Answered();
        call.Loop.Post(new OfferTools([new CallTool("look_up", "Looks up.")]));
        call.CallerStarts("c1").After(300).CallerStops("c1", "Where is my parcel?");
        call.Provider.Events.ToolCall("t1", "look_up", "{}");
        call.Provider.Events.Closed(ProviderEnd.Lost, "gone");
        _second.Events.Connected("s2", null);
        call.Loop.Post(new ProvideToolResult("t1", "\"Berlin\""));
        call.Loop.Post(new ProvideToolResult("t1", "\"Berlin\""));
        Assert.Equal(["tool t1 \"Berlin\""], _second.Asked);
        Assert.Equal([null, "\"Berlin\""], call.Sink.Facts.OfType<ToolCalled>().Select(fact => fact.Result));
    }

    [Fact]
    public void A_result_that_comes_while_nobody_has_the_call_is_told_with_the_conversation()
    {
        var call = Answered(only: true);
        call.Loop.Post(new OfferTools([new CallTool("look_up", "Looks up.")]));
        call.CallerStarts("c1").After(300).CallerStops("c1", "Where is my parcel?");
        call.Provider.Events.ToolCall("t1", "look_up", "{}");
        call.Provider.Events.Closed(ProviderEnd.Lost, "gone");
        call.Loop.Post(new ProvideToolResult("t1", "\"Berlin\""));
        call.After(1_300);
        call.Provider.Asked.Clear();
        call.Provider.Events.Connected("s2", null);
        call.After(400);
        Assert.Equal("\"Berlin\"", call.Provider.Setup!.Conversation.Recent.OfType<ToolCalled>().Single(fact => fact.Result is not null).Result);
        Assert.Equal(["pick up and answer: "], call.Provider.Asked);
    }

    [Fact]
    public void A_connection_that_reaches_its_end_is_exchanged_before()
    {
        var call = Answered(only: true).After(1_000);
        var first = call.Provider.Events;
        first.Expiring(TimeSpan.FromSeconds(50));
        Assert.Equal(2, call.Provider.Connections);
        call.Provider.Events.Connected("s2", null);
        call.After(300);
        first.Closed(ProviderEnd.Expired, "over");
        Assert.Equal(SwitchCause.Recycled, Assert.Single(call.Sink.Facts.OfType<ProviderSwitched>()).Cause);
        Assert.Empty(call.Sink.Facts.OfType<ProviderFailed>());
        int heard = call.Provider.FramesHeard;
        call.After(1_000);
        Assert.Equal(heard + 50, call.Provider.FramesHeard);
    }

    [Fact]
    public void A_fresh_connection_that_does_not_come_about_has_not_lost_the_call()
    {
        var call = Answered(only: true).After(1_000);
        var first = call.Provider.Events;
        first.Expiring(TimeSpan.FromSeconds(50));
        call.Provider.Events.Closed(ProviderEnd.Refused, "full");
        Assert.False(Assert.Single(call.Sink.Facts.OfType<ProviderFailed>()).HadCall);
        Assert.Equal(("scripted", "scripted"), Assert.Single(call.Sink.Facts.OfType<ProviderSwitchFailed>()) is var kept ? (kept.From, kept.To) : default);

        first.Closed(ProviderEnd.Lost, "gone");
        Assert.True(call.Sink.Facts.OfType<ProviderFailed>().Last().HadCall);
    }

    [Fact]
    public void An_answer_that_the_provider_cannot_give_is_given_by_the_next()
    {
        var call = Answered().CallerStarts("c1").After(500).CallerStops("c1", "What does it cost?");
        call.Provider.Events.AnswerFailed("rate_limit_exceeded", "Slow down.");
        _second.Events.Connected("s2", null);
        call.After(400);
        Assert.Equal(["pick up and answer: "], _second.Asked);
    }

    [Fact]
    public void A_model_that_asks_for_tools_without_end_loses_the_call()
    {
        var call = Answered().CallerStarts("c1").After(500).CallerStops("c1", "What does it cost?");
        for (int i = 0; i < 4; i++)
        {
            call.Provider.Events.ToolCall($"t{i}", "teleport", "{}");
        }

        Assert.Equal(3, call.Sink.Facts.OfType<ToolCalled>().Count());
        Assert.Equal(ProviderFailure.Error, Assert.Single(call.Sink.Facts.OfType<ProviderFailed>()).Failure);
    }

    [Fact]
    public void An_answer_of_words_without_a_sound_is_given_by_the_next_and_was_never_said()
    {
        var call = Answered().CallerStarts("c1").After(500).CallerStops("c1", "When are you open?");
        call.Provider.Events.AnswerText("a1", "We are open from nine to five.");
        for (int i = 0; i < 6; i++)
        {
            Assert.Empty(call.Sink.Facts.OfType<ProviderFailed>());
            call.Provider.Events.AnswerAudio("a1", TestCall.Silence(500));
        }

        Assert.Equal(ProviderFailure.Error, Assert.Single(call.Sink.Facts.OfType<ProviderFailed>()).Failure);
        _second.Events.Connected("s2", null);
        call.After(400);
        Assert.Equal(["pick up and answer: "], _second.Asked);
        _second.Events.AnswerText("b1", "From nine to five.");
        _second.Events.AnswerAudio("b1", TestCall.Speech(800));
        _second.Events.AnswerDone("b1", "From nine to five.", cancelled: false);
        call.After(2_500);
        Assert.Equal(["When are you open?", "From nine to five."], call.Sink.Turns.Select(turn => turn.Text));
    }

    [Fact]
    public void A_short_answer_without_a_sound_is_noticed_when_it_is_complete()
    {
        var call = Answered().CallerStarts("c1").After(500).CallerStops("c1", "Are you open?");
        call.Provider.Events.AnswerText("a1", "Yes.");
        call.Provider.Events.AnswerAudio("a1", TestCall.Silence(600));
        Assert.Empty(call.Sink.Facts.OfType<ProviderFailed>());
        call.Provider.Events.AnswerDone("a1", "Yes.", cancelled: false);
        Assert.Single(call.Sink.Facts.OfType<ProviderFailed>());
        _second.Events.Connected("s2", null);
        call.After(400);
        Assert.Equal(["pick up and answer: "], _second.Asked);
    }

    [Fact]
    public void A_breath_before_an_answer_is_no_silence_and_a_pause_in_it_is_none_either()
    {
        var call = Answered().CallerStarts("c1").After(500).CallerStops("c1", "When are you open?");
        call.Provider.Events.AnswerText("a1", "We are open from nine to five.");
        call.Provider.Events.AnswerAudio("a1", TestCall.Silence(1_500));
        call.Provider.Events.AnswerAudio("a1", TestCall.Speech(500));
        for (int i = 0; i < 8; i++)
        {
            call.Provider.Events.AnswerAudio("a1", TestCall.Silence(500));
        }

        call.Provider.Events.AnswerDone("a1", "We are open from nine to five.", cancelled: false);
        call.After(7_000);
        Assert.Empty(call.Sink.Facts.OfType<ProviderFailed>());
        Assert.Equal(6_000 * 8, call.Carrier.BytesPlayed);
    }

    [Fact]
    public void One_sound_over_and_over_is_no_answer()
    {
        var call = Answered().CallerStarts("c1").After(500).CallerStops("c1", "When are you open?");
        call.Provider.Events.AnswerText("a1", "We are open from nine to five.");
        var piece = TestCall.Speech(250);
        for (int i = 0; i < 3; i++)
        {
            Assert.Empty(call.Sink.Facts.OfType<ProviderFailed>());
            call.Provider.Events.AnswerAudio("a1", piece);
        }

        Assert.Single(call.Sink.Facts.OfType<ProviderFailed>());
        _second.Events.Connected("s2", null);
        call.After(400);
        Assert.Equal(["pick up and answer: "], _second.Asked);
        Assert.Equal(["When are you open?"], call.Sink.Turns.Select(turn => turn.Text));
    }

    [Fact]
    public void What_was_said_before_a_soundless_answer_is_heard_out()
    {
        var call = Answered().CallerStarts("c1").After(500).CallerStops("c1", "Where is my parcel?").AgentSays("a1", "One moment, please.", 1_000);
        call.Provider.Events.AnswerText("a2", "It is in Berlin.");
        call.Provider.Events.AnswerAudio("a2", TestCall.Silence(1_000));
        call.Provider.Events.AnswerDone("a2", "It is in Berlin.", cancelled: false);
        call.After(1_300);
        Assert.Equal(1_000 * 8, call.Carrier.BytesPlayed);
        Assert.Equal(["Where is my parcel?", "One moment, please."], call.Sink.Turns.Select(turn => turn.Text));
    }

    [Fact]
    public void A_tool_whose_provider_dies_while_it_runs_and_whose_next_one_dies_too_is_told_once_to_the_third()
    {
        var call = Answered();
        call.Loop.Post(new OfferTools([new CallTool("look_up", "Looks up.")]));
        call.CallerStarts("c1").After(300).CallerStops("c1", "Where is my parcel?");
        call.Provider.Events.ToolCall("t1", "look_up", "{}");
        call.Provider.Events.Closed(ProviderEnd.Lost, "gone");
        _second.Events.Connected("s2", null);
        call.Loop.Post(new ProvideToolResult("t1", "\"Berlin\""));
        _second.Events.Closed(ProviderEnd.Lost, "gone too");
        _third.Events.Connected("s3", null);
        call.After(400);

        Assert.Equal(["tool t1 \"Berlin\"", "close"], _second.Asked);
        Assert.Equal("\"Berlin\"", _third.Setup!.Conversation.Recent.OfType<ToolCalled>().Single(fact => fact.Result is not null).Result);
        Assert.Equal(["pick up and answer: "], _third.Asked);
        Assert.Equal([null, "\"Berlin\""], call.Sink.Facts.OfType<ToolCalled>().Select(fact => fact.Result));
    }

    [Fact]
    public void An_interruption_whose_provider_dies_while_a_switch_is_under_way_is_answered_by_the_target()
    {
        var call = Answered().AgentSays("a1", "A long story about nothing at all.", 4_000).After(500);
        call.Loop.Post(new SwitchProvider(_third, "", "ann@example.com"));
        call.CallerStarts("c1").After(300);
        call.Provider.Events.Closed(ProviderEnd.Lost, "gone");
        _third.Events.Connected("s3", null);
        call.After(300);
        _third.Events.SpeechStarted("x1");
        _third.Events.CallerPartial("x1", "stop please");

        Assert.Single(call.Sink.Facts.OfType<BargeIn>());
        Assert.Contains("resume and answer", _third.Asked);
        Assert.Null(_second.Setup);
    }

    [Fact]
    public void A_switch_whose_target_dies_right_after_it_goes_back_and_the_answer_is_asked_for_again()
    {
        var call = Answered().After(1_000);
        call.Loop.Post(new SwitchProvider(_second, "", "ann@example.com"));
        _second.Events.Connected("s2", null);
        call.After(200);
        _second.Events.SpeechStarted("c1");
        call.After(400);
        _second.Events.SpeechStopped("c1");
        _second.Events.CallerFinal("c1", "Are you there?", 0.9);
        _second.Events.Closed(ProviderEnd.Lost, "gone");
        call.After(400);

        Assert.Equal([SwitchCause.Requested, SwitchCause.RolledBack], call.Sink.Facts.OfType<ProviderSwitched>().Select(fact => fact.Cause));
        Assert.Equal(["remember Are you there?", "pick up and answer: "], call.Provider.Asked);
        Assert.Null(_third.Setup);
    }

    [Fact]
    public void Of_two_switches_in_quick_succession_nobody_is_left_on_the_line()
    {
        var call = Answered().After(1_000);
        call.Loop.Post(new SwitchProvider(_second, "", "ann@example.com"));
        _second.Events.Connected("s2", null);
        call.After(500);
        call.Loop.Post(new SwitchProvider(_third, "", "ann@example.com"));
        _third.Events.Connected("s3", null);
        call.After(500);

        Assert.Equal(["second", "third"], call.Sink.Facts.OfType<ProviderSwitched>().Select(fact => fact.To));
        Assert.Contains("close", call.Provider.Asked);
        Assert.DoesNotContain("close", _second.Asked);
        call.After(11_000);
        Assert.Contains("close", _second.Asked);
    }

    [Fact]
    public void A_greeting_that_never_came_is_given_by_the_next()
    {
        var call = Answered(greeted: false);
        Assert.Equal(["greet"], call.Provider.Asked);
        call.Provider.Events.Closed(ProviderEnd.Lost, "gone");
        _second.Events.Connected("s2", null);
        Assert.Equal(["greet"], _second.Asked);
    }

    private TestCall Answered(bool only = false, bool greeted = true, int? recapEvery = null)
    {
        var call = new TestCall(history: greeted ? [new("h1", LegRole.Ai, "Good morning.", 0, 900)] : [], providers: first =>
        {
            first.Capabilities = first.Capabilities with { RecapEvery = recapEvery };
            return new ProviderOrder(only ? [first] : [first, _second, _third], _breakers, TimeSpan.FromSeconds(5));
        });
        call.Carrier.Start();
        call.Provider.Events.Connected("s1", "model-1");
        return call;
    }

    [Fact]
    public void A_provider_with_a_short_memory_is_told_now_and_then_what_it_has_forgotten()
    {
        var call = Answered(recapEvery: 300);
        for (int turn = 0; turn < 12; turn++)
        {
            // Some fifty tokens.
            call.CallerStarts($"c{turn}").After(500).CallerStops($"c{turn}", "I would like to know what a weekend in Vienna costs, with breakfast and with a view.")
                .AgentSays($"a{turn}", "From three hundred euros for two, as of today, and children go for free.", 500).After(1_000);
            Assert.True(turn > 4 || call.Provider.Asked.Count == 0, "it was told of what it cannot have forgotten");
        }

        Assert.Equal(["remember OperatorText", "remember OperatorText"], call.Provider.Asked);

        // It was not said to anybody.
        Assert.Empty(call.Sink.Facts.OfType<OperatorText>());
    }

    [Fact]
    public void What_all_providers_of_a_call_used_is_told_in_pieces_that_add_up()
    {
        var call = Answered();
        call.Provider.Events.Used([Used("m", 10), new("scripted", "idle")]);
        call.Provider.Events.Used([Used("m", 25), new("scripted", "idle")]);
        Assert.Equal([Used("m", 10)], Assert.Single(call.Sink.Facts.OfType<ProviderUsed>()).Used);
        call.After(29_000);
        Assert.Single(call.Sink.Facts.OfType<ProviderUsed>());
        call.After(1_100);
        Assert.Equal([Used("m", 15)], call.Sink.Facts.OfType<ProviderUsed>().Last().Used);

        call.Provider.Events.Used([Used("m", 26)]);
        call.Provider.Events.Closed(ProviderEnd.Lost, "gone");
        Assert.Equal([Used("m", 1)], call.Sink.Facts.OfType<ProviderUsed>().Last().Used);
        _second.Events.Connected("s2", null);
        _second.Events.Used([Used("n", 7)]);
        call.Provider.Events.Used([Used("m", 27)]);
        call.Carrier.HangUp();
        _second.Events.Used([Used("n", 8)]);
        _second.Events.Closed(ProviderEnd.Requested, "closed");
        Assert.Equal(
            [Used("m", 27), Used("n", 8)],
            ModelUsage.Sum(call.Sink.Facts.OfType<ProviderUsed>().SelectMany(fact => fact.Used)).OrderBy(use => use.Model));
        Assert.IsType<MediaEnded>(call.Sink.Facts[^1]);
    }

    [Fact]
    public void Use_by_which_a_limit_may_be_reached_is_told_at_once()
    {
        var call = Answered();
        call.Sink.UrgentFrom = 20;
        call.Provider.Events.Used([Used("m", 10)]);
        call.Provider.Events.Used([Used("m", 29)]);
        Assert.Equal([Used("m", 10)], Assert.Single(call.Sink.Facts.OfType<ProviderUsed>()).Used);
        call.Provider.Events.Used([Used("m", 30)]);
        Assert.Equal([Used("m", 20)], call.Sink.Facts.OfType<ProviderUsed>().Last().Used);
    }

    private static ModelUsage Used(string model, long tokens) => new("scripted", model) { AudioInTokens = tokens };

    private sealed class Breakers : IProviderHealth
    {
        public HashSet<string> Open { get; } = [];

        public List<string> Told { get; } = [];

        public bool Allows(IVoiceProvider provider) => !Open.Contains(provider.Name);

        public void Answered(IVoiceProvider provider, TimeSpan connectTime)
        {
        }

        public void Failed(IVoiceProvider provider, ProviderFailure failure, string detail) => Told.Add($"{failure} {provider.Name}");
    }
}
