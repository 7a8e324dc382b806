using Kraliki.Contracts;
using Kraliki.Server.Sessions;
using Kraliki.Server.Sessions.Journal;
using Kraliki.Voice.Calls;

namespace Kraliki.Server.Tests.Sessions;

public sealed class LiveCallTests(SharedSessionServer shared)
{
    private readonly SessionServer _server = shared.Server;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_call_that_connects_talks_and_ends_takes_its_session_through_every_state()
    {
        var call = await _server.StartCallAsync(Cancelled);
        call.Say(LegRole.Ai, "Hello.");
        call.Say(LegRole.Caller, "Bye.");
        await call.EndAsync(EndReason.CallerHungUp, "The caller hung up.");

        var row = await _server.RowAsync(call.Id, Cancelled);
        Assert.Equal((SessionState.Completed, EndReason.CallerHungUp, "The caller hung up."), (row.State, row.EndReason!.Value, row.EndDetail));
        Assert.NotNull(row.StartedAt);
        Assert.NotNull(row.EndedAt);
        Assert.Equal(
            ["created", "connecting", "active", "wrap_up", "completed"],
            (await EventsAsync(call.Id)).Select(e => e.Data).OfType<StateChanged>().Select(move => WireWord.Of(move.To)).Prepend("created"));
        Assert.Null(_server.Calls.Find(call.Id));
    }

    [Theory]
    [InlineData(EndReason.TalkProviderLost, true, SessionState.Failed, EndReason.TalkProviderLost)]
    [InlineData(EndReason.AssistantEnded, true, SessionState.Completed, EndReason.AssistantEnded)]
    [InlineData(EndReason.ConnectProviderRefused, false, SessionState.Failed, EndReason.ConnectProviderRefused)]
    [InlineData(EndReason.OperatorEnded, false, SessionState.Failed, EndReason.CancelledBeforeConnect)]
    public async Task The_end_of_media_decides_the_end_of_the_session(EndReason outcome, bool talked, SessionState state, EndReason reason)
    {
        var row = await _server.CreateAsync(Cancelled);
        var call = await _server.AttachAsync(row.Id, Cancelled);
        call.Sink.Fact(new CarrierConnected("twilio", "CA1", "MZ1"));
        if (talked)
        {
            call.Sink.Fact(new ProviderConnected("local", null, "p1", 12));
        }

        await call.EndAsync(outcome);

        row = await _server.RowAsync(row.Id, Cancelled);
        Assert.Equal((state, reason), (row.State, row.EndReason!.Value));
    }

    [Fact]
    public async Task Events_are_numbered_without_gaps_and_add_up_to_the_row()
    {
        var random = new Random(7);
        var call = await _server.StartCallAsync(Cancelled);
        for (var i = 0; i < 300; i++)
        {
            call.Sink.Fact(Facts.OneOfEach[random.Next(4, Facts.OneOfEach.Count - 2)]);
            if (i % 40 == 0)
            {
                await _server.Commands.UpdateAsync(call.Id, new UpdateSession(Metadata: new Dictionary<string, string> { ["i"] = $"{i}" }), "x@y.example", null, Cancelled);
            }
        }

        await call.EndAsync(EndReason.TalkCarrierLost);

        var events = await EventsAsync(call.Id);
        var row = await _server.RowAsync(call.Id, Cancelled);
        Assert.Equal(Enumerable.Range(1, events.Count).Select(i => (long)i), events.Select(e => e.Seq));
        var folded = events.Aggregate(
            SessionRow.Born(row.Id, row.OrganisationId, (SessionCreated)events[0].Data, row.CreatedAt), (sum, happened) => sum.Apply(happened));
        Assert.Equal("280", folded.Metadata["i"]);
        Assert.Equal(row.Metadata, folded.Metadata);
        Assert.Equal(row.Usage, folded.Usage);
        Assert.Equal(row, folded with { Metadata = row.Metadata, Usage = row.Usage, UpdatedAt = row.UpdatedAt, Epoch = row.Epoch, OwnerFacts = row.OwnerFacts, Requests = row.Requests });
    }

    [Fact]
    public async Task What_a_session_used_and_costs_adds_up_through_interruptions_and_is_served()
    {
        var first = await _server.StartCallAsync(Cancelled);
        first.Sink.Fact(new ProviderUsed([new("openai", "gpt-realtime-2.1") { AudioInTokens = 1_000, AudioOutTokens = 2_000 }, new("local", null) { AudioInSeconds = 30 }]));
        await first.EndAsync(EndReason.TalkCarrierLost);
        var second = await _server.AttachAsync(first.Id, Cancelled);
        second.Sink.Fact(new ProviderUsed([new("openai", "gpt-realtime-2.1") { AudioOutTokens = 500 }, new("openai", "gpt-nobody-knows") { TextInTokens = 9 }]));
        await second.EndAsync(EndReason.CallerHungUp);

        var row = await _server.RowAsync(first.Id, Cancelled);
        Assert.Equal(
            [
                new ModelUsage("openai", "gpt-realtime-2.1") { AudioInTokens = 1_000, AudioOutTokens = 2_500, Cost = 0.192m, Estimated = true },
                new ModelUsage("local", null) { AudioInSeconds = 30, Cost = 0 },
                new ModelUsage("openai", "gpt-nobody-knows") { TextInTokens = 9, Unpriced = true },
            ],
            row.Usage);
        Assert.Equal((0.192m, "USD", true, null), (row.Cost.Amount, row.Cost.Currency, row.Cost.Estimated, row.Cost.Cap));
        Assert.Equal(["openai/gpt-nobody-knows"], row.Cost.Unpriced);
    }

    [Fact]
    public async Task A_call_that_comes_close_to_its_limit_is_warned_of_and_one_that_reaches_it_says_goodbye()
    {
        var call = await _server.StartCallAsync(Cancelled, costCap: 1);
        ProviderUsed quarter = new([new("openai", "gpt-realtime-2.1") { AudioInTokens = 7_812, AudioOutSeconds = 1 }]);
        call.Sink.Fact(quarter);
        call.Sink.Fact(quarter);
        call.Sink.Fact(quarter);
        await _server.UntilFactAsync<ProviderUsed>(call.Id, _ => true, "The use was not written", Cancelled);
        Assert.DoesNotContain(await EventsAsync(call.Id), happened => happened.Data is CostWarning);

        call.Sink.Fact(quarter);
        var close = await _server.UntilFactAsync<CostWarning>(call.Id, _ => true, "There was no warning", Cancelled);
        Assert.Equal((0.999936m, 1m), (close.Cost, close.Cap));
        call.Sink.Fact(quarter);
        var end = Assert.IsType<EndAfterGoodbye>(await call.CommandAsync(Cancelled));
        Assert.Equal(EndReason.CostCapReached, end.Reason);
        call.Sink.Fact(quarter);
        await call.EndAsync(end.Reason, end.Detail);

        var row = await _server.RowAsync(call.Id, Cancelled);
        Assert.Equal((SessionState.Completed, EndReason.CostCapReached), (row.State, row.EndReason!.Value));
        Assert.Equal("The call reached its limit of 1.00 US dollars for AI providers.", row.EndDetail);
        Assert.Equal([0.999936m, 1.24992m], (await EventsAsync(call.Id)).Select(happened => happened.Data).OfType<CostWarning>().Select(warning => warning.Cost));
    }

    [Fact]
    public async Task A_call_that_ends_already_is_not_told_to_say_goodbye()
    {
        var call = await _server.StartCallAsync(Cancelled, costCap: 1);
        ModelUsage[] dear = [new("openai", "gpt-realtime-2.1") { AudioInTokens = 50_000 }];
        Assert.True(call.Sink.IsUrgent(dear));
        call.Sink.Ending(new CallOutcome(EndReason.CallerHungUp, "The caller hung up."));
        Assert.False(call.Sink.IsUrgent(dear));
        call.Sink.Fact(new ProviderUsed(dear));
        await call.EndAsync(EndReason.CallerHungUp);

        Assert.Equal(1.6m, (await _server.RowAsync(call.Id, Cancelled)).Cost.Amount);
        Assert.DoesNotContain(await EventsAsync(call.Id), happened => happened.Data is CostWarning);
    }

    [Fact]
    public async Task A_call_that_comes_back_knows_what_it_has_cost_before()
    {
        var first = await _server.StartCallAsync(Cancelled, costCap: 1);

        // A dollar for 130 minutes; that it also spoke has no price, and takes nothing away from what has.
        ProviderUsed half = new([new("deepgram", "nova-3") { AudioInSeconds = 3_900, Characters = 5 }]);
        first.Sink.Fact(half);
        await first.EndAsync(EndReason.TalkCarrierLost);
        var second = await _server.AttachAsync(first.Id, Cancelled);
        second.Sink.Fact(half);
        Assert.IsType<EndAfterGoodbye>(await second.CommandAsync(Cancelled));
        await second.EndAsync(EndReason.CostCapReached);
    }

    [Fact]
    public async Task A_batch_that_is_sent_twice_is_written_once()
    {
        var call = await _server.StartCallAsync(Cancelled);
        var grain = _server.Get<IGrainFactory>().GetGrain<ISessionGrain>(call.Id);
        var at = DateTimeOffset.UnixEpoch;
        TimedFact[] three = [new(new DtmfReceived("1", 1), at), new(new DtmfReceived("2", 2), at), new(new DtmfReceived("3", 3), at)];

        Assert.True(await grain.AppendAsync(new FactBatch(call.Live.Epoch, 2, three[..2])));
        Assert.True(await grain.AppendAsync(new FactBatch(call.Live.Epoch, 2, three[..2])));
        Assert.True(await grain.AppendAsync(new FactBatch(call.Live.Epoch, 2, three)));

        Assert.Equal(["1", "2", "3"], (await EventsAsync(call.Id)).Select(e => e.Data).OfType<DtmfReceived>().Select(dtmf => dtmf.Digit));
    }

    [Fact]
    public async Task A_call_that_comes_back_gets_the_history_and_silences_the_one_before_but_for_its_last_words()
    {
        var first = await _server.StartCallAsync(Cancelled);
        first.Say(LegRole.Caller, "I want to order.", atMs: 300_000);
        first.Say(LegRole.Ai, "Gladly.", atMs: 301_000);
        await _server.UntilAsync(first.Id, row => row.LastSeq >= 7, "the turns were not written", Cancelled);

        var second = await _server.AttachAsync(first.Id, Cancelled);

        Assert.True(second.Live.Continued);
        Assert.Equal((0, 301_900), (first.Live.AtMs, second.Live.AtMs));
        Assert.Equal(["I want to order.", "Gladly."], second.Live.History.OfType<TurnFinished>().Select(turn => turn.Text));
        Assert.IsType<EndCall>(await first.CommandAsync(Cancelled));

        first.Say(LegRole.Ai, "It costs");
        await first.EndAsync(EndReason.TalkServerLost);
        var third = await _server.AttachAsync(first.Id, Cancelled);
        Assert.IsType<EndCall>(await second.CommandAsync(Cancelled));
        Assert.False(await _server.Get<IGrainFactory>().GetGrain<ISessionGrain>(first.Id).AppendAsync(
            new FactBatch(first.Live.Epoch, 9, [new(new TurnFinished("z", LegRole.Ai, "I am a zombie.", 0, 1), DateTimeOffset.UnixEpoch)])));
        third.Connect();
        third.Say(LegRole.Ai, "Where were we?");
        await third.EndAsync(EndReason.CallerHungUp);

        var events = (await EventsAsync(first.Id)).Select(e => e.Data).ToList();
        Assert.Equal(["I want to order.", "Gladly.", "It costs", "Where were we?"], events.OfType<TurnFinished>().Select(turn => turn.Text));
        Assert.Equal(2, events.OfType<CallResumed>().Count());
        Assert.Equal(SessionState.Completed, (await _server.RowAsync(first.Id, Cancelled)).State);
    }

    [Fact]
    public async Task An_operator_ends_a_call_and_is_named_in_the_journal()
    {
        var call = await _server.StartCallAsync(Cancelled);

        var outcome = await _server.Commands.EndAsync(call.Id, "operator@test.example", "Wrong number", null, Cancelled);

        Assert.Equal(SessionState.WrapUp, outcome.Row!.State);
        Assert.Equal(EndReason.OperatorEnded, Assert.IsType<EndCall>(await call.CommandAsync(Cancelled)).Reason);
        await call.EndAsync(EndReason.OperatorEnded);
        var row = await _server.RowAsync(call.Id, Cancelled);
        Assert.Equal((SessionState.Completed, EndReason.OperatorEnded, "Ended by operator@test.example: Wrong number"), (row.State, row.EndReason!.Value, row.EndDetail));
    }

    [Fact]
    public async Task A_session_without_a_call_ends_at_once_and_cannot_be_attached_to_any_more()
    {
        var row = await _server.CreateAsync(Cancelled);

        var outcome = await _server.Commands.EndAsync(row.Id, "operator@test.example", null, null, Cancelled);

        Assert.Equal((SessionState.Failed, EndReason.CancelledBeforeConnect), (outcome.Row!.State, outcome.Row.EndReason!.Value));
        Assert.Null(await _server.Calls.AttachAsync(row.Id, Cancelled));
        Assert.Null(await _server.Calls.AttachAsync(Guid.CreateVersion7(), Cancelled));
    }

    [Fact]
    public async Task A_call_whose_code_fails_leaves_no_session_open()
    {
        var call = await _server.StartCallAsync(Cancelled);

        await call.Live.DisposeAsync();

        var row = await _server.RowAsync(call.Id, Cancelled);
        Assert.Equal((SessionState.Failed, EndReason.TalkServerFault), (row.State, row.EndReason!.Value));
    }

    private Task<List<SessionEvent>> EventsAsync(Guid session) => _server.Journal.EventsAsync(session, 0, 10_000, Cancelled);
}
