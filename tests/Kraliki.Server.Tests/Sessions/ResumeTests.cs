using System.Diagnostics;
using Kraliki.Client;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Sessions;
using Kraliki.Server.Sessions.Live;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Tests.Sessions;

public sealed class ResumeTests(SharedSessionServer shared)
{
    private readonly SessionServer _server = shared.Server;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_client_that_loses_its_socket_again_and_again_sees_each_of_1000_events_once_and_in_order()
    {
        var random = new Random(20261122);
        var call = await _server.StartCallAsync(Cancelled);
        var talking = Task.Run(
            async () =>
            {
                for (var i = 0; i < 1_000; i++)
                {
                    call.Sink.Fact(new DtmfReceived("5", i));
                    if (i % 20 == 0)
                    {
                        await Task.Yield();
                        await _server.RowAsync(call.Id, Cancelled);
                    }
                }

                await call.EndAsync(EndReason.CallerHungUp);
            },
            Cancelled);

        var seen = new List<long>();
        var connections = 0;
        for (var over = false; !over;)
        {
            connections++;
            var patience = random.Next(1, 120);
            await using var socket = _server.Watch(call.Id, seen.LastOrDefault());
            over = true;
            await foreach (var message in socket.ReadAsync(Cancelled))
            {
                if (message is EventMessage happened)
                {
                    seen.Add(happened.Seq);
                    if (--patience == 0)
                    {
                        over = false;
                        break;
                    }
                }
            }
        }

        await talking;
        Assert.True(connections > 8, $"Only {connections} connections.");
        Assert.Equal(Enumerable.Range(1, seen.Count).Select(i => (long)i), seen);
        Assert.Equal((await _server.RowAsync(call.Id, Cancelled)).LastSeq, seen.Count);
    }

    [Fact]
    public async Task The_socket_comes_back_by_itself_after_a_restart_of_the_server()
    {
        var data = Directory.CreateTempSubdirectory("kraliki-test-").FullName;
        try
        {
            var server = await SessionServer.StartAsync(Cancelled, data);
            var call = await server.StartCallAsync(Cancelled);
            var current = server;
            await using var socket = new SessionSocket(
                server.SocketUrl(call.Id),
                _ => Task.FromResult(current.Ticket(call.Id)),
                options: new SessionSocketOptions { Backoff = new Backoff(TimeSpan.FromMilliseconds(50), TimeSpan.FromMilliseconds(200)) });
            await using var messages = socket.ReadAsync(Cancelled).GetAsyncEnumerator(Cancelled);
            while (socket.LastSeq < 5)
            {
                Assert.True(await messages.MoveNextAsync());
            }

            Assert.NotNull(socket.Metrics.ConnectedAt);
            await server.DisposeAsync();
            current = await SessionServer.StartAsync(Cancelled, data, url: server.Url);
            await using var second = current;
            var back = await current.AttachAsync(call.Id, Cancelled);
            back.Connect();
            back.Say(LegRole.Ai, "Here again.");

            var texts = new List<string>();
            while (texts.Count == 0)
            {
                Assert.True(await messages.MoveNextAsync());
                if (messages.Current is EventMessage { Data: TurnFinished turn })
                {
                    texts.Add(turn.Text);
                }
            }

            Assert.Equal(["Here again."], texts);
            Assert.Equal(1, socket.Metrics.TotalDisconnections);
            await back.EndAsync(EndReason.CallerHungUp);
        }
        finally
        {
            Directory.Delete(data, recursive: true);
        }
    }

    [Fact]
    public async Task A_client_that_does_not_read_is_cut_off_and_the_call_does_not_notice()
    {
        await using var server = await SessionServer.StartAsync(Cancelled, limits: new() { SocketSendTimeout = TimeSpan.FromMilliseconds(300), SocketMessagesPerWindow = int.MaxValue });
        var call = await server.StartCallAsync(Cancelled);
        var (slow, _) = await RawSocket.EnterAsync(server, call.Id, Cancelled, receiveBuffer: 4_096);
        using var _1 = slow;
        var (quick, _) = await RawSocket.EnterAsync(server, call.Id, Cancelled);
        using var _2 = quick;

        var longest = TimeSpan.Zero;
        var text = new string('x', 20_000);
        for (var i = 0; i < 600; i++)
        {
            var start = Stopwatch.GetTimestamp();
            call.Say(LegRole.Ai, text);
            var took = Stopwatch.GetElapsedTime(start);
            longest = took > longest ? took : longest;
            if (i % 20 == 0)
            {
                // The quick client keeps up, which also paces this test.
                await quick.ReceiveAsync<EventMessage>(Cancelled);
            }
        }

        long last = 0;
        while (last < 605)
        {
            last = (await quick.ReceiveAsync<EventMessage>(Cancelled)).Seq;
        }

        Assert.True(longest < TimeSpan.FromMilliseconds(200), $"The call's sink blocked for {longest.TotalMilliseconds:0} ms.");
        var limit = Stopwatch.GetTimestamp();
        while (server.Get<SessionFeeds>().Find(call.Id)!.Watchers > 1)
        {
            Assert.True(Stopwatch.GetElapsedTime(limit) < SessionServer.Patience, "The slow client was not cut off.");
            await quick.SendAsync(new Ping(1), Cancelled);
            await quick.ReceiveAsync<Pong>(Cancelled);
        }

        await call.EndAsync(EndReason.CallerHungUp);
        Assert.Equal("session_over", await quick.ReadToEndAsync(Cancelled));
        Assert.NotEqual("session_over", await slow.ReadToEndAsync(Cancelled));
    }

    [Fact]
    public async Task A_client_that_falls_behind_is_told_to_resync_and_comes_back_to_everything()
    {
        await using var server = await SessionServer.StartAsync(Cancelled, limits: new() { SocketMaxLag = 10 });
        var call = await server.StartCallAsync(Cancelled);
        var (raw, ready) = await RawSocket.EnterAsync(server, call.Id, Cancelled);
        using var _1 = raw;
        await using var socket = server.Watch(call.Id);
        await using var messages = socket.ReadAsync(Cancelled).GetAsyncEnumerator(Cancelled);
        for (var seq = 1; seq <= ready.LastSeq; seq++)
        {
            await raw.ReceiveAsync<EventMessage>(Cancelled);
        }

        while (socket.LastSeq < ready.LastSeq)
        {
            Assert.True(await messages.MoveNextAsync());
        }

        // One commit with more events than a live client may be behind.
        var grain = server.Get<IGrainFactory>().GetGrain<ISessionGrain>(call.Id);
        await grain.AppendAsync(new FactBatch(call.Live.Epoch, 2, [.. Enumerable.Range(0, 50).Select(i => new TimedFact(new DtmfReceived("1", i), DateTimeOffset.UnixEpoch))]));

        Assert.Equal(ready.LastSeq + 50, (await raw.ReceiveAsync<Resync>(Cancelled)).LastSeq);
        Assert.Equal("too_slow", (await raw.ReceiveEndAsync(Cancelled)).Code);
        var missed = new List<long>();
        while (missed.Count < 50)
        {
            Assert.True(await messages.MoveNextAsync());
            if (messages.Current is EventMessage happened)
            {
                missed.Add(happened.Seq);
            }
        }

        Assert.Equal(Enumerable.Range(1, 50).Select(i => ready.LastSeq + i), missed);
    }

    [Fact]
    public async Task A_silent_client_is_shown_out()
    {
        await using var server = await SessionServer.StartAsync(Cancelled, limits: new()
        {
            SocketIdentifyWithin = TimeSpan.FromMilliseconds(300),
            SocketIdleTimeout = TimeSpan.FromMilliseconds(300),
        });
        var row = await server.CreateAsync(Cancelled);

        using var stranger = await RawSocket.ConnectAsync(server.SocketUrl(row.Id), Cancelled);
        Assert.Equal("not_identified", (await stranger.ReceiveEndAsync(Cancelled)).Code);
        var (sleeper, _) = await RawSocket.EnterAsync(server, row.Id, Cancelled);
        using var _1 = sleeper;
        Assert.Equal("idle_timeout", (await sleeper.ReceiveEndAsync(Cancelled)).Code);
    }

    [Fact]
    public async Task Facts_outlive_a_database_that_is_away_and_people_are_told()
    {
        await using var server = await SessionServer.StartAsync(Cancelled);
        var call = await server.StartCallAsync(Cancelled);
        using var api = await server.SignInAsync(Cancelled);
        await using var db = server.Get<KralikiDbFactory>().OpenForSystem();

        await db.Database.ExecuteSqlRawAsync("ALTER TABLE session_events RENAME TO away", Cancelled);
        call.Say(LegRole.Caller, "Can you hear me?");
        var refusal = await Assert.ThrowsAsync<KralikiException>(() => api.EndSessionAsync(call.Id, cancellationToken: Cancelled));
        Assert.Equal((System.Net.HttpStatusCode.ServiceUnavailable, "session_unavailable"), (refusal.Status, refusal.Code));
        call.Say(LegRole.Caller, "Hello?");
        await db.Database.ExecuteSqlRawAsync("ALTER TABLE away RENAME TO session_events", Cancelled);

        await call.EndAsync(EndReason.CallerHungUp);
        var events = await server.Journal.EventsAsync(call.Id, 0, 100, Cancelled);
        Assert.Equal(["Can you hear me?", "Hello?"], events.Select(e => e.Data).OfType<TurnFinished>().Select(turn => turn.Text));
        Assert.Equal(Enumerable.Range(1, events.Count).Select(i => (long)i), events.Select(e => e.Seq));
        Assert.Equal(SessionState.Completed, (await server.RowAsync(call.Id, Cancelled)).State);
    }
}
