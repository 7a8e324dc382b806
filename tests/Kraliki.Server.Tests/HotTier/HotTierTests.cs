using System.Net;
using System.Net.Http.Json;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.HotTier;
using Kraliki.Server.Identity;
using Kraliki.Server.Operations.Flags;
using Kraliki.Server.Tests.Sessions;
using Kraliki.Tests.Shared;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Microsoft.IdentityModel.JsonWebTokens;
using StackExchange.Redis;

namespace Kraliki.Server.Tests.HotTier;

/// <summary>Two servers on one database and one Redis: SQLite lets two hosts of one process share its file.</summary>
public sealed class HotTierTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly string _directory = Directory.CreateTempSubdirectory("kraliki-test-").FullName;
    private readonly List<IAsyncDisposable> _servers = [];
    private RedisServer _redis = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _redis = await RedisServer.StartAsync(Cancel);

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _servers)
        {
            await server.DisposeAsync();
        }

        await _redis.DisposeAsync();
        SqliteConnection.ClearAllPools();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task What_one_node_revokes_the_other_refuses_at_once()
    {
        // Whose clock stands still believes a good answer for ever: only what it is told can change its mind.
        var (here, there) = (await StartAsync(), await StartAsync(time: new FakeTimeProvider(TimeProvider.System.GetUtcNow())));
        using var client = await here.SignInAsync(Cancel);
        var token = client.DefaultRequestHeaders.Authorization!.Parameter!;
        Assert.Equal(HttpStatusCode.OK, await AskAsync(there, token));

        using var bye = await client.PostAsync("api/v1/auth/logout", content: null, Cancel);

        await UntilAsync(async () => await AskAsync(there, token) == HttpStatusCode.Unauthorized, "the other node still lets the token in");
    }

    [Fact]
    public async Task A_good_answer_of_another_node_is_not_believed_longer_than_ones_own()
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());

        // The answer of Redis is what this is about, however long it takes.
        var server = await StartAsync(
            time: time, change: services => services.Replace(ServiceDescriptor.Singleton(new HotTierLimits { RequestPatience = Patience, LastResortPatience = Patience })));
        using var client = await server.SignInAsync(Cancel);
        var token = client.DefaultRequestHeaders.Authorization!.Parameter!;
        var jwt = new JsonWebToken(token);
        await using var redis = await _redis.ConnectAsync();

        // Found good four seconds ago elsewhere, and revoked there since by a node whose message was lost. The life that is
        // left says no more than that, because it runs by Redis's clock, which does not stand still while this test does.
        await using (var db = server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem())
        {
            db.Add(new RevokedToken { Jti = Guid.Parse(jwt.Id), ExpiresAt = time.GetUtcNow() + AccessTokens.Life });
            await db.SaveChangesAsync(Cancel);
        }

        var found = time.GetUtcNow() - TimeSpan.FromSeconds(4);
        await redis.GetDatabase().StringSetAsync($"kraliki:token:{Guid.Parse(jwt.Id):N}", found.ToUnixTimeMilliseconds(), Revocations.Trust);

        Assert.Equal(HttpStatusCode.OK, await AskAsync(server, token));
        time.Advance(TimeSpan.FromSeconds(1.1));
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(server, token));
    }

    [Fact]
    public async Task A_node_without_a_database_closes_the_sockets_of_sign_ins_that_another_has_ended()
    {
        var away = new DatabaseDoor();
        var here = await StartAsync();
        await using var there = await SessionServer.StartAsync(Cancel, _directory, settings: Settings(RunningServer.Silent), change: services =>
        {
            away.Install(services);
            services.Replace(ServiceDescriptor.Singleton(Limits()));
        });
        await RedisOf(there.Host).UntilAsync(open: true, Cancel).WaitAsync(Patience, Cancel);
        using var leaving = await there.SignInAsync(Cancel);
        using var staying = await there.SignInAsync(Cancel);
        var session = (await there.CreateAsync(Cancel)).Id;
        using var closing = await OpenAsync(leaving);
        using var open = await OpenAsync(staying);

        away.Refuse();
        using var elsewhere = here.Anonymous();
        elsewhere.DefaultRequestHeaders.Authorization = new("Bearer", leaving.AccessToken);
        using var bye = await elsewhere.PostAsync("api/v1/auth/logout", content: null, Cancel);

        Assert.Equal("access_changed", (await closing.ReceiveEndAsync(Cancel)).Code);
        Assert.Equal(HttpStatusCode.Unauthorized, await AskAsync(there.Host, leaving.AccessToken!));
        await open.SendAsync(new Ping(1), Cancel);
        await open.ReceiveAsync<Pong>(Cancel);

        async Task<RawSocket> OpenAsync(Kraliki.Client.KralikiClient api)
        {
            var ticket = await api.IssueTicketAsync(session, Cancel);
            var socket = await RawSocket.ConnectAsync(there.SocketUrl(session), Cancel);
            await socket.ReceiveAsync<Hello>(Cancel);
            await socket.SendAsync(new Identify(ticket.Ticket), Cancel);
            await socket.ReceiveAsync<Ready>(Cancel);
            return socket;
        }
    }

    [Fact]
    public async Task Redis_that_was_set_back_is_never_believed_over_the_journal()
    {
        await using var server = await SessionServer.StartAsync(Cancel, settings: Settings(), change: services => services.Replace(ServiceDescriptor.Singleton(Limits())));
        await RedisOf(server.Host).UntilAsync(open: true, Cancel).WaitAsync(Patience, Cancel);
        var call = await server.StartCallAsync(Cancel);
        await using var client = await _redis.ConnectAsync();
        var redis = client.GetDatabase();
        var said = new List<string>();
        RedisKey[] keys = [$"kraliki:session:{{{call.Id:N}}}", $"kraliki:events:{{{call.Id:N}}}"];

        // A replica that had not heard of the last turns takes over.
        var old = await SayAsync("before");
        var copies = await Task.WhenAll(keys.Select(key => redis.KeyDumpAsync(key)));
        var newest = await SayAsync("after");
        await redis.KeyDeleteAsync(keys);
        foreach (var (key, copy) in keys.Zip(copies))
        {
            await redis.KeyRestoreAsync(key, copy!, TimeSpan.FromMinutes(5));
        }

        Assert.Equal(old, (await server.Get<HotSessions>().RowAsync(call.Id))!.LastSeq);
        Assert.Equal(newest, (await server.RowAsync(call.Id, Cancel)).LastSeq);
        await AllIsReadAsync(newest);

        // And it is healed by what is committed next.
        var next = await SayAsync("again");
        Assert.NotNull(await server.Get<HotSessions>().EventsAsync(call.Id, next - 1, 10, lastResort: true));
        Assert.Null(await server.Get<HotSessions>().EventsAsync(call.Id, old, 10, lastResort: true));
        await AllIsReadAsync(next);
        await call.EndAsync(EndReason.CallerHungUp);

        async Task<long> SayAsync(string words)
        {
            said.Add(words);
            call.Say(LegRole.Caller, words);
            await server.UntilFactAsync<TurnFinished>(call.Id, turn => turn.Text == words, "the turn was not saved", Cancel);
            var seq = 0L;
            await UntilAsync(
                async () =>
                {
                    await using var db = server.Get<KralikiDbFactory>().OpenForSystem();
                    seq = await db.Set<Kraliki.Server.Sessions.Journal.SessionRow>().Where(row => row.Id == call.Id).Select(row => row.LastSeq).SingleAsync(Cancel);
                    return (await server.Get<HotSessions>().RowAsync(call.Id))?.LastSeq == seq;
                },
                "the turn did not reach Redis");
            return seq;
        }

        async Task AllIsReadAsync(long last)
        {
            var read = new List<SessionEvent>();
            while (read.Count < last)
            {
                var page = await server.Journal.EventsAsync(call.Id, read.Count, 1_000, Cancel);
                Assert.NotEmpty(page);
                read.AddRange(page);
            }

            Assert.Equal(Enumerable.Range(1, (int)last).Select(seq => (long)seq), read.Select(happened => happened.Seq));
            Assert.Equal(said, read.Select(happened => happened.Data).OfType<TurnFinished>().Select(turn => turn.Text));
        }
    }

    [Fact]
    public async Task Requests_are_counted_by_all_nodes_together_and_by_each_alone_while_Redis_is_away()
    {
        Dictionary<string, string> limits = new() { ["Kraliki:Limits:AddressPerMinute"] = "4" };
        var (here, there) = (await StartAsync(limits), await StartAsync(limits));
        using var a = here.Anonymous();
        using var b = there.Anonymous();
        foreach (var client in new[] { a, b, a, b })
        {
            Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("api/v1/console-info", Cancel)).StatusCode);
        }

        using var refused = await b.GetAsync("api/v1/console-info", Cancel);

        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 15);
        await _redis.KillAsync(Cancel);
        await RedisOf(here).UntilAsync(open: false, Cancel).WaitAsync(Patience, Cancel);
        Assert.Equal(HttpStatusCode.OK, (await a.GetAsync("api/v1/console-info", Cancel)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await a.GetAsync("api/v1/console-info", Cancel)).StatusCode);
        Assert.Equal(HttpStatusCode.TooManyRequests, (await a.GetAsync("api/v1/console-info", Cancel)).StatusCode);
    }

    [Fact]
    public async Task A_flag_that_is_switched_on_one_node_holds_on_the_other_at_once()
    {
        // Its clock stands still, so that it never looks by itself.
        var frozen = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        var (here, there) = (await StartAsync(), await StartAsync(change: services => services.Replace(ServiceDescriptor.Singleton(provider => new FeatureFlags(
            provider.GetRequiredService<KralikiDbFactory>(), provider.GetRequiredService<RedisConnection>(), provider.GetRequiredService<Kraliki.Server.Hosting.KralikiOptions>(), frozen, NullLogger<FeatureFlags>.Instance)))));
        var changed = new TaskCompletionSource<Flag>(TaskCreationOptions.RunContinuationsAsynchronously);
        there.Services.GetRequiredService<FeatureFlags>().Changed += (_, flag) => changed.TrySetResult(flag);
        using var admin = await here.SignInAsync(Cancel, RunningServer.Admin);
        using var request = new HttpRequestMessage(HttpMethod.Patch, "api/v1/flags/enable_sentiment_analysis") { Content = new StringContent("""{"enabled":false}""", null, "application/json") };
        request.Headers.TryAddWithoutValidation("If-Match", "*");

        using var answer = await admin.SendAsync(request, Cancel);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(Flag.SentimentAnalysis, await changed.Task.WaitAsync(Patience, Cancel));
    }

    [Fact]
    public async Task A_decision_stamped_by_a_clock_that_is_ahead_does_not_hide_the_next_ones()
    {
        var server = await StartAsync();
        var flags = server.Services.GetRequiredService<FeatureFlags>();
        var organisation = Guid.NewGuid();
        await DecideAsync("enable_sentiment_analysis", TimeSpan.FromHours(1));
        await UntilAsync(() => Task.FromResult(!flags.IsEnabled(organisation, Flag.SentimentAnalysis)), "the first decision was not seen");

        await DecideAsync("enable_intent_detection", TimeSpan.Zero);

        await UntilAsync(() => Task.FromResult(!flags.IsEnabled(organisation, Flag.IntentDetection)), "the second decision was not seen");

        async Task DecideAsync(string name, TimeSpan ahead)
        {
            await using var db = server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem();
            db.Add(new FlagRow { OrganisationId = organisation, Name = name, Enabled = false, UpdatedAt = TimeProvider.System.GetUtcNow() + ahead, UpdatedBy = "x@y.example", Version = 1 });
            await db.SaveChangesAsync(Cancel);
        }
    }

    [Fact]
    public async Task A_session_can_be_read_and_watched_without_the_database_by_its_own_organisation_alone()
    {
        var away = new DatabaseDoor();
        await using var server = await SessionServer.StartAsync(Cancel, settings: Settings(RunningServer.Silent), change: services =>
        {
            away.Install(services);
            services.Replace(ServiceDescriptor.Singleton(Limits()));
        });
        var redis = RedisOf(server.Host);
        await redis.UntilAsync(open: true, Cancel).WaitAsync(Patience, Cancel);
        using var client = await server.Host.SignInAsync(Cancel);
        using var late = await server.Host.SignInAsync(Cancel);
        var mine = await server.CreateAsync(Cancel);
        var foreign = await server.CreateAsync(Cancel, organisation: Guid.NewGuid());
        using var warm = await client.GetAsync($"api/v1/sessions/{mine.Id}", Cancel);
        await UntilAsync(async () => await server.Get<HotSessions>().RowAsync(foreign.Id) is not null, "the sessions did not reach Redis");

        away.Refuse();

        using var view = await client.GetAsync($"api/v1/sessions/{mine.Id}", Cancel);
        Assert.Equal(mine.Id, (await view.EnsureSuccessStatusCode().Content.ReadFromJsonAsync(ContractsJson.Default.SessionView, Cancel))!.Id);
        using var page = await client.GetAsync($"api/v1/sessions/{mine.Id}/events", Cancel);
        Assert.Single((await page.EnsureSuccessStatusCode().Content.ReadFromJsonAsync(ContractsJson.Default.SessionEventPage, Cancel))!.Items);
        using var ticket = await client.PostAsync($"api/v1/sessions/{mine.Id}/ticket", content: null, Cancel);
        Assert.Equal(HttpStatusCode.Created, ticket.StatusCode);
        await using (var socket = server.Watch(mine.Id))
        {
            await foreach (var message in socket.ReadAsync(Cancel).WithCancellation(Cancel))
            {
                if (message is EventMessage { Data: SessionCreated })
                {
                    break;
                }
            }
        }

        using var other = await client.GetAsync($"api/v1/sessions/{foreign.Id}", Cancel);
        Assert.Equal(HttpStatusCode.NotFound, other.StatusCode);
        using var unknown = await client.GetAsync($"api/v1/sessions/{Guid.NewGuid()}", Cancel);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, unknown.StatusCode);

        // Signed in, but never seen since: it may have been revoked meanwhile.
        using var stranger = await late.GetAsync($"api/v1/sessions/{mine.Id}", Cancel);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, stranger.StatusCode);
        Assert.NotNull(stranger.Headers.RetryAfter);
        away.Open();
        await UntilAsync(
            async () =>
            {
                await using var db = server.Get<KralikiDbFactory>().OpenForSystem();
                return await db.Set<Kraliki.Server.Operations.AuditEntry>().AnyAsync(entry => entry.Subject == mine.Id.ToString() && entry.Detail!.Contains("while the database was away"), Cancel);
            },
            "the reading was not written down afterwards");
    }

    [Fact]
    public async Task Redis_may_be_killed_frozen_emptied_and_started_late_and_nobody_notices()
    {
        await _redis.KillAsync(Cancel);
        var server = await StartAsync();
        using var client = await server.SignInAsync(Cancel);
        var connection = RedisOf(server);
        await WorksAsync("degraded");

        await _redis.RunAsync(Cancel);
        await connection.UntilAsync(open: true, Cancel).WaitAsync(Patience, Cancel);
        await WorksAsync("healthy");

        await _redis.FreezeAsync(Cancel);
        await connection.UntilAsync(open: false, Cancel).WaitAsync(Patience, Cancel);
        await WorksAsync("degraded");
        await _redis.ThawAsync(Cancel);
        await connection.UntilAsync(open: true, Cancel).WaitAsync(Patience, Cancel);

        await using (var redis = await _redis.ConnectAsync())
        {
            await redis.GetServer("127.0.0.1", _redis.Port).FlushAllDatabasesAsync();
        }

        await WorksAsync("healthy");
        await _redis.KillAsync(Cancel);
        await connection.UntilAsync(open: false, Cancel).WaitAsync(Patience, Cancel);
        await WorksAsync("degraded");
        await _redis.RunAsync(Cancel);
        await connection.UntilAsync(open: true, Cancel).WaitAsync(Patience, Cancel);
        await WorksAsync("healthy");

        async Task WorksAsync(string health)
        {
            using var created = await client.PostAsJsonAsync("api/v1/sessions", new CreateSession(), ContractsJson.Default.CreateSession, Cancel);
            var session = (await created.EnsureSuccessStatusCode().Content.ReadFromJsonAsync(ContractsJson.Default.SessionView, Cancel))!;
            using var read = await client.GetAsync($"api/v1/sessions/{session.Id}", Cancel);
            Assert.Equal(HttpStatusCode.OK, read.StatusCode);
            using var ready = await client.GetAsync("health/ready", Cancel);
            Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
            Assert.Contains($"\"redis\":\"{health}\"", await ready.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Other_nodes_are_heard_again_after_Redis_was_restarted()
    {
        var (here, there) = (await StartAsync(), await StartAsync());
        foreach (var server in new[] { here, there })
        {
            await RedisOf(server).UntilAsync(open: true, Cancel).WaitAsync(Patience, Cancel);
        }

        await _redis.KillAsync(Cancel);
        foreach (var server in new[] { here, there })
        {
            await RedisOf(server).UntilAsync(open: false, Cancel).WaitAsync(Patience, Cancel);
        }

        await _redis.RunAsync(Cancel);
        foreach (var server in new[] { here, there })
        {
            await RedisOf(server).UntilAsync(open: true, Cancel).WaitAsync(Patience, Cancel);
        }

        var heard = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        RedisOf(there).Hinted += (hint, payload) =>
        {
            if (hint == Hint.SignIns && payload == "again")
            {
                heard.TrySetResult();
            }
        };

        // The subscription comes back a moment after the connection.
        await UntilAsync(
            () =>
            {
                RedisOf(here).Tell(Hint.SignIns, "again");
                return Task.FromResult(heard.Task.IsCompleted);
            },
            "the other node is not heard any more");
    }

    [Fact]
    public async Task A_wrong_password_is_told_without_it_and_heals_when_Redis_takes_it()
    {
        await using var locked = RedisServer.Prepare("right-horse");
        await locked.RunAsync(Cancel);
        var server = await StartAsync(new() { ["Kraliki:Redis:ConnectionString"] = $"127.0.0.1:{locked.Port},password=wrong-horse" });
        Assert.True(RedisOf(server).IsAway);

        await using (var redis = await locked.ConnectAsync())
        {
            await redis.GetServer("127.0.0.1", locked.Port).ConfigSetAsync("requirepass", "wrong-horse");
        }

        await RedisOf(server).UntilAsync(open: true, Cancel).WaitAsync(TimeSpan.FromSeconds(40), Cancel);
    }

    [Theory]
    [InlineData("redis:6379,password=horse,nonsense=1")]
    [InlineData("redis:6379,password=horse,ssl=perhaps")]
    [InlineData(",password=horse")]
    public async Task A_connection_string_that_cannot_be_read_stops_the_start_without_the_password(string text)
    {
        var refused = await Assert.ThrowsAsync<Kraliki.Server.Hosting.StartRefusedException>(() => RunningServer.StartAsync(Cancel, new ServerSetup(_directory, new Dictionary<string, string> { ["Kraliki:Redis:ConnectionString"] = text })));

        Assert.Contains("Redis:ConnectionString", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("horse", refused.Message, StringComparison.Ordinal);
    }

    private static RedisConnection RedisOf(RunningServer server) => server.Services.GetRequiredService<RedisConnection>();

    // Patient, because tests may run on a machine that has much else to do.
    private static HotTierLimits Limits() => new() { RequestPatience = TimeSpan.FromSeconds(2), LastResortPatience = TimeSpan.FromSeconds(2) };

    private static async Task<HttpStatusCode> AskAsync(RunningServer server, string token)
    {
        using var client = server.Anonymous();
        client.DefaultRequestHeaders.Authorization = new("Bearer", token);
        using var answer = await client.GetAsync("api/v1/auth/me", Cancel);
        return answer.StatusCode;
    }

    private static Task UntilAsync(Func<Task<bool>> condition, string otherwise) => Until.TrueAsync(condition, otherwise, Cancel);

    private Dictionary<string, string> Settings(IReadOnlyDictionary<string, string>? more = null) =>
        _redis.Settings.Concat(more ?? new Dictionary<string, string>()).GroupBy(pair => pair.Key).ToDictionary(group => group.Key, group => group.Last().Value);

    private async Task<RunningServer> StartAsync(Dictionary<string, string>? settings = null, TimeProvider? time = null, Action<IServiceCollection>? change = null)
    {
        var server = await RunningServer.StartAsync(Cancel, new ServerSetup(_directory, Settings(settings), time, builder =>
        {
            builder.Services.Replace(ServiceDescriptor.Singleton(Limits()));
            change?.Invoke(builder.Services);
        }));
        _servers.Add(server);
        if (settings?.ContainsKey("Kraliki:Redis:ConnectionString") != true && _redis.IsRunning)
        {
            await RedisOf(server).UntilAsync(open: true, Cancel).WaitAsync(Patience, Cancel);
        }

        return server;
    }
}
