using Kraliki.Contracts;
using Kraliki.Server.Sessions;
using Kraliki.Server.Sessions.Calls;
using Kraliki.Voice.Calls;
using Microsoft.Extensions.DependencyInjection;

namespace Kraliki.Server.Tests.Sessions;

/// <summary>What was committed and not answered is asked for again: then nothing is written twice, and what was to follow the commit still does.</summary>
public sealed class LostAnswerTests : IAsyncLifetime
{
    private readonly LostAnswer _lost = new();
    private readonly FirstQuestion _asked = new();
    private SessionServer _server = null!;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private INodeLink Node => _server.Get<NodeLink>().Reference(_server.Get<IGrainFactory>());

    public async ValueTask InitializeAsync() => _server = await SessionServer.StartAsync(
        Cancelled,
        limits: new() { SweepInterval = TimeSpan.FromHours(1), RecoveryGrace = TimeSpan.FromSeconds(3) },
        settings: RunningServer.Silent,
        change: services =>
        {
            _lost.Install(services);
            services.AddSingleton<IIncomingGrainCallFilter>(_asked);
        });

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task A_socket_takes_the_session_over_once_and_an_older_one_that_asks_again_does_not_take_it_back()
    {
        var row = await _server.CreateAsync(Cancelled);
        var grain = Grain(row.Id);
        var (older, newer) = (Guid.NewGuid(), Guid.NewGuid());
        await grain.AttachAsync(Node, "n", older);

        _lost.Arm();
        var attached = await AgainAsync(() => grain.AttachAsync(Node, "n", newer));

        Assert.True(_lost.Happened);
        Assert.Equal((2, true), (attached!.Epoch, attached.Continued));
        await ForgetAsync(grain);
        Assert.Equal(2, (await grain.AttachAsync(Node, "n", newer))!.Epoch);
        Assert.Null(await grain.AttachAsync(Node, "n", older));
        Assert.Equal(2, (await _server.RowAsync(row.Id, Cancelled)).Epoch);
        Assert.Single(await FactsAsync<CallResumed>(row.Id));
    }

    [Fact]
    public async Task The_call_before_is_told_that_it_was_taken_over()
    {
        var call = await _server.StartCallAsync(Cancelled);

        _lost.Arm();
        await AgainAsync(() => Grain(call.Id).AttachAsync(Node, "n", Guid.NewGuid()));

        Assert.True(_lost.Happened);
        Assert.Equal(EndReason.TalkServerLost, Assert.IsType<EndCall>(await call.CommandAsync(Cancelled)).Reason);
        await call.EndAsync(EndReason.TalkServerLost);
    }

    [Fact]
    public async Task Last_words_are_written_once()
    {
        var first = await _server.StartCallAsync(Cancelled);
        first.Say(LegRole.Caller, "One.");
        await _server.UntilFactAsync<TurnFinished>(first.Id, _ => true, "the turn was not written", Cancelled);
        var second = await _server.AttachAsync(first.Id, Cancelled);

        _lost.Arm();
        first.Say(LegRole.Caller, "Two.");
        first.Say(LegRole.Caller, "Three.");
        await first.EndAsync(EndReason.TalkServerLost);

        Assert.True(_lost.Happened);
        Assert.Equal(["One.", "Two.", "Three."], (await FactsAsync<TurnFinished>(first.Id)).Select(turn => turn.Text));
        await second.EndAsync(EndReason.CallerHungUp);
    }

    [Fact]
    public async Task An_operators_line_reaches_the_assistant_once()
    {
        var call = await _server.StartCallAsync(Cancelled);

        _lost.Arm();
        Assert.Equal(DeliveryOutcome.Delivered, await _server.Commands.InstructAsync(call.Id, "Be brief.", "o@x.example"));
        Assert.True(_lost.Happened);
        Assert.Equal(DeliveryOutcome.Delivered, await _server.Commands.InstructAsync(call.Id, "Be kind.", "o@x.example"));

        Assert.Equal(new InstructProvider("Be brief."), await call.CommandAsync(Cancelled));
        Assert.Equal(new InstructProvider("Be kind."), await call.CommandAsync(Cancelled));
        Assert.Equal(2, (await FactsAsync<OperatorText>(call.Id)).Count);
        await call.EndAsync(EndReason.CallerHungUp);
    }

    [Fact]
    public async Task An_accepted_suggestion_reaches_the_assistant()
    {
        var call = await _server.StartCallAsync(Cancelled);
        await Grain(call.Id).RecordAsync([new SuggestionMade("s1", SuggestionCategory.Reply, "It costs ten.", "asked", "test", "t1")], Guid.CreateVersion7());

        _lost.Arm();
        var outcome = await _server.Commands.DecideAsync(call.Id, "s1", SuggestionDecision.Accepted, null, "o@x.example");

        Assert.True(_lost.Happened);
        Assert.Equal(DeliveryOutcome.Delivered, outcome.Result);
        Assert.Equal(new InstructProvider("It costs ten."), await call.CommandAsync(Cancelled));
        Assert.Single(await FactsAsync<SuggestionDecided>(call.Id));
        await call.EndAsync(EndReason.CallerHungUp);
    }

    [Fact]
    public async Task The_caller_of_an_interrupted_call_is_brought_back_or_given_up()
    {
        var call = await _server.StartCallAsync(Cancelled);

        _lost.Arm();
        await AgainAsync(async () =>
        {
            await Grain(call.Id).CompleteAsync(call.Live.Epoch, new CallOutcome(EndReason.TalkCarrierLost, "Test."));
            return true;
        });

        Assert.True(_lost.Happened);
        var row = await _server.UntilAsync(call.Id, row => row.State == SessionState.Failed, "nobody looked after the caller", Cancelled);
        Assert.Contains("did not come back", row.EndDetail, StringComparison.Ordinal);
        Assert.Single(await FactsAsync<CallInterrupted>(call.Id));
        await call.Live.DisposeAsync();
    }

    [Fact]
    public async Task A_hang_up_soon_after_the_comeback_is_no_redirect_when_the_carrier_was_never_asked()
    {
        // No carrier is known of this call, so nothing can be redirected.
        var call = await _server.StartCallAsync(Cancelled);
        await call.EndAsync(EndReason.TalkCarrierLost);
        await _asked.Asked.WaitAsync(SessionServer.Patience, Cancelled);

        var back = await _server.AttachAsync(call.Id, Cancelled);
        back.Connect();
        await back.EndAsync(EndReason.CallerHungUp);

        Assert.Equal(SessionState.Completed, (await _server.RowAsync(call.Id, Cancelled)).State);
    }

    private static Task<T> AgainAsync<T>(Func<Task<T>> call) => GrainCalls.RepeatAsync(call, TimeProvider.System, Cancelled);

    private static async Task ForgetAsync(ISessionGrain grain) => await grain.Cast<Orleans.Core.Internal.IGrainManagementExtension>().DeactivateOnIdle();

    private ISessionGrain Grain(Guid session) => _server.Get<IGrainFactory>().GetGrain<ISessionGrain>(session);

    private async Task<List<T>> FactsAsync<T>(Guid session)
        where T : SessionFact =>
        [.. (await _server.Journal.EventsAsync(session, 0, 100, Cancelled)).Select(happened => happened.Data).OfType<T>()];

    /// <summary>Notices when the recovery of a call has asked its session for the first time.</summary>
    private sealed class FirstQuestion : IIncomingGrainCallFilter
    {
        private readonly TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Asked => _asked.Task;

        public async Task Invoke(IIncomingGrainCallContext context)
        {
            await context.Invoke();
            if (context.MethodName is nameof(ISessionGrain.IsAwayAsync) or nameof(ISessionGrain.RedirectingAsync))
            {
                _asked.TrySetResult();
            }
        }
    }
}
