using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using Kraliki.Client;
using Kraliki.Contracts;
using Kraliki.Server.Cluster;
using Kraliki.Server.Data;
using Kraliki.Server.Telephony;
using Kraliki.Server.Tests.Sessions;
using Kraliki.Server.Tests.Telephony;
using Kraliki.Tests.Shared;

namespace Kraliki.Server.Tests.Cluster;

/// <summary>A node that is asked to stop beside another one (docs/adr/0022). The first is the one that leaves; the test stands for the carrier and for the proxy.</summary>
public sealed class DrainTests : IAsyncLifetime
{
    // More than any of these tests may take: who gives up at its end instead of being done is seen.
    private const int Long = 60;

    private ScriptedOpenAI _openAI = null!;
    private FakeRest _rest = null!;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private IReadOnlyList<RestRequest> Moves => [.. _rest.Asked.Where(asked => asked.Form?.GetValueOrDefault("Url")?.Contains("/telephony/twilio/after-stream", StringComparison.Ordinal) == true)];

    public async ValueTask InitializeAsync()
    {
        _openAI = await ScriptedOpenAI.StartAsync(Cancelled);
        _rest = await FakeRest.StartAsync(Cancelled);
    }

    public async ValueTask DisposeAsync()
    {
        await _rest.DisposeAsync();
        await _openAI.DisposeAsync();
    }

    [Fact]
    public async Task A_node_that_leaves_is_not_ready_and_leaves_to_the_others_what_would_begin()
    {
        await using var nodes = await StartAsync(Long);
        using var carrier = new TestCarrier(nodes.First.Url);
        await using var stream = await TalkAsync(carrier);
        var session = await SessionOfAsync(nodes.First, carrier);
        using var here = await nodes.First.Host.SignInAsync(Cancelled);
        var leaving = await LeaveAsync(nodes);

        // The carrier does not follow yet: as long as the call is here, so is the node.
        using var health = await here.GetAsync("health/ready", Cancelled);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, health.StatusCode);
        Assert.Contains("The node is leaving.", await health.Content.ReadAsStringAsync(Cancelled), StringComparison.Ordinal);
        using var caller = new TestCarrier(nodes.First.Url);
        foreach (var webhook in new[] { "voice", "after-stream" })
        {
            using var answer = await caller.PostAsync($"telephony/twilio/{webhook}", Cancelled);
            Assert.Equal((HttpStatusCode.ServiceUnavailable, "server_stopping"), (answer.StatusCode, await CodeAsync(answer)));
            Assert.NotNull(answer.Headers.RetryAfter);
        }

        foreach (var socket in new[] { "telephony/twilio/media", $"ws/sessions/{session}" })
        {
            using var client = new ClientWebSocket { Options = { CollectHttpResponseDetails = true } };
            await Assert.ThrowsAsync<WebSocketException>(() => client.ConnectAsync(new Uri($"ws://{nodes.First.Url.Authority}/{socket}"), Cancelled));
            Assert.Equal(HttpStatusCode.ServiceUnavailable, client.HttpStatusCode);
        }

        using var created = await here.PostAsJsonAsync("api/v1/sessions", new { provider = "local" }, Cancelled);
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "server_stopping"), (created.StatusCode, await CodeAsync(created)));
        using var read = await here.GetAsync($"api/v1/sessions/{session}", Cancelled);
        Assert.Equal(HttpStatusCode.OK, read.StatusCode);

        using var there = nodes.Second.Host.Anonymous();
        using var ready = await there.GetAsync("health/ready", Cancelled);
        Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
        using var next = new TestCarrier(nodes.Second.Url);
        Assert.Equal(["Connect"], (await next.RingAsync(Cancelled)).Verbs);
        Assert.False(leaving.IsCompleted);

        stream.Abort();
        await leaving.WaitAsync(SessionServer.Patience, Cancelled);
    }

    /// <param name="stopsFirst">As Twilio does; otherwise the new stream is there before the old one has ended.</param>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_call_talks_on_until_its_carrier_has_gone_to_the_other_node_and_there_the_conversation_goes_on(bool stopsFirst)
    {
        await using var nodes = await StartAsync(Long);
        using var carrier = new TestCarrier(nodes.First.Url);
        await using var old = await TalkAsync(carrier);
        var session = await SessionOfAsync(nodes.First, carrier);
        var leaving = await LeaveAsync(nodes);
        await Until.TrueAsync(() => Moves.Count == 1, "the carrier was not asked to move the call", Cancelled);
        Assert.EndsWith($"/Calls/{carrier.CallSid}.json", Moves[0].Path, StringComparison.Ordinal);

        await old.SpeakAsync(Cancelled);
        await nodes.Second.UntilFactAsync<TurnFinished>(session, turn => turn.Text == ScriptedOpenAI.CallerWords, "the call did not go on where it was", Cancelled);
        if (stopsFirst)
        {
            await old.HangUpAsync(carrier.CallSid, Cancelled);
        }

        using var there = new TestCarrier(nodes.Second.Url) { CallSid = carrier.CallSid };
        await using var stream = await there.StreamAsync(await there.AfterStreamAsync(Cancelled), Cancelled);
        await nodes.Second.UntilFactAsync<CallResumed>(session, _ => true, "the call did not come to the other node", Cancelled);
        await old.ClosedAsync(Cancelled);
        await leaving.WaitAsync(SessionServer.Patience, Cancelled);

        var asked = _openAI.Asked.Count;
        await stream.SpeakAsync(Cancelled);
        await stream.ReceiveAsync("media", Cancelled);
        Assert.Equal(2, _openAI.Asked[asked].Turns.Count(turn => turn.Text == ScriptedOpenAI.CallerWords));
        var row = await nodes.Second.RowAsync(session, Cancelled);
        Assert.Equal((SessionState.Active, nodes.Second.Get<ClusterNodes>().Self), (row.State, row.Node));
        var facts = (await nodes.Second.Journal.EventsAsync(session, 0, 1_000, Cancelled)).ConvertAll(happened => happened.Data);
        Assert.Equal(new CallResumed("The call was moved to another server.", 0), Assert.Single(facts.OfType<CallResumed>()));
        Assert.Empty(facts.OfType<CallInterrupted>());
        await stream.HangUpAsync(there.CallSid, Cancelled);
        await there.StatusAsync("completed", Cancelled);
        Assert.Equal(EndReason.CallerHungUp, (await nodes.Second.UntilAsync(session, now => now.State == SessionState.Completed, "the session did not end", Cancelled)).EndReason);
    }

    [Fact]
    public async Task Calls_are_moved_when_nobody_speaks()
    {
        await using var nodes = await StartAsync(Long);
        var calls = new List<(TestCarrier Carrier, TestCall Call)>();
        for (var i = 0; i < 6; i++)
        {
            var carrier = new TestCarrier(nodes.First.Url);
            await carrier.RingAsync(Cancelled);
            var call = await nodes.First.AttachAsync(await SessionOfAsync(nodes.First, carrier), Cancelled);
            call.Connect();
            await nodes.First.UntilAsync(call.Id, row => row.State == SessionState.Active, "the session did not become active", Cancelled);
            Speak(call, i < 5);
            calls.Add((carrier, call));
        }

        var leaving = await LeaveAsync(nodes);
        await Until.TrueAsync(() => Moves.Count > 0, "the quiet call was not moved", Cancelled);
        Assert.EndsWith($"/Calls/{calls[^1].Carrier.CallSid}.json", Assert.Single(Moves).Path, StringComparison.Ordinal);

        calls.ForEach(one => Speak(one.Call, false));
        await Until.TrueAsync(() => Moves.DistinctBy(asked => asked.Path).Count() == calls.Count, "the others were not moved when they were quiet", Cancelled);
        await Task.WhenAll(calls.Select(one => one.Call.EndAsync(EndReason.CallerHungUp)));
        calls.ForEach(one => one.Carrier.Dispose());
        await leaving.WaitAsync(SessionServer.Patience, Cancelled);

        static void Speak(TestCall call, bool speaks) => call.Sink.Meters(new CallMeters(0.5, 0.5, 1_000, AiSpeaking: speaks, CallerSpeaking: false));
    }

    [Fact]
    public async Task A_call_that_is_not_moved_in_time_is_cut_and_comes_back_on_the_other_node()
    {
        await using var nodes = await StartAsync(drainSeconds: 2);
        using var carrier = new TestCarrier(nodes.First.Url);
        await using var old = await TalkAsync(carrier);
        var session = await SessionOfAsync(nodes.First, carrier);
        var began = Stopwatch.GetTimestamp();

        await (await LeaveAsync(nodes)).WaitAsync(SessionServer.Patience, Cancelled);

        // From above only by patience: what follows the drain takes its time on a busy machine.
        Assert.True(Stopwatch.GetElapsedTime(began) >= TimeSpan.FromSeconds(2), "The node did not wait for the carrier.");
        Assert.Equal((1000, "The server is shutting down."), await old.ClosedAsync(Cancelled));
        Assert.Equal(SessionState.Active, (await nodes.Second.RowAsync(session, Cancelled)).State);
        using var there = new TestCarrier(nodes.Second.Url) { CallSid = carrier.CallSid };
        await using var stream = await there.StreamAsync(await there.AfterStreamAsync(Cancelled), Cancelled);
        await nodes.Second.UntilFactAsync<CallResumed>(session, _ => true, "the call did not come back on the other node", Cancelled);
        await stream.SpeakAsync(Cancelled);
        await nodes.Second.UntilFactAsync<TurnFinished>(session, turn => turn.Text == ScriptedOpenAI.CallerWords, "the conversation did not go on", Cancelled);
    }

    [Fact]
    public async Task Consoles_go_to_the_other_node_each_at_a_moment_of_its_own_and_miss_nothing()
    {
        const int Consoles = 30;
        await using var nodes = await StartAsync(Long);
        var call = await nodes.Second.StartCallAsync(Cancelled);
        var target = nodes.First;
        await using var proxy = new CuttingProxy(() => new IPEndPoint(IPAddress.Loopback, Volatile.Read(ref target).Url.Port), () => null);
        var (raw, _) = await RawSocket.EnterAsync(nodes.First, call.Id, Cancelled);
        using var stays = raw;
        var consoles = Enumerable.Range(0, Consoles).Select(_ => new SessionSocket(
            new Uri($"ws://127.0.0.1:{proxy.Port}/ws/sessions/{call.Id}"), _ => Task.FromResult(nodes.Second.Ticket(call.Id)))).ToList();
        var arrived = consoles.ConvertAll(_ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        var moved = consoles.ConvertAll(_ => new TaskCompletionSource<TimeSpan>(TaskCreationOptions.RunContinuationsAsynchronously));
        var began = Stopwatch.GetTimestamp();
        var seen = consoles.Select((console, at) => ReadAsync(console, arrived[at], moved[at])).ToList();
        await Task.WhenAll(arrived.Select(one => one.Task)).WaitAsync(SessionServer.Patience, Cancelled);

        target = nodes.Second;
        began = Stopwatch.GetTimestamp();
        var leaving = nodes.First.DisposeAsync().AsTask();
        Assert.Equal(5_000, (await raw.ReceiveAsync<Reconnect>(Cancelled)).WithinMs);
        call.Say(LegRole.Ai, "Said while they move.");
        var times = await Task.WhenAll(moved.Select(one => one.Task)).WaitAsync(SessionServer.Patience, Cancelled);

        // Thirty moments in five seconds: that all fall into one of them happens once in 10^19 times.
        Assert.True(times.Max() - times.Min() > TimeSpan.FromSeconds(1), $"All came within {(times.Max() - times.Min()).TotalMilliseconds:0} ms.");
        Assert.Equal("server_stopping", (await raw.ReceiveEndAsync(Cancelled)).Code);
        await leaving.WaitAsync(SessionServer.Patience, Cancelled);
        await call.EndAsync(EndReason.CallerHungUp);
        var logs = await Task.WhenAll(seen).WaitAsync(SessionServer.Patience, Cancelled);
        var last = (await nodes.Second.RowAsync(call.Id, Cancelled)).LastSeq;
        Assert.All(logs, log => Assert.Equal(Enumerable.Range(1, (int)last).Select(seq => (long)seq), log));
        Assert.All(consoles, console => Assert.Equal(0, console.Metrics.TotalDisconnections));

        async Task<List<long>> ReadAsync(SessionSocket console, TaskCompletionSource here, TaskCompletionSource<TimeSpan> there)
        {
            var log = new List<long>();
            await using (console)
            {
                await foreach (var message in console.ReadAsync(Cancelled))
                {
                    if (message is Ready && !here.TrySetResult())
                    {
                        there.TrySetResult(Stopwatch.GetElapsedTime(began));
                    }
                    else if (message is EventMessage happened)
                    {
                        log.Add(happened.Seq);
                    }
                }
            }

            return log;
        }
    }

    [Fact]
    public async Task A_node_with_nothing_on_it_leaves_at_once()
    {
        await using var nodes = await StartAsync(Long);

        await nodes.First.DisposeAsync().AsTask().WaitAsync(SessionServer.Patience, Cancelled);

        await Until.TrueAsync(() => nodes.Second.Get<ClusterNodes>().Living.Count == 1, "the other node did not see it leave", Cancelled);
        using var next = new TestCarrier(nodes.Second.Url);
        Assert.Equal(["Connect"], (await next.RingAsync(Cancelled)).Verbs);
    }

    [Fact]
    public async Task A_second_signal_ends_a_node_at_once()
    {
        var directory = Directory.CreateTempSubdirectory("kraliki-test-").FullName;
        try
        {
            await using var leaves = await NodeAsync();
            await using var stays = await NodeAsync();
            using var api = await leaves.SignInAsync(Cancelled);
            var session = await api.CreateSessionAsync(new CreateSession("local"), cancellationToken: Cancelled);

            // As long as somebody watches, the node waits for him to go.
            using var console = await RawSocket.ConnectAsync(new Uri(session.SocketUrl), Cancelled);
            await console.SendAsync(new Identify((await api.IssueTicketAsync(session.Id, Cancelled)).Ticket, AfterSeq: 0), Cancelled);
            await console.ReceiveAsync<Ready>(Cancelled);
            var leaving = leaves.TerminateAsync(Cancelled);
            using var anybody = new HttpClient { BaseAddress = leaves.Url };
            await BeginsAsync(anybody);
            var code = await leaves.TerminateAsync(Cancelled).WaitAsync(SessionServer.Patience, Cancelled);

            // 128 and the signal's number; a node that has handed over ends with 0.
            Assert.Equal((143, 143), (code, await leaving));
        }
        finally
        {
            await TestDatabase.DropPostgreSqlAsync(directory);
            Directory.Delete(directory, recursive: true);
        }

        async Task<ServerProcess> NodeAsync() =>
            await ServerProcess.StartAsync(ServerProcess.FreeUrl(), directory, await TwoNodes.SettingsAsync(directory, Long, Cancelled), Cancelled);
    }

    private static async Task<string?> CodeAsync(HttpResponseMessage answer) => (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.Problem, Cancelled))?.Code;

    private static async Task<Guid> SessionOfAsync(SessionServer node, TestCarrier carrier) =>
        (await CarrierCall.FindAsync(node.Get<KralikiDbFactory>(), carrier.CallSid, Cancelled))!.SessionId;

    /// <summary>A call whose caller has heard the greeting.</summary>
    private static async Task<TestStream> TalkAsync(TestCarrier carrier)
    {
        var stream = await carrier.TalkAsync(Cancelled);
        await stream.ReceiveAsync("media", Cancelled);
        return stream;
    }

    /// <summary>Returns when the first node has begun to leave.</summary>
    /// <returns>Ends when it is gone.</returns>
    private static async Task<Task> LeaveAsync(TwoNodes nodes)
    {
        using var client = nodes.First.Host.Anonymous();
        var leaving = nodes.First.DisposeAsync().AsTask();
        await BeginsAsync(client);
        return leaving;
    }

    private static Task BeginsAsync(HttpClient node) => Until.TrueAsync(
        async () =>
        {
            using var health = await node.GetAsync("health/ready", Cancelled);
            return health.StatusCode == HttpStatusCode.ServiceUnavailable;
        },
        "the node did not begin to leave",
        Cancelled);

    private Task<TwoNodes> StartAsync(int drainSeconds) => TwoNodes.StartAsync(
        Cancelled,
        drainSeconds,
        new Dictionary<string, string>(_openAI.Settings()) { ["Kraliki:Carriers:Twilio:BaseUrl"] = _rest.Url.AbsoluteUri, ["Logging:Console:LogLevel:Default"] = "None" });
}
