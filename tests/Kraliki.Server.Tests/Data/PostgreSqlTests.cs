using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Server.Identity;
using Kraliki.Server.Sessions.Journal;
using Kraliki.Tests.Shared;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Npgsql;

namespace Kraliki.Server.Tests.Data;

/// <summary>A real PostgreSQL that restarts, refuses, hands over to another and is too busy, below a real server.</summary>
public sealed class PostgreSqlTests(PostgreSqlTests.OwnPostgreSql own) : IClassFixture<PostgreSqlTests.OwnPostgreSql>
{
    /// <summary>The goal: writing again this soon after the database can be written.</summary>
    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(5);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("fast")]
    [InlineData("immediate")]
    public async Task After_a_restart_in_mid_work_requests_are_answered_again_and_none_has_hung(string mode)
    {
        await using var server = await StartAsync(own.Server, $"Database={await own.NewDatabaseAsync()};Maximum Pool Size=5");
        using var user = await server.SignInAsync(Cancel);
        using var stopping = new CancellationTokenSource();
        var working = Enumerable.Range(0, 20).Select(_ => WorkAsync(user, stopping.Token)).ToList();

        await own.Server.RestartAsync(mode, Cancel);
        await AssertRecoversAsync(user);
        await stopping.CancelAsync();
        var answers = (await Task.WhenAll(working)).SelectMany(all => all).ToList();

        Assert.All(answers, answer => Assert.True(
            answer is { Status: HttpStatusCode.OK } or { Status: HttpStatusCode.ServiceUnavailable, RetryAfter: true }, $"A request was answered with {answer}"));
        Assert.Contains(answers, answer => answer.Status == HttpStatusCode.OK);
        Assert.True(answers.Max(answer => answer.Took) < TimeSpan.FromSeconds(10), $"A request took {answers.Max(answer => answer.Took)}");

        // More at once than the pool has: none of its places was lost.
        var statuses = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => StatusAsync(user)));
        Assert.All(statuses, status => Assert.Equal(HttpStatusCode.OK, status));
    }

    [Fact]
    public async Task A_database_that_does_not_listen_yet_is_waited_for_at_the_start()
    {
        await using var pool = PostgreSqlPool.Open(new(DatabaseProvider.PostgreSql, new("Host=127.0.0.1;Port=1;Database=kraliki;Minimum Pool Size=0")));

        // What the start waits for, and what it makes its sentence of.
        await Assert.ThrowsAsync<NpgsqlException>(() => new StartTurn(Factory(pool, TimeProvider.System)).TakeAsync(Cancel));
    }

    [Fact]
    public async Task An_idle_connection_that_was_cut_is_replaced_before_it_is_used()
    {
        var time = new FakeTimeProvider();
        await using var pool = PostgreSqlPool.Open(new(DatabaseProvider.PostgreSql, new(own.Server.Connection() + ";Minimum Pool Size=0;Keepalive=0")));
        var factory = Factory(pool, time);
        var first = await ProcessAsync(factory);
        Assert.Equal(first, await ProcessAsync(factory));

        await own.Server.ExecuteAsync($"SELECT pg_terminate_backend({first}, 5000)", Cancel);
        time.Advance(TimeSpan.FromSeconds(2));

        Assert.NotEqual(first, await ProcessAsync(factory));
    }

    [Fact]
    public async Task A_server_that_became_read_only_gets_no_second_write_and_the_pool_moves_to_the_new_primary()
    {
        await using var first = await PostgreSqlServer.StartAsync(Cancel);
        await using var second = await first.StandbyAsync(Cancel);
        await first.ExecuteAsync("CREATE DATABASE kraliki", Cancel);
        await using var server = await StartAsync(
            first,
            string.Create(CultureInfo.InvariantCulture, $"Host=127.0.0.1:{first.Port},127.0.0.1:{second.Port};Database=kraliki"));
        using var user = await server.SignInAsync(Cancel);
        Assert.Equal(HttpStatusCode.Created, await CreateAsync(user));
        await Until.TrueAsync(
            async () => Equals(await second.ExecuteAsync("SELECT count(*) FROM sessions", Cancel, "kraliki"), await first.ExecuteAsync("SELECT count(*) FROM sessions", Cancel, "kraliki")),
            "the standby did not get what was written",
            Cancel);

        // Nothing is cut: only a write finds out (25006).
        await first.ExecuteAsync("ALTER SYSTEM SET default_transaction_read_only = on", Cancel);
        await first.ExecuteAsync("SELECT pg_reload_conf()", Cancel);
        await second.PromoteAsync(Cancel);
        var since = Stopwatch.StartNew();
        var status = await CreateAsync(user);
        while (status != HttpStatusCode.Created && since.Elapsed < Recovery)
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
            status = await CreateAsync(user);
        }

        Assert.Equal(HttpStatusCode.Created, status);
        Assert.True(since.Elapsed < Recovery, $"Writing again took {since.Elapsed}");
    }

    [Fact]
    public async Task When_the_primary_dies_the_promoted_standby_is_written_within_seconds()
    {
        await using var first = await PostgreSqlServer.StartAsync(Cancel);
        await using var second = await first.StandbyAsync(Cancel);
        await first.ExecuteAsync("CREATE DATABASE kraliki", Cancel);
        await using var server = await StartAsync(
            first,
            string.Create(CultureInfo.InvariantCulture, $"Host=127.0.0.1:{first.Port},127.0.0.1:{second.Port};Database=kraliki"));
        using var user = await server.SignInAsync(Cancel);
        Assert.Equal(HttpStatusCode.Created, await CreateAsync(user));

        await first.StopAsync("fast", Cancel);
        await second.PromoteAsync(Cancel);

        await AssertRecoversAsync(user);
        Assert.Equal(HttpStatusCode.Created, await CreateAsync(user));
    }

    [Fact]
    public async Task When_all_connections_are_taken_a_request_is_refused_with_the_word_when_to_come_again()
    {
        await using var server = await StartAsync(own.Server, $"Database={await own.NewDatabaseAsync()};Maximum Pool Size=4;Timeout=1");
        using var user = await server.SignInAsync(Cancel);
        var pool = server.Services.GetRequiredService<NpgsqlDataSource>();
        var taken = new List<NpgsqlConnection>();
        try
        {
            while (taken.Count < 4)
            {
                taken.Add(await pool.OpenConnectionAsync(Cancel));
            }
        }
        catch (NpgsqlException) when (taken.Count > 0)
        {
            // The journal keeps one.
        }

        using var refused = await user.GetAsync("api/v1/sessions", Cancel);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.NotNull(refused.Headers.RetryAfter);
        Assert.Equal("database_unavailable", (await refused.Content.ReadFromJsonAsync<Problem>(Cancel))!.Code);

        foreach (var connection in taken)
        {
            await connection.DisposeAsync();
        }

        Assert.Equal(HttpStatusCode.OK, await StatusAsync(user));
    }

    [Fact]
    public async Task A_keyed_request_while_the_database_is_away_is_refused_like_any_other()
    {
        await using var postgreSql = await PostgreSqlServer.StartAsync(Cancel);
        await using var server = await StartAsync(postgreSql, "");
        using var user = await server.SignInAsync(Cancel);
        await postgreSql.StopAsync("immediate", Cancel);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, await CreateAsync(user, "a-key"));
        await postgreSql.StartAsync(Cancel);
        await AssertRecoversAsync(user);
        Assert.Equal(HttpStatusCode.Created, await CreateAsync(user, "another-key"));
    }

    [Fact]
    public async Task Nodes_that_start_at_once_on_an_empty_database_make_everything_once()
    {
        var empty = await own.NewDatabaseAsync();
        var key = Convert.ToBase64String(System.Security.Cryptography.RandomNumberGenerator.GetBytes(MasterKey.Bytes));
        var nodes = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => StartAsync(own.Server, $"Database={empty}", masterKey: key)));

        await using var db = nodes[0].Services.GetRequiredService<KralikiDbFactory>().OpenForSystem();
        Assert.Equal(1, await db.Set<SigningKey>().CountAsync(Cancel));
        Assert.Equal(1, await db.Set<Organisation>().CountAsync(Cancel));
        Assert.Equal(3, await db.Set<User>().CountAsync(Cancel));
        Assert.Equal(3, await db.Set<SessionRow>().CountAsync(Cancel));
        foreach (var node in nodes)
        {
            await node.DisposeAsync();
        }
    }

    [Theory]
    [InlineData("Database=nowhere", "The database \"nowhere\" on 127.0.0.1 does not exist: create it")]
    [InlineData("Username=stranger;Password=geheim", "refuses the user or the password")]
    public async Task A_database_that_cannot_be_used_is_refused_in_one_sentence_without_the_password(string how, string sentence)
    {
        var refusal = await Assert.ThrowsAsync<StartRefusedException>(() => StartAsync(own.Server, how));
        Assert.Contains(sentence, Assert.Single(refusal.Reasons));
        Assert.DoesNotContain("geheim", refusal.Message);
    }

    [Fact]
    public void What_the_connection_string_says_itself_wins_under_any_of_its_names()
    {
        static NpgsqlConnectionStringBuilder Read(string connection) => PostgreSqlPool.Settings(new(DatabaseProvider.PostgreSql, new(connection)));

        var ours = Read("Host=db;Database=kraliki");
        Assert.Equal((10, 30, 5, 10), (ours.MinPoolSize, ours.MaxPoolSize, ours.Timeout, ours.CommandTimeout));
        var theirs = Read("Host=db;Database=kraliki;MaxPoolSize=7;Minimum Pool Size=1;Options=-c work_mem=8MB");
        Assert.Equal((1, 7, "-c work_mem=8MB"), (theirs.MinPoolSize, theirs.MaxPoolSize, theirs.Options));
    }

    private static Task<RunningServer> StartAsync(PostgreSqlServer postgreSql, string connection, string? masterKey = null) =>
        RunningServer.StartAsync(Cancel, new ServerSetup(Settings: new Dictionary<string, string>(RunningServer.Silent)
        {
            ["Kraliki:Database:Provider"] = "postgresql",
            ["Kraliki:Database:ConnectionString"] = $"{postgreSql.Connection()};Minimum Pool Size=0;{connection}",
            ["Kraliki:MasterKey"] = masterKey ?? "",
        }));

    private static KralikiDbFactory Factory(NpgsqlDataSource pool, TimeProvider time) => new(
        new DbContextOptionsBuilder<KralikiDb>().UseNpgsql(pool).AddInterceptors(new PostgreSqlLiveness(time)).Options,
        new KralikiOptions(null, "", Demo: true, new(new(null, null, null, null)), new(new(null, null, null))) { Database = new(DatabaseProvider.PostgreSql, null) });

    private static async Task<int> ProcessAsync(KralikiDbFactory databases)
    {
        await using var db = databases.OpenForSystem();
        return await db.Database.SqlQuery<int>($"SELECT pg_backend_pid() AS \"Value\"").SingleAsync(Cancel);
    }

    private static async Task<HttpStatusCode> StatusAsync(HttpClient user)
    {
        using var answer = await user.GetAsync("api/v1/sessions", Cancel);
        return answer.StatusCode;
    }

    private static async Task<HttpStatusCode> CreateAsync(HttpClient user, string? key = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "api/v1/sessions")
        {
            Content = JsonContent.Create(new CreateSession("local"), ContractsJson.Default.CreateSession),
        };
        if (key is not null)
        {
            request.Headers.Add("Idempotency-Key", key);
        }

        using var answer = await user.SendAsync(request, Cancel);
        return answer.StatusCode;
    }

    private static async Task<List<Answer>> WorkAsync(HttpClient user, CancellationToken stop)
    {
        var answers = new List<Answer>();
        while (!stop.IsCancellationRequested)
        {
            var since = Stopwatch.StartNew();
            using var answer = await user.GetAsync("api/v1/sessions", Cancel);
            answers.Add(new(answer.StatusCode, answer.Headers.RetryAfter is not null, since.Elapsed));
        }

        return answers;
    }

    private static async Task AssertRecoversAsync(HttpClient user)
    {
        var since = Stopwatch.StartNew();
        while (await StatusAsync(user) != HttpStatusCode.OK)
        {
            Assert.True(since.Elapsed < Recovery, $"No request was answered {Recovery.TotalSeconds} s after the database was back.");
        }
    }

    private sealed record Answer(HttpStatusCode Status, bool RetryAfter, TimeSpan Took);

    private sealed record Problem(string Code);

    public sealed class OwnPostgreSql : IAsyncLifetime
    {
        public PostgreSqlServer Server { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Server = await PostgreSqlServer.StartAsync(CancellationToken.None);

        public async Task<string> NewDatabaseAsync()
        {
            var name = $"t{Guid.NewGuid():N}";
            await Server.ExecuteAsync($"CREATE DATABASE {name}", Cancel);
            return name;
        }

        public ValueTask DisposeAsync() => Server.DisposeAsync();
    }
}
