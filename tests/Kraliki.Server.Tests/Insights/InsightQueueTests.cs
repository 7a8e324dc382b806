using System.Diagnostics.Metrics;
using Kraliki.Contracts;
using Kraliki.Server.Insights;
using Kraliki.Server.Operations.Flags;
using Kraliki.Server.Tests.Sessions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.Metrics.Testing;

namespace Kraliki.Server.Tests.Insights;

public sealed class InsightQueueTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_analyzer_that_stalls_or_fails_costs_its_own_facts_only_and_the_call_goes_on()
    {
        using var stuck = new Trouble("stuck", over => over.WaitHandle.WaitOne());
        using var broken = new Trouble("broken", _ => throw new InvalidOperationException("boom"));
        await using var server = await SessionServer.StartAsync(Cancelled, settings: RunningServer.Silent, change: services =>
        {
            services.AddSingleton<IAnalyzer>(stuck);
            services.AddSingleton<IAnalyzer>(broken);
            services.AddAnalyzers();
        });
        using var skipped = new MetricCollector<long>(server.Get<IMeterFactory>(), InsightQueue.MeterName, "kraliki.insight.skipped");
        var call = await server.StartCallAsync(Cancelled);

        call.Say(LegRole.Caller, "this is terrible", "t1");
        await MeasuredAsync("t1");
        call.Say(LegRole.Caller, "i want to cancel", "t2");
        await MeasuredAsync("t2");
        await call.EndAsync(EndReason.CallerHungUp);

        Assert.Equal(SessionState.Completed, (await server.RowAsync(call.Id, Cancelled)).State);
        Assert.Equal(
            ["broken failed", "broken failed", "stuck stalled", "stuck stalled"],
            skipped.GetMeasurementSnapshot().Select(one => $"{one.Tags["analyzer"]} {one.Tags["reason"]}").Order());
        Assert.Equal(1, stuck.Asked);

        Task<SentimentMeasured> MeasuredAsync(string turn) =>
            server.UntilFactAsync<SentimentMeasured>(call.Id, fact => fact.TurnId == turn, $"the mood of {turn} was not measured", Cancelled);
    }

    [Fact]
    public async Task What_is_found_out_about_the_last_words_is_told_before_the_end()
    {
        using var slow = new Trouble("slow", over => over.WaitHandle.WaitOne());
        await using var server = await SessionServer.StartAsync(Cancelled, limits: new() { LastInsights = SessionServer.Patience }, change: services =>
        {
            services.AddSingleton<IAnalyzer>(slow);
            services.AddAnalyzers();
        });
        var call = await server.StartCallAsync(Cancelled);
        await using var socket = server.Watch(call.Id);
        var told = socket.ReadAsync(Cancelled).OfType<EventMessage>().Select(happened => happened.Data).ToListAsync(Cancelled).AsTask();

        call.Say(LegRole.Caller, "this is terrible", "last");
        var ending = call.EndAsync(EndReason.CallerHungUp);
        await server.UntilFactAsync<MediaEnded>(call.Id, _ => true, "the end of the media was not written", Cancelled);
        slow.GiveUp();
        await ending;

        var facts = await told.WaitAsync(SessionServer.Patience, Cancelled);
        Assert.Equal("last", Assert.Single(facts.OfType<SentimentMeasured>()).TurnId);
        Assert.Equal(SessionState.Completed, Assert.IsType<StateChanged>(facts[^1]).To);
    }

    [Fact]
    public async Task An_analyzer_that_says_nothing_holds_up_the_end_for_a_moment_only()
    {
        using var stuck = new Trouble("stuck", over => over.WaitHandle.WaitOne());
        await using var server = await SessionServer.StartAsync(
            Cancelled, limits: new() { LastInsights = TimeSpan.FromMilliseconds(100) }, change: services => services.AddSingleton<IAnalyzer>(stuck));
        var call = await server.StartCallAsync(Cancelled);

        call.Say(LegRole.Caller, "this is terrible");
        await call.EndAsync(EndReason.CallerHungUp).WaitAsync(InsightQueue.Patience, Cancelled);

        Assert.Equal(SessionState.Completed, (await server.RowAsync(call.Id, Cancelled)).State);
    }

    [Fact]
    public async Task When_more_turns_come_than_can_be_analyzed_the_oldest_are_left_out_and_counted()
    {
        await using var server = await SessionServer.StartAsync(Cancelled, settings: RunningServer.Silent);
        using var skipped = new MetricCollector<long>(server.Get<IMeterFactory>(), InsightQueue.MeterName, "kraliki.insight.skipped");
        IEnumerable<IAnalyzer> analyzers = [new SentimentAnalyzer()];
        using var queue = ActivatorUtilities.CreateInstance<InsightQueue>(server.Host.Services, analyzers);
        var session = await server.CreateAsync(Cancelled);

        for (var i = 1; i <= InsightQueue.Capacity + 2; i++)
        {
            _ = queue.Offer(new HeardTurn(session.Id, server.Organisation, new TurnFinished($"t{i}", LegRole.Caller, "terrible", 0, 100), new ConversationMood()));
        }

        Assert.Equal(["sentiment queue_full", "sentiment queue_full"], skipped.GetMeasurementSnapshot().Select(one => $"{one.Tags["analyzer"]} {one.Tags["reason"]}"));
        await queue.StartAsync(Cancelled);
        var first = await server.UntilFactAsync<SentimentMeasured>(session.Id, _ => true, "nothing was measured", Cancelled);
        Assert.Equal("t3", first.TurnId);
        await queue.StopAsync(Cancelled);
    }

    /// <param name="trouble">Runs until the test is over.</param>
    private sealed class Trouble(string name, Action<CancellationToken> trouble) : IAnalyzer, IDisposable
    {
        private readonly CancellationTokenSource _over = new();

        public int Asked { get; private set; }

        public string Name => name;

        public Flag Flag => Flag.SentimentAnalysis;

        public ValueTask<IReadOnlyList<SessionFact>> AnalyzeAsync(HeardTurn turn, IReadOnlyList<SessionFact> found, CancellationToken cancellationToken)
        {
            Asked++;
            trouble(_over.Token);
            return new([]);
        }

        public void GiveUp() => _over.Cancel();

        public void Dispose()
        {
            _over.Cancel();
            _over.Dispose();
        }
    }
}
