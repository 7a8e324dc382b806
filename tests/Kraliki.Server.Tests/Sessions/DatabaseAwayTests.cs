using System.Data.Common;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using Kraliki.Client;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Server.Sessions;
using Kraliki.Server.Sessions.Calls;
using Kraliki.Server.Sessions.Journal;
using Kraliki.Server.Tests.Telephony;
using Kraliki.Tests.Shared;
using Kraliki.Voice.Calls;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Kraliki.Server.Tests.Sessions;

public sealed class DatabaseAwayTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_call_goes_on_without_the_database_and_everything_is_saved_once_and_in_order_when_it_is_back()
    {
        await using var server = await SessionServer.StartAsync(Cancelled, settings: RunningServer.Silent);
        var call = await server.StartCallAsync(Cancelled);
        await using var watcher = Watcher.Of(server, call.Id);
        await watcher.UntilAsync(message => message is Ready, "the watcher was not let in", Cancelled);

        var held = new WriteLock(server);
        for (var i = 0; i < 100; i++)
        {
            call.Say(i % 2 == 0 ? LegRole.Caller : LegRole.Ai, $"line {i}", $"t{i}");
        }

        var unsaved = await watcher.UntilAsync<Unsaved>(message => message.Count == 100 && message.Reason == "the database does not answer", "nobody was told what is not saved", Cancelled);
        Assert.Equal(Enumerable.Range(80, 20).Select(i => $"line {i}"), unsaved.Facts.Cast<TurnFinished>().Select(turn => turn.Text));
        Assert.NotNull(unsaved.Since);
        call.Sink.Partial(new PartialTranscript("t100", LegRole.Caller, "and meanwhile", 0));
        await watcher.UntilAsync<PartialTranscript>(partial => partial.Text == "and meanwhile", "partial words stopped", Cancelled);
        Assert.DoesNotContain(watcher.Seen, message => message is EventMessage { Data: TurnFinished });

        var back = Stopwatch.GetTimestamp();
        held.Dispose();
        await watcher.UntilAsync<EventMessage>(message => message.Data is TurnFinished, "nothing was saved", Cancelled);
        var first = Stopwatch.GetElapsedTime(back);
        await watcher.UntilAsync<Unsaved>(message => message.Count == 0, "nobody was told that all is saved", Cancelled);

        Assert.True(first < TimeSpan.FromSeconds(3), $"The flush began {first.TotalSeconds:0.0} s after the database was back.");
        await call.EndAsync(EndReason.CallerHungUp);
        var events = await server.Journal.EventsAsync(call.Id, 0, 1_000, Cancelled);
        Assert.Equal(Enumerable.Range(1, events.Count).Select(i => (long)i), events.Select(e => e.Seq));
        Assert.Equal(Enumerable.Range(0, 100).Select(i => $"line {i}"), events.Select(e => e.Data).OfType<TurnFinished>().Select(turn => turn.Text));
        Assert.Equal(0, server.Get<FactBudget>().Waiting);
    }

    [Fact]
    public async Task A_call_that_ends_without_the_database_has_its_end_written_when_it_is_back()
    {
        await using var server = await SessionServer.StartAsync(Cancelled, settings: RunningServer.Silent);
        var call = await server.StartCallAsync(Cancelled);

        Task ending;
        using (new WriteLock(server))
        {
            call.Say(LegRole.Caller, "Goodbye.");
            ending = call.EndAsync(EndReason.CallerHungUp, "The caller hung up.");
            await OutageAsync(server);
            Assert.False(ending.IsCompleted);
        }

        await ending.WaitAsync(SessionServer.Patience, Cancelled);
        var row = await server.RowAsync(call.Id, Cancelled);
        Assert.Equal((SessionState.Completed, EndReason.CallerHungUp), (row.State, row.EndReason!.Value));
    }

    [Fact]
    public async Task What_an_operator_changes_without_the_database_is_refused_whole()
    {
        await using var server = await SessionServer.StartAsync(Cancelled, settings: RunningServer.Silent);
        var call = await server.StartCallAsync(Cancelled);
        using var api = await server.Host.SignInAsync(Cancelled);
        using (new WriteLock(server))
        {
            call.Say(LegRole.Caller, "Hello?");
            await OutageAsync(server);
            using var request = new HttpRequestMessage(HttpMethod.Patch, $"api/v1/sessions/{call.Id}") { Content = new StringContent("""{"state":"on_hold"}""", null, "application/json") };
            request.Headers.TryAddWithoutValidation("If-Match", "*");
            using var answer = await api.SendAsync(request, Cancelled);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
            Assert.NotNull(answer.Headers.RetryAfter);
        }

        await server.UntilFactAsync<TurnFinished>(call.Id, turn => turn.Text == "Hello?", "the turn was not saved", Cancelled);
        Assert.Equal(SessionState.Active, (await server.RowAsync(call.Id, Cancelled)).State);
        call.Say(LegRole.Ai, "I am here.");
        await call.EndAsync(EndReason.CallerHungUp);
    }

    [Fact]
    public async Task An_operator_ends_a_call_without_the_database_and_that_is_written_when_it_is_back()
    {
        await using var server = await SessionServer.StartAsync(Cancelled, settings: RunningServer.Silent);
        var call = await server.StartCallAsync(Cancelled);
        using var api = await server.Host.SignInAsync(Cancelled);
        using (await api.GetAsync("api/v1/sessions", Cancelled))
        {
            // The token was found good a moment ago.
        }

        Task ending;
        using (new WriteLock(server))
        {
            call.Say(LegRole.Caller, "Hello?");
            await OutageAsync(server);
            using var answer = await api.PostAsJsonAsync($"api/v1/sessions/{call.Id}/end", new { note = "Enough" }, Cancelled);
            Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
            Assert.Equal(SessionState.Active, (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.SessionView, Cancelled))!.State);
            var end = Assert.IsType<EndCall>(await call.CommandAsync(Cancelled));
            ending = call.EndAsync(end.Reason, end.Detail);
            Assert.False(ending.IsCompleted);
        }

        await ending.WaitAsync(SessionServer.Patience, Cancelled);
        var row = await server.RowAsync(call.Id, Cancelled);
        Assert.Equal((SessionState.Completed, EndReason.OperatorEnded, $"Ended by {RunningServer.Operator}: Enough"), (row.State, row.EndReason!.Value, row.EndDetail));
        var moves = (await server.Journal.EventsAsync(call.Id, 0, 100, Cancelled)).Select(happened => happened.Data).OfType<StateChanged>();
        Assert.Equal(RunningServer.Operator, moves.Single(move => move.To == SessionState.WrapUp).By);
    }

    [Fact]
    public async Task A_database_that_freezes_holds_nobody_up_for_longer_than_it_takes_to_notice()
    {
        await using var postgreSql = await PostgreSqlServer.StartAsync(Cancelled);
        await using var server = await SessionServer.StartAsync(Cancelled, settings: new Dictionary<string, string>(RunningServer.Silent)
        {
            ["Kraliki:Database:Provider"] = "postgresql",
            ["Kraliki:Database:ConnectionString"] = postgreSql.Connection() + ";Minimum Pool Size=0",
        });
        var call = await server.StartCallAsync(Cancelled);
        var grain = server.Get<IGrainFactory>().GetGrain<ISessionGrain>(call.Id);
        var request = Guid.CreateVersion7();
        var change = new UpdateSession(PhoneNumber: "+420226259221");

        await postgreSql.FreezeAsync(Cancelled);
        try
        {
            var asked = Stopwatch.GetTimestamp();
            await Assert.ThrowsAsync<JournalUnavailableException>(() => grain.UpdateAsync(change, "x@y.example", null, request));

            // About 3 s; the driver would wait for 11.
            Assert.InRange(Stopwatch.GetElapsedTime(asked).TotalSeconds, 0, 8);
            call.Say(LegRole.Caller, "Hello?");
            Assert.NotNull(call.Live.UnsavedSince);
        }
        finally
        {
            await postgreSql.ThawAsync(CancellationToken.None);
        }

        await server.UntilFactAsync<TurnFinished>(call.Id, turn => turn.Text == "Hello?", "the turn was not saved", Cancelled);
        await GrainCalls.RepeatAsync(() => grain.UpdateAsync(change, "x@y.example", null, request), TimeProvider.System, Cancelled);
        await call.EndAsync(EndReason.CallerHungUp);
        Assert.Single(await server.Journal.EventsAsync(call.Id, 0, 100, Cancelled), happened => happened.Data is SessionUpdated);
    }

    [Fact]
    public async Task A_caller_who_rings_without_the_database_hears_so_within_three_seconds_and_gets_through_when_it_is_back()
    {
        await using var server = await TelephonyServer.StartAsync(Cancelled);
        using var carrier = server.Carrier();
        await carrier.AfterStreamAsync(Cancelled);
        using (new WriteLock(server.Sessions))
        {
            var asked = Stopwatch.GetTimestamp();
            var answer = await carrier.RingAsync(Cancelled);

            // 2.5 s for the decision; the rest is for a busy machine.
            Assert.InRange(Stopwatch.GetElapsedTime(asked).TotalSeconds, 0, 5);
            Assert.Equal(["Say", "Hangup"], answer.Verbs);
            Assert.Contains("cannot take your call", answer.Said, StringComparison.Ordinal);
        }

        await HealedAsync(server.Sessions);
        using var next = server.Carrier();
        Assert.Equal(["Connect"], (await next.RingAsync(Cancelled)).Verbs);
    }

    [Fact]
    public async Task New_calls_are_refused_at_once_when_the_database_stays_away_and_health_says_why()
    {
        await using var server = await SessionServer.StartAsync(Cancelled, limits: new() { UnsavedPatience = TimeSpan.FromMilliseconds(1) }, settings: RunningServer.Silent);
        using var api = await server.Host.SignInAsync(Cancelled);
        using (new WriteLock(server))
        {
            await OutageAsync(server);
            using var answer = await api.PostAsJsonAsync("api/v1/sessions", new { provider = "local" }, Cancelled);
            var problem = await answer.Content.ReadFromJsonAsync(ContractsJson.Default.Problem, Cancelled);

            Assert.Equal((HttpStatusCode.ServiceUnavailable, "database_unavailable"), (answer.StatusCode, problem!.Code));
            if (!TestDatabase.IsPostgreSql)
            {
                // There nothing can be read either, and the request does not come as far as to begin a call.
                Assert.Equal("No call can begin now: the database does not answer. Running calls go on.", problem.Detail);
            }

            Assert.NotNull(answer.Headers.RetryAfter);
            using var health = await api.GetAsync("health/ready", Cancelled);
            Assert.Equal(HttpStatusCode.ServiceUnavailable, health.StatusCode);
            var report = await health.Content.ReadAsStringAsync(Cancelled);
            Assert.True(report.Contains("The database does not answer", StringComparison.Ordinal), report);
        }

        await HealedAsync(server);
        using var created = await api.PostAsJsonAsync("api/v1/sessions", new { provider = "local" }, Cancelled);
        Assert.Equal(HttpStatusCode.Created, created.StatusCode);
        using var healthy = await api.GetAsync("health/ready", Cancelled);
        Assert.Equal(HttpStatusCode.OK, healthy.StatusCode);
    }

    [Fact]
    public async Task A_call_for_which_there_is_no_more_room_ends_with_an_apology_and_nothing_of_it_is_lost()
    {
        await using var server = await SessionServer.StartAsync(Cancelled, limits: new() { UnsavedFacts = 10 }, settings: new Dictionary<string, string>(TestCarrier.Settings) { ["Logging:Console:LogLevel:Default"] = "None" });
        using var carrier = new TestCarrier(server.Url);
        var row = await server.CreateAsync(Cancelled);
        var call = await server.AttachAsync(row.Id, Cancelled);
        call.Sink.Fact(new CarrierConnected("twilio", carrier.CallSid, "MZ1"));
        call.Sink.Fact(new ProviderConnected("local", null, "p1", 12));
        await server.UntilAsync(row.Id, now => now.State == SessionState.Active, "the session did not become active", Cancelled);

        Task ending;
        using (new WriteLock(server))
        {
            for (var i = 0; i < 11; i++)
            {
                call.Say(LegRole.Caller, $"line {i}");
            }

            var end = Assert.IsType<EndCall>(await call.CommandAsync(Cancelled));
            Assert.StartsWith("The call was ended because nothing more of it could be saved", end.Detail, StringComparison.Ordinal);
            ending = call.EndAsync(end.Reason, end.Detail);

            // The caller is told, without the database.
            var answer = await carrier.AfterStreamAsync(Cancelled);
            Assert.Equal(["Say", "Hangup"], answer.Verbs);
            Assert.Contains("sorry", answer.Said, StringComparison.Ordinal);
            Assert.NotNull(server.Get<NewCalls>().Refusal);
        }

        await ending.WaitAsync(SessionServer.Patience, Cancelled);
        var ended = await server.RowAsync(row.Id, Cancelled);
        Assert.Equal((SessionState.Failed, EndReason.TalkServerFault), (ended.State, ended.EndReason!.Value));
        var events = await server.Journal.EventsAsync(row.Id, 0, 100, Cancelled);
        Assert.Equal(Enumerable.Range(0, 11).Select(i => $"line {i}"), events.Select(e => e.Data).OfType<TurnFinished>().Select(turn => turn.Text));
    }

    [Fact]
    public async Task A_full_disk_refuses_new_calls_at_once_lets_running_ones_go_on_and_heals_when_there_is_room()
    {
        var disk = new FullDisk();
        await using var server = await SessionServer.StartAsync(Cancelled, settings: RunningServer.Silent, change: disk.Install);
        var call = await server.StartCallAsync(Cancelled);
        await using var watcher = Watcher.Of(server, call.Id);
        await watcher.UntilAsync(message => message is Ready, "the watcher was not let in", Cancelled);
        await disk.FillAsync(server, call.Id, Cancelled);

        var said = 0;
        var words = new string('x', 8_000);
        while (server.Get<DatabaseWatch>().Fault is null && said < 200)
        {
            call.Say(LegRole.Caller, words, $"t{said++}");
            await Task.Yield();
        }

        var unsaved = await watcher.UntilAsync<Unsaved>(message => message.Reason == "the disk is full", "nobody was told that the disk is full", Cancelled);
        Assert.InRange(unsaved.Count, 1, said);
        var refusal = server.Get<NewCalls>().Refusal;
        Assert.Equal("No call can begin now: the disk is full. Running calls go on.", refusal?.Detail);

        await disk.FreeAsync(server, Cancelled);
        await watcher.UntilAsync<Unsaved>(message => message.Count == 0, "what waited was not saved when there was room again", Cancelled);
        await call.EndAsync(EndReason.CallerHungUp);
        var events = await server.Journal.EventsAsync(call.Id, 0, 1_000, Cancelled);
        Assert.Equal(Enumerable.Range(0, said).Select(i => $"t{i}"), events.Select(e => e.Data).OfType<TurnFinished>().Select(turn => turn.TurnId));
        Assert.Null(server.Get<NewCalls>().Refusal);
    }

    [Fact]
    public async Task A_caller_whose_stream_ends_while_the_database_is_gone_holds_the_line_and_is_taken_up_again()
    {
        var gone = new DatabaseDoor();
        await using var server = await SessionServer.StartAsync(
            Cancelled, settings: new Dictionary<string, string>(TestCarrier.Settings) { ["Logging:Console:LogLevel:Default"] = "None" }, change: gone.Install);
        using var carrier = new TestCarrier(server.Url);
        Assert.Equal(["Connect"], (await carrier.RingAsync(Cancelled)).Verbs);
        using var polite = new TestCarrier(server.Url);
        var call = await server.StartCallAsync(Cancelled);
        call.Sink.Fact(new CarrierConnected("twilio", polite.CallSid, "MZ1"));

        gone.Refuse();
        var hold = await carrier.AfterStreamAsync(Cancelled);
        Assert.Equal(["Say", "Pause", "Redirect"], hold.Verbs);
        Assert.Equal("Please hold the line for a moment.", hold.Said);
        Assert.EndsWith("/telephony/twilio/after-stream?held=1#rc=5&rp=ct,rt,5xx&ct=1000", hold.Response.Element("Redirect")!.Value, StringComparison.Ordinal);
        using var last = await carrier.PostAsync("telephony/twilio/after-stream?held=9", Cancelled);
        Assert.Equal(["Say", "Hangup"], (await TwimlAnswer.ReadAsync(last, Cancelled)).Verbs);

        // What this node knows by itself needs no database: the assistant has said goodbye.
        call.Sink.Ending(new CallOutcome(EndReason.AssistantEnded, "Goodbye."));
        Assert.Equal(["Hangup"], (await polite.AfterStreamAsync(Cancelled)).Verbs);

        gone.Open();
        await HealedAsync(server);
        Assert.Equal(["Connect"], (await carrier.AfterStreamAsync(Cancelled)).Verbs);
        await call.EndAsync(EndReason.AssistantEnded);
    }

    [Fact]
    public async Task A_call_that_outlives_a_long_absence_of_the_database_is_not_taken_for_lost()
    {
        var gone = new DatabaseDoor();
        await using var server = await SessionServer.StartAsync(
            Cancelled,
            limits: new() { RenewInterval = TimeSpan.FromMilliseconds(200), SweepInterval = TimeSpan.FromMilliseconds(100) },
            settings: RunningServer.Silent,
            change: gone.Install);
        var call = await server.StartCallAsync(Cancelled);

        using (new WriteLock(server))
        {
            gone.Refuse();
            call.Say(LegRole.Caller, "Hello?");
            await OutageAsync(server);

            // Three renewals unheard are the end of patience.
            await Until.TrueAsync(() => server.Get<DatabaseWatch>().Lasting > server.Limits.OwnerExpires * 3, "time stood still", Cancelled);
        }

        gone.Open();
        await server.UntilFactAsync<TurnFinished>(call.Id, turn => turn.Text == "Hello?", "the turn was not saved", Cancelled);
        await server.Get<IGrainFactory>().GetGrain<ISessionGrain>(call.Id).ReapAsync();
        await call.EndAsync(EndReason.CallerHungUp);
        var events = await server.Journal.EventsAsync(call.Id, 0, 100, Cancelled);
        Assert.DoesNotContain(events, happened => happened.Data is CallInterrupted);
        Assert.Equal(SessionState.Completed, (await server.RowAsync(call.Id, Cancelled)).State);
    }

    private static Task OutageAsync(SessionServer server) => Until.TrueAsync(() => server.Get<DatabaseWatch>().Fault is not null, "the outage was not noticed", Cancelled);

    private static Task HealedAsync(SessionServer server) => Until.TrueAsync(() => server.Get<DatabaseWatch>().Fault is null, "the end of the outage was not noticed", Cancelled);

    /// <summary>The ways of being away: in SQLite somebody else writes and does not stop, PostgreSQL ends all connections and lets nobody in.</summary>
    private sealed class WriteLock : IDisposable
    {
        private readonly DbConnection _connection;
        private readonly string _end;

        public WriteLock(SessionServer server)
        {
            var database = server.Get<KralikiOptions>().Database;
            if (database.Provider == DatabaseProvider.PostgreSql)
            {
                var settings = new NpgsqlConnectionStringBuilder(database.ConnectionString!.Reveal()) { Pooling = false };
                var name = settings.Database;
                settings.Database = "postgres";
                _connection = new NpgsqlConnection(settings.ConnectionString);
                _connection.Open();
                Run($"ALTER DATABASE {name} ALLOW_CONNECTIONS false");
                Run($"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
                _end = $"ALTER DATABASE {name} ALLOW_CONNECTIONS true";
                return;
            }

            _connection = new SqliteConnection($"Data Source={Path.Combine(server.Host.DataDirectory, "kraliki.db")};Pooling=False");
            _connection.Open();
            Run("BEGIN IMMEDIATE");
            _end = "ROLLBACK";
        }

        public void Dispose()
        {
            Run(_end);
            _connection.Dispose();
        }

        private void Run(string sql)
        {
            using var command = _connection.CreateCommand();
            command.CommandText = sql;
            command.ExecuteNonQuery();
        }
    }

    /// <summary>A disk without room: SQLITE_FULL comes from PRAGMA max_page_count as from a full disk, PostgreSQL's 53100 from a trigger on every table.</summary>
    private sealed class FullDisk : DbConnectionInterceptor
    {
        private const string NoRoom = """
            CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE disk_full USING MESSAGE = 'could not extend file: No space left on device'; END $$;
            DO $$ DECLARE name text; BEGIN
              FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
                EXECUTE format('CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON %I FOR EACH ROW EXECUTE FUNCTION no_room()', name);
              END LOOP;
            END $$
            """;

        private volatile int _most = int.MaxValue;

        public void Install(IServiceCollection services) => TestDatabase.Intercept(services, this);

        /// <summary>In SQLite it leaves room for some hundred kilobytes, and makes the journal open its connection again.</summary>
        public async Task FillAsync(SessionServer server, Guid session, CancellationToken cancellationToken)
        {
            await using (var db = server.Get<KralikiDbFactory>().OpenForSystem())
            {
                if (TestDatabase.IsPostgreSql)
                {
                    await db.Database.ExecuteSqlRawAsync(NoRoom, cancellationToken);
                    return;
                }

                _most = (int)await db.Database.SqlQueryRaw<long>("SELECT page_count AS Value FROM pragma_page_count").SingleAsync(cancellationToken) + 50;
            }

            using (new WriteLock(server))
            {
                await Assert.ThrowsAsync<JournalUnavailableException>(() => server.Get<IGrainFactory>().GetGrain<ISessionGrain>(session).UpdateAsync(
                    new UpdateSession(PhoneNumber: "+420226259221"), "x@y.example", null, Guid.NewGuid()));
            }

            await HealedAsync(server);
        }

        public async Task FreeAsync(SessionServer server, CancellationToken cancellationToken)
        {
            _most = int.MaxValue;
            if (TestDatabase.IsPostgreSql)
            {
                await using var db = server.Get<KralikiDbFactory>().OpenForSystem();
                await db.Database.ExecuteSqlRawAsync("DROP FUNCTION no_room CASCADE", cancellationToken);
            }
        }

        public override void ConnectionOpened(DbConnection connection, ConnectionEndEventData eventData) => Limit(connection);

        public override Task ConnectionOpenedAsync(DbConnection connection, ConnectionEndEventData eventData, CancellationToken cancellationToken = default)
        {
            Limit(connection);
            return Task.CompletedTask;
        }

        private void Limit(DbConnection connection)
        {
            if (connection is SqliteConnection)
            {
                using var command = connection.CreateCommand();
                command.CommandText = $"PRAGMA max_page_count={_most}";
                command.ExecuteScalar();
            }
        }
    }
}

/// <summary>Reads a session's socket and keeps what came.</summary>
internal sealed class Watcher : IAsyncDisposable
{
    private readonly SessionSocket _socket;
    private readonly IAsyncEnumerator<ServerMessage> _messages;
    private readonly CancellationTokenSource _stop = new();

    private Watcher(SessionSocket socket)
    {
        _socket = socket;
        _messages = socket.ReadAsync(_stop.Token).GetAsyncEnumerator();
    }

    public List<ServerMessage> Seen { get; } = [];

    public static Watcher Of(SessionServer server, Guid session) => new(server.Watch(session));

    /// <summary>Reads on to a message that is as wanted.</summary>
    public async Task<T> UntilAsync<T>(Func<T, bool> wanted, string otherwise, CancellationToken cancellationToken)
        where T : ServerMessage
    {
        _stop.CancelAfter(SessionServer.Patience);
        try
        {
            while (await _messages.MoveNextAsync())
            {
                Seen.Add(_messages.Current);
                if (_messages.Current is T message && wanted(message))
                {
                    _stop.CancelAfter(Timeout.InfiniteTimeSpan);
                    return message;
                }
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
        }

        throw new TimeoutException($"{otherwise}; the last messages: {string.Join(", ", Seen.TakeLast(5))}");
    }

    public Task<ServerMessage> UntilAsync(Func<ServerMessage, bool> wanted, string otherwise, CancellationToken cancellationToken) =>
        UntilAsync<ServerMessage>(wanted, otherwise, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _socket.DisposeAsync();
        _stop.Dispose();
    }
}
