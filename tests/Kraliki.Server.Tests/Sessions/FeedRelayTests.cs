using Kraliki.Contracts;
using Kraliki.Server.Cluster;
using Kraliki.Server.Sessions;
using Kraliki.Server.Sessions.Calls;
using Kraliki.Server.Sessions.Live;
using Kraliki.Tests.Shared;
using Microsoft.Extensions.Logging.Abstractions;

namespace Kraliki.Server.Tests.Sessions;

/// <summary>What is fleeting in a call, as another node than the call's gets it. The other node is a second link in this process; its messages go the way of all grain messages.</summary>
public sealed class FeedRelayTests(SharedSessionServer shared)
{
    private static readonly byte[] Sound = [.. Enumerable.Repeat((byte)0x7f, 160)];

    private readonly SessionServer _server = shared.Server;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Partials_meters_and_what_is_not_saved_reach_a_watcher_on_another_node()
    {
        var call = await _server.StartCallAsync(Cancelled);
        using var there = new OtherNode(_server, call.Id);
        await there.WatchAsync();

        call.Sink.Partial(new PartialTranscript("t1", LegRole.Caller, "Good mor", 10));
        Assert.Equal(new PartialTranscript("t1", LegRole.Caller, "Good mor", 10), await there.NextAsync());
        var meters = new CallMeters(0.5, 0.25, 1_000, AiSpeaking: true, CallerSpeaking: false);
        call.Sink.Meters(meters);
        Assert.Equal(meters, await there.NextAsync());
        var unsaved = new Unsaved([new DtmfReceived("5", 1)], 1, DateTimeOffset.UnixEpoch, "The database does not answer.");
        Feed(call.Id).Tell(unsaved);
        Assert.Equal(unsaved with { Facts = [] }, Assert.IsType<Unsaved>(await there.NextAsync()) with { Facts = [] });
        Feed(call.Id).Tell(null);
        Assert.Equal(0, Assert.IsType<Unsaved>(await there.NextAsync()).Count);
    }

    [Fact]
    public async Task A_watcher_that_comes_while_something_is_unsaved_is_told_so()
    {
        var call = await _server.StartCallAsync(Cancelled);
        using var first = new OtherNode(_server, call.Id);
        await first.WatchAsync();
        Feed(call.Id).Tell(new Unsaved([], 3, DateTimeOffset.UnixEpoch, "The database does not answer."));

        using var second = new OtherNode(_server, call.Id);
        await second.WatchAsync();
        Assert.Equal(3, Assert.IsType<Unsaved>(await second.NextAsync()).Count);
        using var beside = second.AddWatcher();
        Assert.Equal(3, Assert.IsType<Unsaved>(await beside.NextAsync()).Count);
    }

    [Fact]
    public async Task Audio_is_made_only_while_somebody_listens_on_whichever_node()
    {
        var call = await _server.StartCallAsync(Cancelled);
        using var there = new OtherNode(_server, call.Id);
        await there.WatchAsync();
        Assert.False(call.Listening);

        there.Listen(true);
        await there.WatchAsync();
        await UntilAsync(() => call.Listening, "the call makes no audio for the listener on the other node");
        call.Sink.Audio(LegRole.Caller, AudioFrameKind.Mulaw, 20, Sound);
        call.Sink.Audio(LegRole.Ai, AudioFrameKind.Flush, 40, []);
        Assert.Equal((new AudioFrameHeader(LegRole.Caller, AudioFrameKind.Mulaw, 20), 160), await there.NextFrameAsync());
        Assert.Equal((new AudioFrameHeader(LegRole.Ai, AudioFrameKind.Flush, 40), 0), await there.NextFrameAsync());

        // No word to the grain this time: the answer to the next batch says it.
        there.Listen(false);
        call.Sink.Partial(new PartialTranscript("t1", LegRole.Caller, "Hm", 10));
        await UntilAsync(() => !call.Listening, "the call goes on making audio when nobody listens any more");
    }

    [Fact]
    public async Task Of_audio_that_the_other_node_does_not_fetch_in_time_the_oldest_goes()
    {
        var call = await _server.StartCallAsync(Cancelled);
        using var there = new OtherNode(_server, call.Id);
        there.Listen(true);
        await there.WatchAsync();
        await UntilAsync(() => call.Listening, "the call makes no audio for the listener on the other node");

        for (var i = 0; i < 1_000; i++)
        {
            call.Sink.Audio(LegRole.Caller, AudioFrameKind.Mulaw, (uint)(20 * i), Sound);
        }

        // What was put in one go left in at most two batches of a second each.
        var got = 1;
        while ((await there.NextFrameAsync()).Header.MediaMs < 20 * 999)
        {
            got++;
        }

        Assert.InRange(got, 100, 220);
    }

    [Fact]
    public async Task A_partial_that_took_the_longer_way_does_not_come_after_its_final_text()
    {
        var call = await _server.StartCallAsync(Cancelled);
        using var there = new OtherNode(_server, call.Id);
        await there.WatchAsync();

        there.Outbox.Forget("t1");
        call.Sink.Partial(new PartialTranscript("t1", LegRole.Caller, "Good mor", 10));
        call.Sink.Partial(new PartialTranscript("t2", LegRole.Ai, "Hel", 20));

        Assert.Equal("t2", Assert.IsType<PartialTranscript>(await there.NextAsync()).TurnId);
    }

    [Fact]
    public async Task A_relay_that_nobody_needs_any_more_ends()
    {
        var call = await _server.StartCallAsync(Cancelled);
        var feeds = _server.Get<SessionFeeds>();
        var there = new OtherNode(_server, call.Id);
        await there.WatchAsync();
        there.Dispose();

        call.Sink.Partial(new PartialTranscript("t1", LegRole.Caller, "Hm", 10));
        await UntilAsync(() => feeds.Find(call.Id) is null, "the relay did not end");

        // The cluster refers to a node's link only weakly, and it is the link that must answer.
        GC.KeepAlive(there);
    }

    [Fact]
    public async Task The_node_that_takes_a_call_over_learns_who_watches_it()
    {
        var call = await _server.StartCallAsync(Cancelled);
        using var there = new OtherNode(_server, call.Id);
        await there.WatchAsync();
        var grain = _server.Get<IGrainFactory>().GetGrain<ISessionGrain>(call.Id);

        // A third node gets the media socket; nobody there, or on the watching node, does anything for it.
        using var third = new OtherNode(_server, call.Id, watched: false);
        Assert.NotNull(await grain.AttachAsync(third.Link, _server.Get<ClusterNodes>().Self, Guid.NewGuid()));
        await UntilAsync(() => third.Feeds.Find(call.Id) is not null, "the new node does not relay to the watching one");
        third.Feeds.Find(call.Id)!.Partial(new PartialTranscript("t9", LegRole.Ai, "Back", 10));

        Assert.Equal("t9", Assert.IsType<PartialTranscript>(await there.NextAsync()).TurnId);
    }

    [Fact]
    public async Task What_came_from_another_node_is_not_sent_on()
    {
        var call = await _server.StartCallAsync(Cancelled);
        using var there = new OtherNode(_server, call.Id);
        using var third = new OtherNode(_server, call.Id);
        await there.WatchAsync();

        // As if the watching node had held the call before and still relayed to the third.
        await there.Link.RelayAsync(call.Id, third.Link);
        await UntilAsync(() => there.Feeds.Find(call.Id)!.Relays == 1, "the watching node does not relay to the third");
        call.Sink.Partial(new PartialTranscript("t1", LegRole.Caller, "Once", 10));
        Assert.Equal("t1", Assert.IsType<PartialTranscript>(await there.NextAsync()).TurnId);
        there.Feeds.Find(call.Id)!.Partial(new PartialTranscript("t2", LegRole.Caller, "Its own", 10));
        Assert.Equal("t2", Assert.IsType<PartialTranscript>(await third.NextAsync()).TurnId);
    }

    private SessionFeed Feed(Guid session) => _server.Get<SessionFeeds>().Find(session)!;

    private static Task UntilAsync(Func<bool> condition, string otherwise) => Until.TrueAsync(condition, otherwise, Cancelled);

    /// <summary>A node of its own feeds and link, with one socket that watches.</summary>
    private sealed class OtherNode : IDisposable
    {
        private readonly SessionServer _server;
        private readonly Guid _session;
        private readonly FeedRelays _relays;
        private readonly NodeLink _link;
        private readonly SessionFeed? _feed;
        private bool _watching;

        public OtherNode(SessionServer server, Guid session, bool watched = true)
        {
            _server = server;
            _session = session;
            _relays = new FeedRelays(Feeds, server.Limits, TimeProvider.System, NullLogger<FeedRelays>.Instance);
            _link = new NodeLink(Feeds, _relays);
            _feed = watched ? Feeds.Join(session, Outbox) : null;
        }

        public SessionFeeds Feeds { get; } = new();

        public WatcherOutbox Outbox { get; } = new();

        public INodeLink Link => _link.Reference(_server.Get<IGrainFactory>());

        /// <summary>Returns once the call's node relays to this one.</summary>
        public async Task WatchAsync()
        {
            var before = _server.Get<SessionFeeds>().Find(_session)?.Relays ?? 0;
            await _server.Get<IGrainFactory>().GetGrain<ISessionGrain>(_session).WatchAsync(Link);
            await UntilAsync(() => _watching || _server.Get<SessionFeeds>().Find(_session)?.Relays > before, "the call's node does not relay to the other");
            _watching = true;
        }

        public void Listen(bool enabled) => _feed!.Listen(Outbox, enabled);

        public Watcher AddWatcher() => new(Feeds, _session);

        public Task<ServerMessage> NextAsync() => NextAsync(Outbox, outbox => outbox.TakeNewest(), "message");

        public async Task<(AudioFrameHeader Header, int Payload)> NextFrameAsync()
        {
            var frame = await NextAsync(Outbox, outbox => outbox.TakeAudio(), "frame");
            Assert.True(AudioFrameHeader.TryRead(frame, out var header));
            return (header, frame.Length - AudioFrameHeader.Size);
        }

        public void Dispose()
        {
            if (_feed is not null)
            {
                Feeds.Leave(_feed, Outbox);
            }

            _relays.Dispose();
        }

        private static async Task<T> NextAsync<T>(WatcherOutbox outbox, Func<WatcherOutbox, T?> take, string what)
            where T : class
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
            limit.CancelAfter(SessionServer.Patience);
            try
            {
                while (true)
                {
                    if (take(outbox) is { } next)
                    {
                        return next;
                    }

                    await outbox.WaitAsync(limit.Token);
                }
            }
            catch (OperationCanceledException) when (!Cancelled.IsCancellationRequested)
            {
                throw new TimeoutException($"No {what} came to the other node.");
            }
        }

        internal sealed class Watcher : IDisposable
        {
            private readonly SessionFeeds _feeds;
            private readonly SessionFeed _feed;
            private readonly WatcherOutbox _outbox = new();

            public Watcher(SessionFeeds feeds, Guid session)
            {
                _feeds = feeds;
                _feed = feeds.Join(session, _outbox);
            }

            public Task<ServerMessage> NextAsync() => OtherNode.NextAsync(_outbox, outbox => outbox.TakeNewest(), "message");

            public void Dispose() => _feeds.Leave(_feed, _outbox);
        }
    }
}
