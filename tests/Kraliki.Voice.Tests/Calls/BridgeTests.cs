using Kraliki.Contracts;
using Kraliki.Voice.Calls;

namespace Kraliki.Voice.Tests.Calls;

/// <summary>Who breaks the silence when a call has come back.</summary>
public sealed class BridgeTests
{
    private static readonly Comeback Broken = new(Planned: false, "Sorry.", "Go on.", AtMs: 0);
    private static readonly Comeback Moved = Broken with { Planned = true };

    private static readonly TurnFinished Asked = new("c1", LegRole.Caller, "What does it cost?", 0, 900);
    private static readonly TurnFinished Answered = new("a1", LegRole.Ai, "Ten euros.", 1_000, 1_900);

    [Fact]
    public void A_caller_who_waits_for_an_answer_gets_it_with_an_apology()
    {
        var call = TestCall.Answered(history: [Asked], comeback: Broken);
        Assert.Empty(call.Provider.Asked);
        call.After(400);
        Assert.Equal(["pick up and answer: Sorry."], call.Provider.Asked);
    }

    [Fact]
    public void An_answer_that_was_cut_off_is_given_again()
    {
        var call = TestCall.Answered(history: [Asked, Answered with { Interrupted = true }], comeback: Broken).After(400);
        Assert.Equal(["pick up and answer: Sorry."], call.Provider.Asked);
    }

    [Fact]
    public void A_caller_whose_turn_it_is_and_who_is_silent_hears_that_the_line_is_there_again()
    {
        var call = TestCall.Answered(history: [Asked, Answered], comeback: Broken).After(700);
        Assert.Empty(call.Provider.Asked);
        call.After(500);
        Assert.Equal(["pick up: Go on."], call.Provider.Asked);
        call.After(5_000);
        Assert.Single(call.Provider.Asked);
    }

    [Fact]
    public void Half_a_sentence_is_not_answered()
    {
        var call = TestCall.Answered(history: [Answered, Asked with { Interrupted = true }], comeback: Broken).After(1_200);
        Assert.Equal(["pick up: Go on."], call.Provider.Asked);
    }

    [Fact]
    public void A_caller_who_speaks_first_is_listened_to()
    {
        var call = TestCall.Answered(history: [Asked, Answered], comeback: Broken).After(300).CallerStarts("c2").After(3_000).CallerStops("c2", "Hello?").After(3_000);
        Assert.Empty(call.Provider.Asked);
    }

    [Fact]
    public void A_cough_is_no_word()
    {
        var call = TestCall.Answered(history: [Asked, Answered], comeback: Broken).After(300).CallerStarts("c2").After(200).CallerStops("c2", "").After(1_200);
        Assert.Equal(["pick up: Go on."], call.Provider.Asked);
    }

    [Fact]
    public void A_call_that_was_moved_stays_silent_unless_an_answer_is_owed()
    {
        Assert.Empty(TestCall.Answered(history: [Asked, Answered], comeback: Moved).After(3_000).Provider.Asked);
        Assert.Equal(["pick up and answer: "], TestCall.Answered(history: [Asked], comeback: Moved).After(400).Provider.Asked);
    }

    [Fact]
    public void A_call_that_broke_before_anything_was_said_begins_anew() =>
        Assert.Equal(["greet"], TestCall.Answered(history: [], comeback: Broken).After(3_000).Provider.Asked);

    [Fact]
    public void Times_go_on_where_the_conversation_was_although_the_carrier_begins_anew()
    {
        var call = TestCall.Answered(history: [Asked, Answered], comeback: Broken with { AtMs = 60_000 }).After(300)
            .CallerStarts("c2").After(1_000).CallerStops("c2", "Hello?").After(500)
            .AgentSays("a2", "Yes.", 400).After(1_000);

        Assert.Equal(["c2", "a2"], call.Sink.Turns.Select(turn => turn.TurnId));
        Assert.All(call.Sink.Turns.Zip([60_300, 61_800], (turn, at) => turn.StartMs - at), late => Assert.InRange(late, -40, 100));
        Assert.InRange(call.Sink.LastMeters!.MediaMs, 62_000, 63_000);
    }

    [Fact]
    public void An_operators_line_that_nobody_followed_is_followed_instead()
    {
        var call = new TestCall(history: [Asked, Answered], comeback: Broken);
        call.Carrier.Start();
        call.Loop.Post(new InstructProvider("Offer a discount."));
        call.Provider.Events.Connected("sess_2", null);
        call.After(3_000);
        Assert.Equal(["instruct Offer a discount."], call.Provider.Asked);
    }
}
