using System.Diagnostics.Metrics;
using Kraliki.Contracts;
using Kraliki.Server.Hosting;
using Kraliki.Server.HotTier;
using Kraliki.Server.Sessions.Journal;
using Kraliki.Tests.Shared;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Kraliki.Server.Tests.HotTier;

public sealed class HotSessionsTests : IAsyncLifetime
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly List<IAsyncDisposable> _nodes = [];
    private RedisServer _redis = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _redis = await RedisServer.StartAsync(Cancel);

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }

        await _services.DisposeAsync();
        await _redis.DisposeAsync();
    }

    [Fact]
    public async Task What_one_node_has_committed_every_other_can_read()
    {
        var (here, there) = (await NodeAsync(), await NodeAsync());
        var row = Row(lastSeq: 3) with { PhoneNumber = "+491701234567", Metadata = new() { ["crm"] = "42" }, StartedAt = DateTimeOffset.UnixEpoch };

        here.Sessions.Keep(row, Events(1, 3));

        var events = await there.UntilEventsAsync(row.Id, afterSeq: 0, count: 3);
        Assert.Equal([1, 2, 3], events.Select(happened => happened.Seq));
        Assert.Equal("3", Assert.IsType<DtmfReceived>(events[2].Data).Digit);
        Assert.Equal([2, 3], (await there.Sessions.EventsAsync(row.Id, 1, 10, lastResort: true))!.Select(happened => happened.Seq));
        Assert.Equal([1, 2], (await there.Sessions.EventsAsync(row.Id, 0, 2, lastResort: true))!.Select(happened => happened.Seq));
        var read = await there.Sessions.RowAsync(row.Id);
        Assert.Equal(row.Metadata, read!.Metadata);
        Assert.Equal(row, read with { Metadata = row.Metadata, Usage = row.Usage });
        Assert.Null(await there.Sessions.RowAsync(Guid.NewGuid()));
    }

    [Fact]
    public async Task An_older_write_never_replaces_a_newer_one()
    {
        var (slow, fast) = (await NodeAsync(), await NodeAsync());
        var old = Row(lastSeq: 2);
        var takenOver = old with { Epoch = 1, LastSeq = 4, OwnerFacts = 2, Provider = "openai" };
        fast.Sessions.Keep(takenOver, Events(3, 4));
        await fast.UntilEventsAsync(old.Id, afterSeq: 2, count: 2);

        // What comes late is seen to have come by a write behind it.
        var marker = Row(lastSeq: 2);
        slow.Sessions.Keep(old, Events(1, 2));
        slow.Sessions.Keep(marker, Events(1, 2));
        await slow.UntilEventsAsync(marker.Id, afterSeq: 0, count: 2);

        var row = await fast.Sessions.RowAsync(old.Id);
        Assert.Equal((4, 1, "openai"), (row!.LastSeq, row.Epoch, row.Provider));
        Assert.Equal([3, 4], (await fast.Sessions.EventsAsync(old.Id, 2, 10, lastResort: true))!.Select(happened => happened.Seq));
    }

    [Fact]
    public async Task A_gap_is_never_read_over()
    {
        var node = await NodeAsync();
        var row = Row(lastSeq: 2);
        node.Sessions.Keep(row, Events(1, 2));
        await node.UntilEventsAsync(row.Id, afterSeq: 0, count: 2);

        node.Sessions.Keep(row with { LastSeq = 6 }, Events(5, 6));

        await node.UntilEventsAsync(row.Id, afterSeq: 4, count: 2);
        Assert.Null(await node.Sessions.EventsAsync(row.Id, afterSeq: 0, 10, lastResort: true));
        Assert.Null(await node.Sessions.EventsAsync(row.Id, afterSeq: 3, 10, lastResort: true));
        Assert.Null(await node.Sessions.EventsAsync(row.Id, afterSeq: 6, 10, lastResort: true));
    }

    [Fact]
    public async Task Only_the_newest_events_are_kept_and_written_one_by_one_or_many_at_once_they_are_the_same()
    {
        var node = await NodeAsync();
        var (one, many) = (Row(lastSeq: 0), Row(lastSeq: 0));
        for (var seq = 1; seq <= 300; seq++)
        {
            node.Sessions.Keep(one with { LastSeq = seq }, Events(seq, seq));
        }

        node.Sessions.Keep(many with { LastSeq = 300 }, Events(1, 300));

        foreach (var session in new[] { one.Id, many.Id })
        {
            var newest = await node.UntilEventsAsync(session, afterSeq: 300 - HotSessions.Recent, HotSessions.Recent);
            Assert.Equal(300, newest[^1].Seq);
            Assert.Null(await node.Sessions.EventsAsync(session, 300 - HotSessions.Recent - 1, 1, lastResort: true));
        }
    }

    [Fact]
    public async Task Entries_of_ended_sessions_go_sooner_and_none_stays_for_ever()
    {
        var node = await NodeAsync();
        var (running, ended) = (Row(lastSeq: 1), Row(lastSeq: 1) with { State = SessionState.Completed });
        node.Sessions.Keep(running, Events(1, 1));
        node.Sessions.Keep(ended, Events(1, 1));
        await node.UntilEventsAsync(running.Id, 0, 1);
        await node.UntilEventsAsync(ended.Id, 0, 1);

        await using var client = await _redis.ConnectAsync();
        foreach (var (session, minutes) in new[] { (running.Id, 30), (ended.Id, 5) })
        {
            foreach (var kind in new[] { "session", "events" })
            {
                var left = await client.GetDatabase().KeyTimeToLiveAsync($"kraliki:{kind}:{{{session:N}}}");
                Assert.InRange(left!.Value, TimeSpan.FromMinutes(minutes - 1), TimeSpan.FromMinutes(minutes));
            }
        }
    }

    [Fact]
    public async Task What_was_flushed_is_there_again_with_the_next_commit()
    {
        var node = await NodeAsync();
        var row = Row(lastSeq: 2);
        node.Sessions.Keep(row, Events(1, 2));
        await node.UntilEventsAsync(row.Id, 0, 2);

        await using var client = await _redis.ConnectAsync();
        await client.GetServer("127.0.0.1", _redis.Port).FlushAllDatabasesAsync();
        Assert.Null(await node.Sessions.EventsAsync(row.Id, 0, 10, lastResort: true));

        node.Sessions.Keep(row with { LastSeq = 3 }, Events(3, 3));
        await node.UntilEventsAsync(row.Id, 2, 1);
        Assert.Equal(3, (await node.Sessions.RowAsync(row.Id))!.LastSeq);
    }

    [Fact]
    public async Task An_entry_that_another_version_has_written_counts_as_none()
    {
        var node = await NodeAsync();
        var row = Row(lastSeq: 1);
        node.Sessions.Keep(row, Events(1, 1));
        await node.UntilEventsAsync(row.Id, 0, 1);

        await using var client = await _redis.ConnectAsync();
        await client.GetDatabase().HashSetAsync($"kraliki:session:{{{row.Id:N}}}", "row", """{"Id":"of another shape"}""");
        await client.GetDatabase().ListSetByIndexAsync($"kraliki:events:{{{row.Id:N}}}", 0, """{"kind":"of_the_future"}""");

        Assert.Null(await node.Sessions.RowAsync(row.Id));
        Assert.Null(await node.Sessions.EventsAsync(row.Id, 0, 10, lastResort: true));
    }

    private static SessionRow Row(long lastSeq)
    {
        var born = SessionRow.Born(Guid.CreateVersion7(), Guid.NewGuid(), new SessionCreated("local", VoiceStrategy.Realtime, "twilio", null, new Dictionary<string, string>()), DateTimeOffset.UnixEpoch);
        return born with { LastSeq = lastSeq };
    }

    private static SessionEvent[] Events(int from, int to) =>
        [.. Enumerable.Range(from, to - from + 1).Select(seq => new SessionEvent(seq, DateTimeOffset.UnixEpoch, new DtmfReceived($"{seq}", 5)))];

    private async Task<Node> NodeAsync()
    {
        var options = new KralikiOptions(null, Path.GetTempPath(), Demo: true, new(new(null, null, null, null)), new(new(null, null, null))) { Redis = new(_redis.ConnectionString) };

        // Patient, because tests may run on a machine that has much else to do.
        var limits = new HotTierLimits { RequestPatience = TimeSpan.FromSeconds(5), LastResortPatience = TimeSpan.FromSeconds(5) };
        var meters = _services.GetRequiredService<IMeterFactory>();
        var redis = new RedisConnection(options, limits, meters, TimeProvider.System, NullLogger<RedisConnection>.Instance);
        var node = new Node(redis, new HotSessions(redis, limits, meters, TimeProvider.System));
        _nodes.Add(node);
        await redis.StartAsync(Cancel);
        await node.Sessions.StartAsync(Cancel);
        await redis.UntilAsync(open: true, Cancel).WaitAsync(TimeSpan.FromSeconds(20), Cancel);
        return node;
    }

    private sealed record Node(RedisConnection Redis, HotSessions Sessions) : IAsyncDisposable
    {
        /// <summary>Writing is never waited for, so a reader can only look again.</summary>
        public Task<List<SessionEvent>> UntilEventsAsync(Guid session, long afterSeq, int count) => Until.FoundAsync(
            async () => await Sessions.EventsAsync(session, afterSeq, 1_000, lastResort: true) is { } events && events.Count == count ? events : null,
            $"{count} events after {afterSeq} did not reach Redis",
            Cancel);

        public async ValueTask DisposeAsync()
        {
            await Sessions.StopAsync(CancellationToken.None);
            await Redis.StopAsync(CancellationToken.None);
            Sessions.Dispose();
            Redis.Dispose();
        }
    }
}
