using System.Diagnostics.Metrics;
using Kraliki.Contracts;
using Kraliki.Server.Hosting;
using Kraliki.Server.HotTier;
using Kraliki.Server.Providers;
using Kraliki.Voice.Providers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Kraliki.Server.Tests.Providers;

/// <summary>Breakers of two nodes over one database. Each has the server's own parts, but a clock that the test moves.</summary>
public sealed class BreakersTests(BreakersTests.Shared shared) : IClassFixture<BreakersTests.Shared>, IAsyncDisposable
{
    private readonly RunningServer _server = shared.Server;
    private readonly DatabaseDoor _door = shared.Door;

    // Each test's own: the tests share the database.
    private readonly NamedProvider _provider = new($"somebody-{Guid.NewGuid():N}", "their-model");
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 3, 2, 9, 0, 0, TimeSpan.Zero));
    private readonly List<Breakers> _nodes = [];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        _door.Open();
        foreach (var node in _nodes)
        {
            await node.StopAsync(CancellationToken.None);
            node.Dispose();
        }
    }

    [Fact]
    public async Task Failures_of_calls_on_two_nodes_open_it_on_both()
    {
        var (one, two) = (await NodeAsync(), await NodeAsync());
        Fail(one, 3);
        await UntilAsync(two, () => two.View(_provider).Failures == 3, "the second node did not learn of the first one's failures");
        Assert.True(two.Allows(_provider));
        Fail(two, 2);
        Assert.False(two.Allows(_provider), "a failure does not hold at once on its own node");
        await UntilAsync(one, () => !one.Allows(_provider), "the first node did not learn that it opened");
        Assert.Equal((BreakerState.Open, 5, 0.0), (one.View(_provider).State, one.View(_provider).Calls, one.View(_provider).SuccessRate));
        var change = Assert.Single(await ChangesAsync());
        Assert.Equal((BreakerState.Closed, BreakerState.Open), (change.From, change.To));
    }

    [Fact]
    public async Task Of_two_nodes_one_probes_and_both_follow_its_result()
    {
        var (one, two) = (await NodeAsync(), await NodeAsync());
        Fail(one, 5);
        await UntilAsync(two, () => !two.Allows(_provider), "the second node did not learn that it opened");
        Assert.False(await one.TryBeginProbeAsync(_provider, Cancel), "it was probed before its time");

        _time.Advance(TimeSpan.FromSeconds(60));
        var begun = await Task.WhenAll(one.TryBeginProbeAsync(_provider, Cancel), two.TryBeginProbeAsync(_provider, Cancel));
        Assert.Single(begun, true);
        two.Probed(_provider, Passed());
        await UntilAsync(one, () => one.View(_provider) is { State: BreakerState.HalfOpen, LastProbe.Passed: true }, "the result of the first probe did not come over");
        Assert.False(one.Allows(_provider), "a customer's call may try it");
        one.Probed(_provider, Passed());
        await UntilAsync(two, () => two.Allows(_provider), "it did not close on the second node");
        Assert.Equal([BreakerState.Closed, BreakerState.HalfOpen, BreakerState.Open], (await ChangesAsync()).Select(change => change.To));
    }

    [Fact]
    public async Task Many_findings_of_two_nodes_at_once_are_all_counted()
    {
        var (one, two) = (await NodeAsync(), await NodeAsync());
        await Task.WhenAll(Task.Run(() => Answer(one, 20), Cancel), Task.Run(() => Answer(two, 20), Cancel));
        await UntilAsync(one, () => one.View(_provider).Calls == 40, $"not all calls of both nodes were counted");
    }

    [Fact]
    public async Task While_the_database_is_away_each_node_goes_by_its_own_calls_and_tells_the_others_later()
    {
        var (one, two) = (await NodeAsync(), await NodeAsync());
        _door.Refuse();
        Fail(one, 5);
        Assert.False(one.Allows(_provider));
        Assert.True(two.Allows(_provider));

        _time.Advance(TimeSpan.FromSeconds(60));
        Assert.True(await one.TryBeginProbeAsync(_provider, Cancel), "without the database nobody probes");
        one.Probed(_provider, new ProbeView(_time.GetUtcNow(), false, ProviderFailure.Stalled, "Silence.", 10, null));
        Assert.Equal(BreakerState.Open, one.View(_provider).State);

        _door.Open();
        await UntilAsync(two, () => two.View(_provider) is { State: BreakerState.Open, LastError: "Silence." }, "what was found out meanwhile did not reach the others");
        Assert.Equal([BreakerState.Open, BreakerState.HalfOpen, BreakerState.Open], (await ChangesAsync()).Select(change => change.To));
    }

    [Fact]
    public async Task A_node_that_starts_knows_what_was_found_out_and_a_reset_reaches_all()
    {
        var one = await NodeAsync();
        one.Failed(_provider, ProviderFailure.Unauthorized, "No such key.");
        await UntilAsync(one, () => one.View(_provider).State == BreakerState.Open, "it did not open");
        await UntilChangesAsync(one, 1);
        var late = await NodeAsync();
        Assert.False(late.Allows(_provider));

        var view = await late.ResetAsync(_provider, "admin@demo.example", Cancel);
        Assert.Equal((BreakerState.Closed, 0), (view.State, view.Failures));
        await UntilAsync(one, () => one.Allows(_provider), "the reset did not reach the first node");
        Assert.Equal("admin@demo.example", (await ChangesAsync())[0].By);
    }

    [Fact]
    public async Task Another_model_of_the_same_provider_has_its_own_breaker()
    {
        var one = await NodeAsync();
        Fail(one, 5);
        Assert.True(one.Allows(new NamedProvider(_provider.Name, "another-model")));
    }

    private void Fail(Breakers node, int times)
    {
        for (var i = 0; i < times; i++)
        {
            node.Failed(_provider, ProviderFailure.Lost, new string('x', 2_000));
        }
    }

    private void Answer(Breakers node, int times)
    {
        for (var i = 0; i < times; i++)
        {
            node.Answered(_provider, TimeSpan.FromMilliseconds(i));
        }
    }

    private ProbeView Passed() => new(_time.GetUtcNow(), true, null, "Fine.", 10, 20);

    private async Task<Breakers> NodeAsync()
    {
        var services = _server.Services;
        var node = new Breakers(
            services.GetRequiredService<BreakerTables>(),
            services.GetRequiredService<RedisConnection>(),
            services.GetRequiredService<KralikiOptions>(),
            services.GetRequiredService<IMeterFactory>(),
            _time,
            NullLogger<Breakers>.Instance);
        await node.StartAsync(Cancel);
        _nodes.Add(node);
        return node;
    }

    private async Task<IReadOnlyList<BreakerChange>> ChangesAsync() =>
        [.. (await _server.Services.GetRequiredService<BreakerTables>().ChangesAsync(50, Cancel)).Where(change => change.Provider == _provider.Name)];

    private async Task UntilChangesAsync(Breakers node, int count)
    {
        var seen = 0;
        await UntilAsync(node, () => seen >= count, "the change was not written", async () => seen = (await ChangesAsync()).Count);
    }

    /// <summary>Lets rounds pass on all nodes until it holds.</summary>
    private async Task UntilAsync(Breakers node, Func<bool> holds, string otherwise, Func<Task>? look = null)
    {
        // Fifty rounds, of twenty seconds at the least: on a machine that has much else to do fewer pass in a second.
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        for (int step = 0; !holds(); step++)
        {
            Assert.True(step < 1_000, $"{otherwise}: {node.View(_provider)}");
            _time.Advance(Breakers.Interval / 20);
            await pause.WaitForNextTickAsync(Cancel);
            if (look is not null)
            {
                await look();
            }
        }
    }

    public sealed class Shared : IAsyncLifetime
    {
        internal RunningServer Server { get; private set; } = null!;

        internal DatabaseDoor Door { get; } = new();

        public async ValueTask InitializeAsync() =>
            Server = await RunningServer.StartAsync(Cancel, new ServerSetup(Settings: RunningServer.Silent, Change: builder => Door.Install(builder.Services)));

        public ValueTask DisposeAsync() => Server.DisposeAsync();
    }

    private sealed class NamedProvider(string name, string model) : IVoiceProvider
    {
        public string Name => name;

        public ProviderCapabilities Capabilities { get; } = new([VoiceStrategy.Realtime], true, true, true, model);

        public IProviderConnection Connect(ProviderSetup setup, IProviderEvents events) => throw new NotSupportedException("Nobody calls it.");
    }
}
