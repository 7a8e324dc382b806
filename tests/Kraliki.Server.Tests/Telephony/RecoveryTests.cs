using Kraliki.Contracts;
using Kraliki.Server.Sessions;
using Kraliki.Server.Sessions.Calls;
using Kraliki.Server.Telephony;
using Kraliki.Simulators.Twilio;

namespace Kraliki.Server.Tests.Telephony;

/// <summary>Calls whose media is lost, with every idea that a carrier may have about that.</summary>
public sealed class RecoveryTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("go_on")]
    [InlineData("go_on:400")]
    [InlineData("go_on:3000")]
    [InlineData("wait")]
    public async Task A_call_whose_stream_breaks_goes_on_whatever_the_carrier_does_then(string lostStream)
    {
        await using var server = await CarrierServer.StartAsync(lostStream, Cancelled);
        var (call, session) = await server.TalkAsync(Cancelled);

        server.Cut(call);

        var report = await CarrierServer.BackAsync(call, Cancelled);
        TestContext.Current.TestOutputHelper?.WriteLine($"{lostStream}: {report.Interruptions[0].SilenceMs} ms without the assistant");
        Assert.Empty(report.Errors);
        Assert.Equal(SessionState.Active, (await server.Sessions.RowAsync(session, Cancelled)).State);

        // Of an assistant that is cut off in its first syllable there is nothing to be written.
        bool resumed = false;
        await server.Sessions.UntilFactAsync<SessionFact>(
            session, fact => (resumed |= fact is CallResumed) && fact is TurnFinished, "nothing that was said after the interruption was written", Cancelled);
        call.HangUp();
        var row = await server.Sessions.UntilAsync(session, row => row.State == SessionState.Completed, "the session did not end", Cancelled);
        Assert.Equal(EndReason.CallerHungUp, row.EndReason);
        var facts = await server.FactsAsync(session, Cancelled);
        Assert.All(facts.OfType<CallResumed>(), resumed => Assert.InRange(resumed.GapMs, 1, 10_000));
        Assert.InRange(facts.OfType<CallResumed>().Count(), 1, report.Interruptions.Count);

        // A carrier that is back at once takes the session over before the old call has noticed.
        Assert.All(facts.OfType<CallInterrupted>(), interrupted => Assert.Equal(EndReason.TalkCarrierLost, interrupted.Reason));
        Assert.True(lostStream == "go_on" || facts.OfType<CallInterrupted>().Any(), "the interruption was not written");
        var before = facts.TakeWhile(fact => fact is not CallResumed).OfType<TurnFinished>().Max(turn => turn.EndMs);
        var after = facts.SkipWhile(fact => fact is not CallInterrupted).OfType<TurnFinished>().ToList();
        Assert.All(after, turn => Assert.InRange(turn.StartMs, before, long.MaxValue));
    }

    [Fact]
    public async Task Two_interruptions_in_a_row_are_survived()
    {
        await using var server = await CarrierServer.StartAsync("wait", Cancelled);
        var (call, session) = await server.TalkAsync(Cancelled);

        server.Cut(call);
        await CarrierServer.BackAsync(call, Cancelled);
        server.Cut(call);
        await CarrierServer.BackAsync(call, Cancelled, interruptions: 2);

        var facts = await server.FactsAsync(session, Cancelled);
        Assert.Equal((2, 2), (facts.OfType<CallInterrupted>().Count(), facts.OfType<CallResumed>().Count()));
    }

    [Fact]
    public async Task A_caller_who_is_silent_after_the_break_hears_that_the_line_is_there_again()
    {
        await using var server = await CarrierServer.StartAsync("go_on", Cancelled);
        var (call, session) = await server.TalkAsync(Cancelled, silent: true);
        bool spoken = false;
        await server.Sessions.UntilFactAsync<TurnFinished>(
            session, turn => (spoken |= turn.Speaker == LegRole.Caller) && turn is { Speaker: LegRole.Ai, Interrupted: false }, "the answer was not heard to its end", Cancelled);
        int asked = server.OpenAI.Asked.Count;

        server.Cut(call);

        await CarrierServer.BackAsync(call, Cancelled);
        Assert.Contains("I am back. Please go on.", server.OpenAI.Asked[asked].Instructions, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_carrier_that_ends_the_call_over_it_ends_the_session()
    {
        await using var server = await CarrierServer.StartAsync("end", Cancelled);
        var (call, session) = await server.TalkAsync(Cancelled);

        server.Cut(call);

        var row = await server.Sessions.UntilAsync(session, row => row.State == SessionState.Completed, "the session did not end", Cancelled);
        Assert.Equal((EndReason.CallerHungUp, "Twilio reports the call as completed."), (row.EndReason!.Value, row.EndDetail));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_caller_who_gives_up_meanwhile_ends_the_session_by_the_callback_or_by_our_question(bool callback)
    {
        await using var server = await CarrierServer.StartAsync("wait", Cancelled);
        var (call, session) = await server.TalkAsync(Cancelled, status: callback);
        server.Cut(call);
        await server.Sessions.UntilFactAsync<CallInterrupted>(session, _ => true, "the interruption was not written", Cancelled);

        call.HangUp();

        var row = await server.Sessions.UntilAsync(session, row => row.State == SessionState.Completed, "the session did not end", Cancelled);
        Assert.Equal((EndReason.CallerHungUp, "Twilio reports the call as completed."), (row.EndReason!.Value, row.EndDetail));
    }

    [Fact]
    public async Task An_operator_ends_an_interrupted_call_and_the_caller_is_let_go_even_if_the_databases_answer_is_lost()
    {
        var lost = new Sessions.LostAnswer();
        await using var server = await CarrierServer.StartAsync("wait", Cancelled, change: lost.Install);
        var (call, session) = await server.TalkAsync(Cancelled);
        server.Cut(call);
        await server.Sessions.UntilFactAsync<CallInterrupted>(session, _ => true, "the interruption was not written", Cancelled);

        // The conversation's end is the first commit, the session's the second.
        lost.Arm(commit: 2);
        await server.Sessions.Commands.EndAsync(session, "o@x.example", "Enough", null, Cancelled);
        Assert.True(lost.Happened);

        var row = await server.Sessions.UntilAsync(session, row => row.State == SessionState.Completed, "the session did not end", Cancelled);
        Assert.Equal(EndReason.OperatorEnded, row.EndReason);
        var end = (await call.Completion.WaitAsync(Sessions.SessionServer.Patience, Cancelled)).End!;
        Assert.Equal((CallEnder.App, "rest"), (end.By, end.How));
    }

    [Fact]
    public async Task A_call_is_moved_without_a_word_about_it()
    {
        await using var server = await CarrierServer.StartAsync("wait", Cancelled);
        var (call, session) = await server.TalkAsync(Cancelled);
        var live = server.Sessions.Calls.Find(session)!;

        Assert.True(await server.Sessions.Get<CallRecovery>().MoveAsync(live, Cancelled));

        await CarrierServer.BackAsync(call, Cancelled);
        await live.Ended.WaitAsync(Sessions.SessionServer.Patience, Cancelled);
        var facts = await server.FactsAsync(session, Cancelled);
        Assert.Empty(facts.OfType<CallInterrupted>());
        Assert.Equal(0, Assert.Single(facts.OfType<CallResumed>()).GapMs);
        Assert.Equal(SessionState.Active, (await server.Sessions.RowAsync(session, Cancelled)).State);
        call.HangUp();
        await server.Sessions.UntilAsync(session, row => row.State == SessionState.Completed, "the session did not end", Cancelled);
    }

    [Fact]
    public async Task A_carrier_that_does_not_answer_may_have_moved_the_call_all_the_same()
    {
        await using var rest = await FakeRest.StartAsync(Cancelled);
        await using var server = await CarrierServer.StartAsync("wait", Cancelled, api: rest.Url);
        rest.Answer = request => request.Form is null ? (200, """{"status":"in-progress"}""") : (503, "");
        var (call, session) = await server.TalkAsync(Cancelled, status: false);
        var live = server.Sessions.Calls.Find(session)!;

        Assert.True(await server.Sessions.Get<CallRecovery>().MoveAsync(live, Cancelled));

        // It stops the old stream, as it does when the caller hangs up.
        call.HangUp();
        await live.Ended.WaitAsync(Sessions.SessionServer.Patience, Cancelled);
        var row = await server.Sessions.RowAsync(session, Cancelled);
        Assert.Equal((SessionState.Active, EndReason.TalkServerStopping), (row.State, row.InterruptedBy));
    }

    [Fact]
    public async Task What_cannot_be_brought_back_is_given_up_with_the_reason_and_the_caller_hears_an_apology()
    {
        await using var rest = await FakeRest.StartAsync(Cancelled);
        await using var server = await CarrierServer.StartAsync("wait", Cancelled, grace: TimeSpan.FromSeconds(2), api: rest.Url);
        rest.Answer = request => request.Form is null ? (200, """{"status":"in-progress"}""") : (200, "{}");
        var (call, session) = await server.TalkAsync(Cancelled);

        server.Cut(call);

        var row = await server.Sessions.UntilAsync(session, row => row.State == SessionState.Failed, "the session was not given up", Cancelled);
        Assert.Equal(EndReason.TalkCarrierLost, row.EndReason);
        Assert.Equal("The connection to the caller was lost, and the call did not come back within 2 seconds.", row.EndDetail);
        Assert.Contains(rest.Asked, asked => asked.Form?.GetValueOrDefault("Url")?.Contains("/after-stream?redirected=1#rc=5", StringComparison.Ordinal) == true);
        Assert.Contains("<Hangup", rest.Asked[^1].Form!["Twiml"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_node_that_only_slept_can_no_longer_write_once_its_calls_were_taken_for_lost()
    {
        await using var server = await Sessions.SessionServer.StartAsync(Cancelled, limits: new SessionLimits { SweepInterval = TimeSpan.FromHours(1) });
        var row = await server.CreateAsync(Cancelled);
        var grain = server.Get<IGrainFactory>().GetGrain<ISessionGrain>(row.Id);
        var node = server.Get<NodeLink>().Reference(server.Get<IGrainFactory>());
        var asleep = await grain.AttachAsync(node, "10.0.0.1:1@1", Guid.NewGuid());
        var before = new FactBatch(asleep!.Epoch, 0, [new(new CarrierConnected("twilio", "CA1", "MZ1"), DateTimeOffset.UnixEpoch)]);
        Assert.True(await grain.AppendAsync(before));

        await grain.ReapAsync();

        Assert.NotNull((await server.RowAsync(row.Id, Cancelled)).InterruptedAt);
        Assert.False(await grain.AppendAsync(before with { Before = 1 }));
        Assert.False(await grain.RenewAsync(asleep.Epoch, node));
        var events = await server.Journal.EventsAsync(row.Id, 0, 100, Cancelled);
        Assert.Equal(EndReason.TalkServerLost, Assert.IsType<CallInterrupted>(events[^1].Data).Reason);
    }

    [Fact]
    public async Task A_carrier_that_is_just_coming_back_by_itself_is_neither_told_to_nor_hurried()
    {
        await using var server = await Sessions.SessionServer.StartAsync(Cancelled, limits: new SessionLimits { SweepInterval = TimeSpan.FromHours(1) });
        var (grain, epoch) = await AwayAsync(server);
        Assert.True(await grain.RedirectingAsync(epoch));
        await grain.RedirectedAsync(taken: true);

        Assert.Equal(AfterStream.ComeBack, await grain.AfterStreamAsync(redirected: false));

        Assert.False(await grain.RedirectingAsync(epoch));
        Assert.True(await grain.IsAwayAsync(epoch));

        // Nor does it go round in circles when it cannot open the stream: nobody answers its next question at once.
        Assert.Equal(AfterStream.AskAgain, await grain.AfterStreamAsync(redirected: false));
    }

    [Fact]
    public async Task A_carrier_that_comes_by_itself_while_it_is_being_told_to_opens_one_stream_only()
    {
        await using var server = await Sessions.SessionServer.StartAsync(Cancelled, limits: new SessionLimits { SweepInterval = TimeSpan.FromHours(1) });
        var (grain, epoch) = await AwayAsync(server);
        Assert.True(await grain.RedirectingAsync(epoch));

        // What it opened now, the redirect would stop. The redirect itself is not kept waiting.
        Assert.Equal(AfterStream.AskAgain, await grain.AfterStreamAsync(redirected: false));
        Assert.Equal(AfterStream.ComeBack, await grain.AfterStreamAsync(redirected: true));
    }

    [Fact]
    public async Task A_carrier_that_refuses_to_be_told_may_come_by_itself()
    {
        await using var server = await Sessions.SessionServer.StartAsync(Cancelled, limits: new SessionLimits { SweepInterval = TimeSpan.FromHours(1) });
        var (grain, epoch) = await AwayAsync(server);
        Assert.True(await grain.RedirectingAsync(epoch));

        await grain.RedirectedAsync(taken: false);

        Assert.Equal(AfterStream.ComeBack, await grain.AfterStreamAsync(redirected: false));
    }

    [Fact]
    public async Task A_socket_that_asks_twice_is_attached_once()
    {
        await using var server = await Sessions.SessionServer.StartAsync(Cancelled, limits: new SessionLimits { SweepInterval = TimeSpan.FromHours(1) });
        var row = await server.CreateAsync(Cancelled);
        var grain = server.Get<IGrainFactory>().GetGrain<ISessionGrain>(row.Id);
        var node = server.Get<NodeLink>().Reference(server.Get<IGrainFactory>());
        var socket = Guid.NewGuid();

        var first = await grain.AttachAsync(node, "n", socket);
        var again = await grain.AttachAsync(node, "n", socket);
        var other = await grain.AttachAsync(node, "n", Guid.NewGuid());

        Assert.Equal((1, false, 1, 2, true), (first!.Epoch, first.Continued, again!.Epoch, other!.Epoch, other.Continued));
        Assert.Single(await server.Journal.EventsAsync(row.Id, 0, 100, Cancelled), happened => happened.Data is CallResumed);
    }

    [Fact]
    public async Task The_last_words_of_a_call_that_was_taken_over_are_still_written()
    {
        await using var server = await Sessions.SessionServer.StartAsync(Cancelled, limits: new SessionLimits { SweepInterval = TimeSpan.FromHours(1) });
        var first = await server.StartCallAsync(Cancelled);
        var second = await server.AttachAsync(first.Id, Cancelled);
        second.Connect();

        first.Say(LegRole.Caller, "Said while the line broke.");
        await first.EndAsync(EndReason.TalkServerLost);

        Assert.Contains(await server.Journal.TurnsAsync(first.Id, Cancelled), turn => turn.Data is TurnFinished { Text: "Said while the line broke." });
        await second.EndAsync(EndReason.CallerHungUp);
        Assert.Equal(SessionState.Completed, (await server.RowAsync(first.Id, Cancelled)).State);
    }

    /// <summary>A session whose call was lost with its node, and its epoch since.</summary>
    private static async Task<(ISessionGrain Grain, long Epoch)> AwayAsync(Sessions.SessionServer server)
    {
        var row = await server.CreateAsync(Cancelled);
        var grain = server.Get<IGrainFactory>().GetGrain<ISessionGrain>(row.Id);
        await grain.AttachAsync(server.Get<NodeLink>().Reference(server.Get<IGrainFactory>()), "10.0.0.1:1@1", Guid.NewGuid());
        await grain.ReapAsync();
        return (grain, (await server.RowAsync(row.Id, Cancelled)).Epoch);
    }
}
