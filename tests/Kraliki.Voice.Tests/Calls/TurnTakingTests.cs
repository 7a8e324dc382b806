using Kraliki.Contracts;
using Kraliki.Voice.Calls;
using Kraliki.Voice.Providers;

namespace Kraliki.Voice.Tests.Calls;

/// <summary>The rarer orders in which speech, words, answers and tools can meet.</summary>
public sealed class TurnTakingTests
{
    private const string Long = "We open at nine in the morning and close at six in the evening every day but Sunday";

    [Fact]
    public void An_answer_that_begins_while_the_caller_speaks_on_is_held_back_and_dropped()
    {
        var call = TestCall.Answered().CallerStarts("c1").After(800).CallerStops("c1", "I have a question").CallerStarts("c2").After(200);
        call.AgentSays("a1", Long, 3000, done: false).After(300);
        Assert.Equal(0, call.Carrier.BytesReceived);

        call.CallerStops("c2", "about my booking").After(500);
        Assert.Equal(["greet", "hold", "cancel", "truncate a1 0", "resume and answer"], call.Provider.Asked);
        Assert.Equal(0, call.Carrier.BytesReceived);
        Assert.DoesNotContain(call.Sink.Turns, turn => turn.Speaker == LegRole.Ai);
    }

    [Fact]
    public void An_answer_that_began_over_a_cough_is_heard_from_its_first_word()
    {
        var call = TestCall.Answered().CallerStarts("c1").After(800).CallerStops("c1", "When do you open?").CallerStarts("c2").After(200);
        call.AgentSays("a1", Long, 3000).After(100).CallerStops("c2", "").After(4000);

        Assert.Equal(3000 * 8, call.Carrier.BytesPlayed);
        Assert.Equal(Long, Assert.Single(call.Sink.Turns, turn => turn.Speaker == LegRole.Ai).Text);
        Assert.Equal("resume and forget", call.Provider.Asked[^1]);
    }

    [Fact]
    public void Words_that_come_after_the_agent_has_finished_are_answered_too()
    {
        var call = TestCall.Answered().AgentSays("a1", Long, 3000);
        call.After(2000).CallerStarts("c1").After(300).CallerStops("c1").After(3500);
        Assert.Equal("resume and forget", call.Provider.Asked[^1]);

        call.Provider.Events.CallerFinal("c1", "one more question", 0.8);
        Assert.Equal("resume and answer", call.Provider.Asked[^1]);
        Assert.Empty(call.Sink.Facts.OfType<BargeIn>());
    }

    [Fact]
    public void Late_words_of_the_second_of_two_sounds_interrupt_as_well()
    {
        var call = TestCall.Answered().AgentSays("a1", Long, 8000);
        call.After(1000).CallerStarts("c1").After(200).CallerStops("c1").CallerStarts("c2").After(200).CallerStops("c2").After(1800);
        Assert.Single(call.Sink.Facts.OfType<FalseInterruption>());

        call.Provider.Events.CallerFinal("c2", "stop please", 0.8);
        Assert.Single(call.Sink.Facts.OfType<BargeIn>());
    }

    [Fact]
    public void A_new_answer_in_the_middle_of_a_judgement_keeps_its_first_words()
    {
        var call = TestCall.Answered().AgentSays("a1", Long, 6000);
        call.After(2000).CallerStarts("c1").After(300).CallerStops("c1");
        call.Provider.Events.AnswerText("a2", "Of course.");
        call.Provider.Events.AnswerAudio("a2", TestCall.Speech(500));
        call.Provider.Events.AnswerText("a2", " Anything else?");
        call.After(200);
        Assert.Single(call.Sink.Facts.OfType<BargeIn>());
        Assert.Equal("resume and answer", call.Provider.Asked[^1]);
        Assert.Equal("Of course. Anything else?", call.Sink.Partials.Last(partial => partial.TurnId == "a2").Text);
    }

    [Fact]
    public void A_caller_who_speaks_over_the_end_of_the_goodbye_is_not_cut_off()
    {
        var call = TestCall.Answered().AgentSays("a1", "Goodbye!", 1000);
        call.Provider.Events.ToolCall("t1", "end_call", "{}");
        call.After(840).CallerStarts("c1").After(1000);
        Assert.False(call.Outcome.IsCompleted);
        Assert.DoesNotContain("close 1000", call.Carrier.Received);
    }

    [Fact]
    public void A_cough_over_the_goodbye_does_not_keep_the_line_open()
    {
        var call = TestCall.Answered().AgentSays("a1", "Goodbye and thank you for calling.", 3000);
        call.Provider.Events.ToolCall("t1", "end_call", "{}");
        call.After(1000).CallerStarts("c1").After(200).CallerStops("c1", "").After(2500);
        Assert.Contains("close 1000", call.Carrier.Received);
    }

    [Fact]
    public void A_tool_that_is_switched_off_is_refused_and_the_assistant_is_told_until_it_is_back()
    {
        var call = TestCall.Answered();
        call.Loop.Post(new OfferTools([]));
        call.AgentSays("a1", "Goodbye!", 1000);
        call.Provider.Events.ToolCall("t1", "end_call", "{}");
        call.After(2000);
        var refused = Assert.Single(call.Sink.Facts.OfType<ToolCalled>());
        Assert.True(refused.Refused);
        Assert.Contains("switched off", refused.Result, StringComparison.Ordinal);
        Assert.Equal(["offer", $"tool t1 {refused.Result}"], call.Provider.Asked.Where(asked => asked.StartsWith("offer", StringComparison.Ordinal) || asked.StartsWith("tool", StringComparison.Ordinal)));
        Assert.DoesNotContain("close 1000", call.Carrier.Received);

        call.Loop.Post(new OfferTools(CallTool.All));
        Assert.Equal("offer end_call", call.Provider.Asked[^1]);
        call.Provider.Events.ToolCall("t2", "end_call", "{}");
        call.After(200);
        Assert.False(call.Sink.Facts.OfType<ToolCalled>().Last().Refused);
        Assert.Contains("close 1000", call.Carrier.Received);
    }

    [Fact]
    public void Tools_that_were_switched_off_while_the_call_was_looked_up_are_not_offered()
    {
        var call = new TestCall();
        call.Loop.Post(new OfferTools([]));
        call.Carrier.Start();
        Assert.Empty(call.Provider.Setup!.Tools);
    }

    [Fact]
    public void An_answer_that_was_never_heard_is_no_turn()
    {
        var call = TestCall.Answered();
        call.Provider.Events.AnswerText("a1", "Never spoken");
        call.Provider.Events.AnswerDone("a1", "Never spoken", cancelled: true);
        call.After(500);
        Assert.Empty(call.Sink.Turns);
    }

    [Fact]
    public void The_words_of_a_turn_that_is_given_up_are_kept()
    {
        var call = TestCall.Answered();
        for (int i = 0; i < 20; i++)
        {
            call.CallerStarts($"c{i}");
            call.Provider.Events.CallerPartial($"c{i}", $"words {i}");
            call.CallerStops($"c{i}");
        }

        Assert.Equal(["words 0", "words 1", "words 2", "words 3"], call.Sink.Turns.Select(turn => turn.Text));
    }

    [Theory]
    [InlineData("AB CD AB")]
    [InlineData("QUJ\tDRUY")]
    public void Audio_of_the_carrier_with_white_space_in_it_is_refused(string payload)
    {
        var call = TestCall.Answered();
        call.Carrier.Send($$$"""{"event":"media","media":{"timestamp":"5","payload":"{{{payload}}}"}}""");
        Assert.Equal("close 1008", call.Carrier.Received[^1]);
    }
}
