using Kraliki.Contracts;
using Kraliki.Voice.Calls;
using Kraliki.Voice.Net;
using Kraliki.Voice.Providers;

namespace Kraliki.Voice.Tests.Calls;

public sealed class ConversationTests
{
    private const string Long = "We open at nine in the morning and close at six in the evening every day but Sunday";

    [Fact]
    public void A_turn_of_each_side_is_written_down_once_it_was_said_and_heard()
    {
        var call = TestCall.Answered().AgentSays("a1", "Hello, how can I help?", 1500);
        call.After(1000);
        Assert.Empty(call.Sink.Turns);

        call.After(700);
        var greeting = Assert.Single(call.Sink.Turns);
        Assert.Equal((LegRole.Ai, "Hello, how can I help?", 1500, false), (greeting.Speaker, greeting.Text, greeting.HeardMs!.Value, greeting.Interrupted));

        call.CallerStarts("c1").After(800).CallerStops("c1", "When do you open?");
        var question = call.Sink.Turns.Last();
        Assert.Equal((LegRole.Caller, "When do you open?"), (question.Speaker, question.Text));
        Assert.Equal(800, question.EndMs - question.StartMs);
        Assert.Equal(["greet"], call.Provider.Asked);
    }

    [Fact]
    public void The_carrier_never_holds_much_more_than_its_lead()
    {
        var call = TestCall.Answered().AgentSays("a1", Long, 8000);
        for (int i = 0; i < 80; i++)
        {
            call.After(100);

            // The lead of 1 s plus the chunk of 0.5 s that crossed it.
            Assert.InRange(call.Carrier.BytesBuffered, 0, 1500 * 8);
        }

        call.After(300);
        Assert.Equal(8000 * 8, call.Carrier.BytesPlayed);
        Assert.Equal(8000, Assert.Single(call.Sink.Turns).HeardMs);
    }

    [Fact]
    public void Caller_interrupts_and_the_model_forgets_unheard_words()
    {
        var call = TestCall.Answered().AgentSays("a1", Long, 6000);
        call.After(2000).CallerStarts("c1");

        Assert.Equal("clear", call.Carrier.Received[^1]);
        int heard = call.Carrier.BytesPlayed / 8;
        call.After(400);
        call.Provider.Events.CallerPartial("c1", "no wait");

        var cut = Assert.Single(call.Sink.Turns);
        Assert.True(cut.Interrupted);
        Assert.InRange(cut.HeardMs!.Value, heard - 20, heard + 20);
        Assert.StartsWith(cut.Text, Long, StringComparison.Ordinal);
        Assert.InRange(cut.Text.Length, Long.Length / 4, Long.Length / 2);
        Assert.Equal(["greet", "hold", $"truncate a1 {cut.HeardMs}", "resume and answer"], call.Provider.Asked);
        Assert.Equal(cut.HeardMs, Assert.Single(call.Sink.Facts.OfType<BargeIn>()).HeardMs);

        call.After(2000);
        Assert.Equal(heard, call.Carrier.BytesPlayed / 8);
    }

    [Fact]
    public void An_answer_still_being_produced_is_cancelled_and_its_late_audio_ignored()
    {
        var call = TestCall.Answered().AgentSays("a1", Long, 3000, done: false);
        call.After(1000).CallerStarts("c1").After(1400);
        Assert.Contains("cancel", call.Provider.Asked);

        int received = call.Carrier.BytesReceived;
        call.AgentSays("a1", "leftovers", 1000);
        call.After(500);
        Assert.Equal(received, call.Carrier.BytesReceived);
    }

    [Theory]
    [InlineData("uh-huh")]
    [InlineData("")]
    [InlineData("Yeah, okay.")]
    public void A_backchannel_or_a_cough_does_not_stop_the_agent(string sound)
    {
        var call = TestCall.Answered().AgentSays("a1", Long, 6000);
        call.After(2000).CallerStarts("c1").After(300).CallerStops("c1", sound);
        call.After(5000);

        Assert.Equal(6000 * 8, call.Carrier.BytesPlayed);
        var turn = Assert.Single(call.Sink.Turns, turn => turn.Speaker == LegRole.Ai);
        Assert.Equal((Long, 6000, false), (turn.Text, turn.HeardMs!.Value, turn.Interrupted));
        Assert.Single(call.Sink.Facts.OfType<FalseInterruption>());
        Assert.Equal(["greet", "hold", "resume and forget"], call.Provider.Asked);
        Assert.Equal(sound.Length > 0, call.Sink.Turns.Any(turn => turn.Speaker == LegRole.Caller));
    }

    [Fact]
    public void A_cough_is_none_the_longer_for_a_provider_that_finds_its_end_late()
    {
        var call = TestCall.Answered().AgentSays("a1", "We are open from nine to five.", 3_000).After(500).CallerStarts("c1").CallerSpeaks(300).After(2_600);
        Assert.Single(call.Sink.Facts.OfType<FalseInterruption>());
        Assert.Empty(call.Sink.Facts.OfType<BargeIn>());

        call.After(3_000);
        Assert.Equal("We are open from nine to five.", Assert.Single(call.Sink.Turns).Text);
        Assert.DoesNotContain(call.Sink.Turns, turn => turn.Interrupted);
    }

    [Fact]
    public void A_cough_that_is_noticed_when_it_is_over_is_a_cough()
    {
        var call = TestCall.Answered().AgentSays("a1", "We are open from nine to five.", 3_000).After(500).CallerSpeaks(300).After(700).CallerStarts("c1").After(800);
        Assert.Single(call.Sink.Facts.OfType<FalseInterruption>());
        Assert.Empty(call.Sink.Facts.OfType<BargeIn>());
    }

    [Fact]
    public void A_provider_that_stops_itself_at_a_cough_is_asked_for_the_rest()
    {
        var call = TestCall.Answered().AgentSays("a1", "We are open from nine to five and closed on Sundays.", 1_000, done: false).After(500).CallerStarts("c1");
        call.Provider.Events.AnswerDone("a1", "We are open from nine to five and closed on Sundays.", cancelled: true);
        call.After(300).CallerStops("c1", "").After(100);
        Assert.Equal("pick up and continue: ", call.Provider.Asked[^1]);

        call.AgentSays("a2", "and closed on Sundays.", 1_000).After(3_000);
        Assert.Equal([("We are open from", true), ("and closed on Sundays.", false)], call.Sink.Turns.Select(turn => (turn.Text, turn.Interrupted)));
    }

    [Fact]
    public void A_short_noise_without_words_is_given_up_after_a_while_and_the_agent_goes_on()
    {
        var call = TestCall.Answered().AgentSays("a1", Long, 6000);
        call.After(2000).CallerStarts("c1").After(300).CallerStops("c1");
        call.After(1400);
        Assert.Empty(call.Sink.Facts.OfType<FalseInterruption>());
        call.After(300);
        Assert.Single(call.Sink.Facts.OfType<FalseInterruption>());
        call.After(5000);
        Assert.Equal(6000 * 8, call.Carrier.BytesPlayed);
    }

    [Fact]
    public void Words_that_come_after_the_agent_went_on_still_interrupt_it()
    {
        var call = TestCall.Answered().AgentSays("a1", Long, 6000);
        call.After(2000).CallerStarts("c1").After(300).CallerStops("c1").After(1700);
        call.Provider.Events.CallerFinal("c1", "please stop", 0.8);

        Assert.Single(call.Sink.Facts.OfType<BargeIn>());
        Assert.Equal("resume and answer", call.Provider.Asked[^1]);
    }

    [Fact]
    public void Two_short_sounds_in_a_row_are_judged_together()
    {
        var call = TestCall.Answered().AgentSays("a1", Long, 6000);
        call.After(2000).CallerStarts("c1").After(200).CallerStops("c1").After(200).CallerStarts("c2").After(300);
        call.Provider.Events.CallerFinal("c1", "uh", 0.5);
        Assert.Empty(call.Sink.Facts.OfType<FalseInterruption>());

        call.CallerStops("c2", "can you repeat that");
        Assert.Single(call.Sink.Facts.OfType<BargeIn>());
    }

    [Fact]
    public void Long_speech_is_an_interruption_before_its_words_are_known()
    {
        var call = TestCall.Answered().AgentSays("a1", Long, 6000);
        call.After(1000).CallerStarts("c1").After(1100);
        Assert.Empty(call.Sink.Facts.OfType<BargeIn>());
        call.After(200);
        Assert.Single(call.Sink.Facts.OfType<BargeIn>());
    }

    [Fact]
    public void Speech_over_the_last_syllable_is_an_ordinary_turn()
    {
        var call = TestCall.Answered().AgentSays("a1", "Anything else?", 1000);
        call.After(840).CallerStarts("c1").After(400).CallerStops("c1", "yes");

        Assert.DoesNotContain("hold", call.Provider.Asked);
        Assert.Empty(call.Sink.Facts.OfType<BargeIn>());
    }

    [Fact]
    public void Lost_marks_delay_the_transcript_and_lose_nothing()
    {
        var call = TestCall.Answered();
        call.Carrier.LosesMarks = true;
        call.AgentSays("a1", Long, 2000).After(3800);
        Assert.Empty(call.Sink.Turns);
        call.After(500);
        Assert.Equal(Long, Assert.Single(call.Sink.Turns).Text);
    }

    [Fact]
    public void Heard_milliseconds_are_right_to_a_frame_wherever_the_caller_cuts_in()
    {
        for (int at = 60; at < 3000; at += 140)
        {
            var call = TestCall.Answered().AgentSays("a1", Long, 4000);
            call.After(at).CallerStarts("c1");
            int played = call.Carrier.BytesPlayed / 8;
            call.After(1300);
            Assert.InRange(Assert.Single(call.Sink.Facts.OfType<BargeIn>()).HeardMs, played - 20, played + 20);
        }
    }

    [Fact]
    public void What_the_caller_said_before_the_provider_was_ready_is_not_lost()
    {
        var call = new TestCall();
        call.Carrier.Start();
        call.After(2000);
        Assert.Equal(0, call.Provider.FramesHeard);

        call.Provider.Events.Connected("sess_1", null);
        Assert.Equal(100, call.Provider.FramesHeard);
        call.After(200);
        Assert.Equal(110, call.Provider.FramesHeard);
    }

    [Fact]
    public async Task A_provider_that_does_not_read_loses_the_oldest_audio_only()
    {
        var call = TestCall.Answered(new CallOptions { CallerBacklog = TimeSpan.FromSeconds(1), LongestCallerBacklog = TimeSpan.FromSeconds(2) });
        call.Provider.AcceptsAudio = false;
        call.After(3000);
        call.Provider.AcceptsAudio = true;
        call.After(20);
        Assert.Equal(100, call.Provider.FramesHeard);

        call.Provider.ClosedByLoop = () => call.Provider.Events.Closed(ProviderEnd.Requested, "");
        call.Carrier.HangUp();
        await call.Outcome;
        Assert.Equal(51, call.Sink.Ended.FramesDropped);
    }

    [Fact]
    public void Digits_are_told_to_the_assistant_together()
    {
        var call = TestCall.Answered();
        foreach (char digit in "123")
        {
            call.Carrier.Send($$$"""{"event":"dtmf","streamSid":"MZ1","sequenceNumber":"5","dtmf":{"track":"inbound_track","digit":"{{{digit}}}"}}""");
            call.After(400);
        }

        Assert.Equal(3, call.Sink.Facts.OfType<DtmfReceived>().Count());
        call.After(1600);
        Assert.Equal("instruct The caller pressed 1 2 3 on the telephone keypad.", call.Provider.Asked[^1]);
    }

    [Fact]
    public async Task Caller_hangs_up_and_the_last_words_are_waited_for()
    {
        var call = TestCall.Answered();
        call.Provider.ClosedByLoop = () => call.Provider.Events.Closed(ProviderEnd.Requested, "");
        call.After(500).CallerStarts("c1").After(700);
        call.Provider.Events.CallerPartial("c1", "thank you and good");
        call.Carrier.HangUp();
        Assert.False(call.Outcome.IsCompleted);

        call.Provider.Events.CallerFinal("c1", "Thank you and goodbye.", 0.9);
        var outcome = await call.Outcome;
        Assert.Equal(EndReason.CallerHungUp, outcome.Reason);
        Assert.Equal("Thank you and goodbye.", Assert.Single(call.Sink.Turns).Text);
        Assert.IsType<MediaEnded>(call.Sink.Facts[^1]);
    }

    [Fact]
    public async Task Words_whose_transcript_never_comes_are_kept_as_far_as_known()
    {
        var call = TestCall.Answered();
        call.Provider.ClosedByLoop = () => call.Provider.Events.Closed(ProviderEnd.Requested, "");
        call.CallerStarts("c1").After(700);
        call.Provider.Events.CallerPartial("c1", "please call me back at");
        call.Carrier.HangUp();
        call.StopCallerAudio();
        call.After(2200);

        await call.Outcome;
        var turn = Assert.Single(call.Sink.Turns);
        Assert.Equal(("please call me back at", true), (turn.Text, turn.Interrupted));
    }

    [Fact]
    public async Task The_assistant_hangs_up_after_its_goodbye_was_heard()
    {
        var call = TestCall.Answered();
        call.Provider.ClosedByLoop = () => call.Provider.Events.Closed(ProviderEnd.Requested, "");
        call.AgentSays("a1", "Goodbye!", 1000);
        call.Provider.Events.ToolCall("t1", "end_call", "{}");
        call.After(900);
        Assert.False(call.Outcome.IsCompleted);
        call.After(300);
        Assert.Equal(EndReason.AssistantEnded, (await call.Outcome).Reason);
        Assert.Equal("close 1000", call.Carrier.Received[^1]);
        Assert.Equal("Goodbye!", Assert.Single(call.Sink.Turns).Text);
    }

    [Fact]
    public async Task An_operator_ends_the_call_in_the_middle_of_an_answer()
    {
        var call = TestCall.Answered().AgentSays("a1", Long, 4000);
        call.Provider.ClosedByLoop = () => call.Provider.Events.Closed(ProviderEnd.Requested, "");
        call.After(1000);
        call.Loop.Post(new EndCall(EndReason.OperatorEnded, "Ended by an operator."));

        Assert.Equal(EndReason.OperatorEnded, (await call.Outcome).Reason);
        Assert.True(Assert.Single(call.Sink.Turns).Interrupted);
    }

    [Theory]
    [InlineData(ProviderEnd.Lost, EndReason.TalkProviderLost)]
    [InlineData(ProviderEnd.Expired, EndReason.TalkProviderExpired)]
    [InlineData(ProviderEnd.Error, EndReason.TalkProviderError)]
    public async Task A_dead_provider_ends_the_call_with_its_reason(ProviderEnd end, EndReason reason)
    {
        var call = TestCall.Answered();
        call.After(500);
        call.Provider.Events.Closed(end, "It broke.");
        var outcome = await call.Outcome;
        Assert.Equal((reason, "It broke."), (outcome.Reason, outcome.Detail));
    }

    [Theory]
    [InlineData(ProviderEnd.Refused, EndReason.ConnectProviderRefused)]
    [InlineData(ProviderEnd.Unauthorized, EndReason.ConnectProviderUnauthorized)]
    public async Task A_provider_that_refuses_ends_the_call_before_it_begins(ProviderEnd end, EndReason reason)
    {
        var call = new TestCall();
        call.Carrier.Start();
        call.Provider.Events.Closed(end, "No.");
        Assert.Equal(reason, (await call.Outcome).Reason);
    }

    [Fact]
    public async Task Each_deadline_names_its_side()
    {
        var silentSocket = new TestCall();
        silentSocket.StopCallerAudio();
        silentSocket.After(5200);
        Assert.Equal(EndReason.ConnectCarrierTimeout, (await silentSocket.Outcome).Reason);

        var silentProvider = new TestCall();
        silentProvider.Carrier.Start();
        silentProvider.After(10_200 + 5_200);
        Assert.Equal(EndReason.ConnectProviderTimeout, (await silentProvider.Outcome).Reason);

        var silentCarrier = TestCall.Answered();
        silentCarrier.StopCallerAudio();
        silentCarrier.After(15_200 + 5_200);
        Assert.Equal(EndReason.TalkCarrierIdle, (await silentCarrier.Outcome).Reason);
    }

    [Fact]
    public async Task An_unknown_token_is_refused_with_a_close_code()
    {
        var call = new TestCall(admit: false);
        call.Carrier.Start();
        Assert.Equal(EndReason.ConnectCarrierRefused, (await call.Outcome).Reason);
        Assert.Equal("close 1008", Assert.Single(call.Carrier.Received));
        Assert.Empty(call.Sink.Facts);
    }

    [Theory]
    [InlineData("garbage")]
    [InlineData("""{"event":"media","media":{"payload":"%%%"}}""")]
    [InlineData("""{"event":7}""")]
    [InlineData("""{"no":"event"}""")]
    public async Task Garbage_from_the_carrier_ends_the_call_as_a_protocol_error(string message)
    {
        var call = TestCall.Answered();
        call.Provider.ClosedByLoop = () => call.Provider.Events.Closed(ProviderEnd.Requested, "");
        call.Carrier.Send(message);
        Assert.Equal(EndReason.TalkCarrierProtocolError, (await call.Outcome).Reason);
        Assert.Equal("close 1008", call.Carrier.Received[^1]);
    }

    [Fact]
    public async Task An_oversized_message_is_cut_off()
    {
        var call = TestCall.Answered();
        call.Provider.ClosedByLoop = () => call.Provider.Events.Closed(ProviderEnd.Requested, "");
        call.Carrier.SendRaw(Opcode.Text, new byte[65 * 1024]);
        Assert.Equal(EndReason.TalkCarrierProtocolError, (await call.Outcome).Reason);
        Assert.Contains("close 1009", call.Carrier.Received);
    }

    [Fact]
    public async Task A_bug_in_one_call_ends_that_call_and_reaches_nobody_else()
    {
        var call = TestCall.Answered();
        call.Provider.ClosedByLoop = () => call.Provider.Events.Closed(ProviderEnd.Requested, "");
        call.Provider.Bug = new InvalidOperationException("boom");
        call.Carrier.SendFrame();
        Assert.Equal(EndReason.TalkServerFault, (await call.Outcome).Reason);
    }

    [Fact]
    public void A_listener_hears_both_sides_and_the_cut()
    {
        var call = TestCall.Answered();
        call.Loop.Listening = true;
        call.AgentSays("a1", Long, 2000).After(600).CallerStarts("c1");
        Assert.Contains(call.Sink.Heard, heard => heard is { Leg: LegRole.Caller, Bytes: 160 });
        Assert.Contains(call.Sink.Heard, heard => heard is { Leg: LegRole.Ai, Kind: AudioFrameKind.Mulaw });
        Assert.Equal((LegRole.Ai, AudioFrameKind.Flush, 0), call.Sink.Heard[^1]);
    }

    [Fact]
    public void A_continued_call_is_not_greeted_again()
    {
        var call = TestCall.Answered(history: [new TurnFinished("c0", LegRole.Caller, "Hello", 0, 500)]);
        Assert.DoesNotContain("greet", call.Provider.Asked);
    }
}
