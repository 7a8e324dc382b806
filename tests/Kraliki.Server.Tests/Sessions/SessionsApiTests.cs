using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Kraliki.Client;
using Kraliki.Contracts;
using Kraliki.Voice.Calls;

namespace Kraliki.Server.Tests.Sessions;

public sealed class SessionsApiTests(SharedSessionServer shared)
{
    private readonly SessionServer _server = shared.Server;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_session_is_created_with_its_location_version_and_socket()
    {
        using var http = await _server.Host.SignInAsync(Cancelled);
        var wish = new CreateSession("local", VoiceStrategy.Segmented, "twilio", "+420226259221", new Dictionary<string, string> { ["order"] = "A-17" });

        using var answer = await http.PostAsJsonAsync("api/v1/sessions", wish, ContractsJson.Default.CreateSession, Cancelled);
        var text = await answer.Content.ReadAsStringAsync(Cancelled);
        var session = System.Text.Json.JsonSerializer.Deserialize(text, ContractsJson.Default.SessionView);

        Assert.Matches("\"created_at\":\"[-0-9]+T[:.0-9]+Z\"", text);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        Assert.Equal($"/api/v1/sessions/{session!.Id}", answer.Headers.Location!.ToString());
        Assert.Equal("\"1\"", answer.Headers.ETag!.Tag);
        Assert.Equal(
            (SessionState.Created, "local", VoiceStrategy.Segmented, "twilio", "+420226259221", 1L, 1L),
            (session.State, session.Provider, session.Strategy, session.TelephonyProvider, session.PhoneNumber, session.LastSeq, session.Version));
        Assert.Equal("A-17", session.Metadata["order"]);
        Assert.Equal($"ws://{_server.Url.Authority}/ws/sessions/{session.Id}", session.SocketUrl);
    }

    [Fact]
    public async Task Bootstrap_is_all_that_is_needed_to_join()
    {
        using var api = await _server.SignInAsync(Cancelled);

        var bootstrap = await api.BootstrapSessionAsync(new CreateSession(), Cancelled);

        using var socket = await RawSocket.ConnectAsync(new Uri(bootstrap.SocketUrl), Cancelled);
        await socket.ReceiveAsync<Hello>(Cancelled);
        await socket.SendAsync(new Identify(bootstrap.Ticket.Ticket), Cancelled);
        Assert.Equal(bootstrap.Session.Id, (await socket.ReceiveAsync<Ready>(Cancelled)).Session.Id);
        Assert.Contains("listen", bootstrap.Features);
    }

    [Theory]
    [InlineData("""{"provider":"hal9000"}""", "provider", "openai, gemini, deepgram, deepgram_agent, local")]
    [InlineData("""{"telephony_provider":"pigeon"}""", "telephony_provider", "twilio")]
    [InlineData("""{"phone_number":"226 259 221"}""", "phone_number", "E.164")]
    [InlineData("""{"phone_number":"+0123456789"}""", "phone_number", "E.164")]
    [InlineData("""{"metadata":{"":"x"}}""", "metadata", "1 to 64")]
    [InlineData("""{"strategy":"telepathy"}""", "strategy", "realtime, segmented")]
    public async Task A_wrong_field_is_named_together_with_what_would_be_right(string body, string field, string fix)
    {
        using var http = await _server.Host.SignInAsync(Cancelled);

        using var answer = await http.PostAsync("api/v1/sessions", new StringContent(body, new System.Net.Http.Headers.MediaTypeHeaderValue("application/json")), Cancelled);
        var problem = await answer.Content.ReadFromJsonAsync(ContractsJson.Default.Problem, Cancelled);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains(fix, problem!.Errors![field][0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Too_much_metadata_is_refused()
    {
        using var api = await _server.SignInAsync(Cancelled);
        var many = Enumerable.Range(0, 17).ToDictionary(i => $"k{i}", i => "v");
        var large = new Dictionary<string, string> { ["k"] = new('x', 501) };

        Assert.Equal("validation_failed", (await Assert.ThrowsAsync<KralikiException>(() => api.CreateSessionAsync(new(Metadata: many), Cancelled))).Code);
        Assert.Equal("validation_failed", (await Assert.ThrowsAsync<KralikiException>(() => api.CreateSessionAsync(new(Metadata: large), Cancelled))).Code);
    }

    [Fact]
    public async Task An_illegal_move_is_409_with_the_moves_that_are_allowed()
    {
        using var api = await _server.SignInAsync(Cancelled);
        var session = await api.CreateSessionAsync(new(), Cancelled);

        foreach (var to in Enum.GetValues<SessionState>().Where(to => to != SessionState.Created && !SessionStates.CanMove(SessionState.Created, to)))
        {
            var refusal = await Assert.ThrowsAsync<KralikiException>(() => api.UpdateSessionAsync(session.Id, new(to), cancellationToken: Cancelled));
            Assert.Equal((HttpStatusCode.Conflict, "illegal_transition"), (refusal.Status, refusal.Code));
            Assert.Equal([SessionState.Connecting, SessionState.Failed], refusal.Problem!.AllowedStates);
            Assert.Equal(SessionState.Created, refusal.Problem.Current!.Value.Deserialize(ContractsJson.Default.SessionView)!.State);
        }
    }

    [Fact]
    public async Task A_call_is_put_on_hold_and_taken_back()
    {
        using var api = await _server.SignInAsync(Cancelled);
        var call = await _server.StartCallAsync(Cancelled);

        Assert.Equal(SessionState.OnHold, (await api.UpdateSessionAsync(call.Id, new(SessionState.OnHold), cancellationToken: Cancelled)).State);
        Assert.Equal(SessionState.Active, (await api.UpdateSessionAsync(call.Id, new(SessionState.Active), cancellationToken: Cancelled)).State);
        var ended = await api.EndSessionAsync(call.Id, "Enough", cancellationToken: Cancelled);

        Assert.Equal(SessionState.WrapUp, ended.State);

        // The call knows it: it must not say goodbye to who waits.
        Assert.Equal(new HoldCall(OnHold: true), await call.CommandAsync(Cancelled));
        Assert.Equal(new HoldCall(OnHold: false), await call.CommandAsync(Cancelled));
        Assert.IsType<EndCall>(await call.CommandAsync(Cancelled));
        await call.EndAsync(EndReason.OperatorEnded);
        ended = await api.EndSessionAsync(call.Id, cancellationToken: Cancelled);
        Assert.Equal((SessionState.Completed, EndReason.OperatorEnded), (ended.State, ended.EndReason!.Value));
        Assert.Equal($"Ended by {RunningServer.Operator}: Enough", ended.EndDetail);
    }

    [Fact]
    public async Task Of_two_operators_the_second_gets_a_412_with_what_the_first_has_made_of_it()
    {
        using var first = await _server.SignInAsync(Cancelled);
        using var second = await _server.SignInAsync(Cancelled, RunningServer.Supervisor);
        var session = await first.CreateSessionAsync(new(), Cancelled);

        var changed = await first.UpdateSessionAsync(session.Id, new(PhoneNumber: "+420111222333"), session.Version, Cancelled);
        var refusal = await Assert.ThrowsAsync<KralikiException>(
            () => second.UpdateSessionAsync(session.Id, new(PhoneNumber: "+420999888777"), session.Version, Cancelled));

        Assert.Equal((HttpStatusCode.PreconditionFailed, "version_conflict"), (refusal.Status, refusal.Code));
        var current = refusal.Problem!.Current!.Value.Deserialize(ContractsJson.Default.SessionView)!;
        Assert.Equal(("+420111222333", changed.Version), (current.PhoneNumber, current.Version));
        Assert.Equal("+420999888777", (await second.UpdateSessionAsync(session.Id, new(PhoneNumber: "+420999888777"), changed.Version, Cancelled)).PhoneNumber);
    }

    [Fact]
    public async Task Turns_do_not_count_as_changes_by_others()
    {
        using var api = await _server.SignInAsync(Cancelled);
        var call = await _server.StartCallAsync(Cancelled);
        var session = await api.GetSessionAsync(call.Id, Cancelled);

        call.Say(LegRole.Caller, "And another thing.");
        await _server.UntilAsync(call.Id, row => row.LastSeq > session.LastSeq, "the turn was not written", Cancelled);

        Assert.Equal(session.Version, (await api.GetSessionAsync(call.Id, Cancelled)).Version);
        await call.EndAsync(EndReason.CallerHungUp);
    }

    [Fact]
    public async Task The_list_pages_through_every_session_once_newest_first()
    {
        var foreign = await _server.CreateAsync(Cancelled, organisation: Guid.CreateVersion7(), phoneNumber: "+420700000001");
        var mine = new List<Guid>();
        for (var i = 0; i < 23; i++)
        {
            mine.Add((await _server.CreateAsync(Cancelled, provider: "openai", phoneNumber: $"+4207000{i:00000}")).Id);
        }

        using var api = await _server.SignInAsync(Cancelled);
        var filter = new SessionFilter(Provider: "openai", PhoneNumber: "+4207000", States: [SessionState.Created, SessionState.Active], Limit: 5);
        var seen = await AllAsync(api, filter);

        mine.Reverse();
        Assert.Equal(mine, seen);
        Assert.DoesNotContain(foreign.Id, seen);
        Assert.Empty(await AllAsync(api, filter with { States = [SessionState.Completed] }));
        Assert.Single(await AllAsync(api, filter with { PhoneNumber = "700000022" }));
    }

    [Fact]
    public async Task What_changed_since_comes_in_the_order_of_change()
    {
        using var api = await _server.SignInAsync(Cancelled);
        var number = $"+4917{Random.Shared.Next(1_000_000, 9_999_999)}";
        var a = await _server.CreateAsync(Cancelled, phoneNumber: number);
        var b = await _server.CreateAsync(Cancelled, phoneNumber: number);
        var c = await _server.CreateAsync(Cancelled, phoneNumber: number);
        var changed = await api.UpdateSessionAsync(a.Id, new(Metadata: new Dictionary<string, string> { ["x"] = "y" }), cancellationToken: Cancelled);

        var filter = new SessionFilter(PhoneNumber: number, Limit: 1);
        Assert.Equal([b.Id, c.Id, a.Id], await AllAsync(api, filter with { UpdatedSince = a.CreatedAt }));
        Assert.Equal([a.Id], await AllAsync(api, filter with { UpdatedSince = changed.UpdatedAt }));
    }

    [Theory]
    [InlineData("state=asleep", "state")]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=201", "limit")]
    [InlineData("cursor=abc", "cursor")]
    [InlineData("cursor=%F0%9F%98%80", "cursor")]
    public async Task A_wrong_filter_is_named(string query, string field)
    {
        using var http = await _server.Host.SignInAsync(Cancelled);

        using var answer = await http.GetAsync($"api/v1/sessions?{query}", Cancelled);

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains(field, (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.Problem, Cancelled))!.Errors!.Keys);
    }

    [Fact]
    public async Task Events_are_read_from_any_number_on()
    {
        using var api = await _server.SignInAsync(Cancelled);
        var call = await _server.StartCallAsync(Cancelled);
        call.Say(LegRole.Caller, "One.");
        await call.EndAsync(EndReason.CallerHungUp);

        var all = await api.GetEventsAsync(call.Id, cancellationToken: Cancelled);
        var pages = new List<SessionEvent>();
        for (var more = true; more;)
        {
            var page = await api.GetEventsAsync(call.Id, pages.LastOrDefault()?.Seq ?? 0, 4, Cancelled);
            pages.AddRange(page.Items);
            more = page.More;
            Assert.Equal(all.LastSeq, page.LastSeq);
        }

        Assert.False(all.More);
        Assert.Equal(all.Items.Select(e => e.Seq), pages.Select(e => e.Seq));
        Assert.Equal(all.Items.Select(e => e.Data.GetType()), pages.Select(e => e.Data.GetType()));
        Assert.Empty((await api.GetEventsAsync(call.Id, all.LastSeq, cancellationToken: Cancelled)).Items);
    }

    [Fact]
    public async Task The_transcript_comes_in_four_forms()
    {
        using var api = await _server.SignInAsync(Cancelled);
        var call = await _server.StartCallAsync(Cancelled);
        call.Sink.Fact(new TurnFinished("a", LegRole.Ai, "Hello,\nhow can I help?", 1_200, 3_450));
        call.Sink.Fact(new TurnFinished("c", LegRole.Caller, "<Stop> & listen", 61_000, 62_500, Interrupted: true));
        await call.EndAsync(EndReason.CallerHungUp);

        var lines = (await api.GetTranscriptAsync(call.Id, Cancelled)).Lines;
        Assert.Equal([LegRole.Ai, LegRole.Caller], lines.Select(line => line.Speaker));
        Assert.Equal(
            "[00:01] Assistant: Hello, how can I help?\n[01:01] Caller: <Stop> & listen [interrupted]\n",
            await api.GetTranscriptTextAsync(call.Id, "text", Cancelled));
        Assert.Equal(
            $"WEBVTT\n\n{lines[0].Seq}\n00:00:01.200 --> 00:00:03.450\n<v Assistant>Hello, how can I help?\n\n{lines[1].Seq}\n00:01:01.000 --> 00:01:02.500\n<v Caller>&lt;Stop&gt; &amp; listen\n",
            await api.GetTranscriptTextAsync(call.Id, "vtt", Cancelled));
        Assert.Equal(
            "1\n00:00:01,200 --> 00:00:03,450\nAssistant: Hello, how can I help?\n\n2\n00:01:01,000 --> 00:01:02,500\nCaller: <Stop> & listen\n\n",
            await api.GetTranscriptTextAsync(call.Id, "srt", Cancelled));
        Assert.Equal("validation_failed", (await Assert.ThrowsAsync<KralikiException>(() => api.GetTranscriptTextAsync(call.Id, "pdf", Cancelled))).Code);
    }

    [Theory]
    [InlineData("text/vtt", HttpStatusCode.OK, "text/vtt")]
    [InlineData("text/*", HttpStatusCode.OK, "text/plain")]
    [InlineData("application/json;q=0.5, application/x-subrip", HttpStatusCode.OK, "application/x-subrip")]
    [InlineData("*/*", HttpStatusCode.OK, "application/json")]
    [InlineData("image/png", HttpStatusCode.NotAcceptable, "application/problem+json")]
    public async Task The_accept_header_chooses_the_form(string accept, HttpStatusCode status, string type)
    {
        using var http = await _server.Host.SignInAsync(Cancelled);
        var row = await _server.CreateAsync(Cancelled);
        using var request = new HttpRequestMessage(HttpMethod.Get, $"api/v1/sessions/{row.Id}/transcript");
        request.Headers.Add("Accept", accept);

        using var answer = await http.SendAsync(request, Cancelled);

        Assert.Equal((status, type), (answer.StatusCode, answer.Content.Headers.ContentType!.MediaType));
    }

    [Fact]
    public async Task Sessions_of_another_organisation_do_not_exist()
    {
        using var api = await _server.SignInAsync(Cancelled, RunningServer.Admin);
        var id = (await _server.CreateAsync(Cancelled, organisation: Guid.CreateVersion7())).Id;

        Func<Task>[] attempts =
        [
            () => api.GetSessionAsync(id, Cancelled),
            () => api.UpdateSessionAsync(id, new(SessionState.Failed), cancellationToken: Cancelled),
            () => api.EndSessionAsync(id, cancellationToken: Cancelled),
            () => api.IssueTicketAsync(id, Cancelled),
            () => api.GetEventsAsync(id, cancellationToken: Cancelled),
            () => api.GetTranscriptAsync(id, Cancelled),
        ];
        foreach (var attempt in attempts)
        {
            Assert.Equal(HttpStatusCode.NotFound, (await Assert.ThrowsAsync<KralikiException>(attempt)).Status);
        }

        Assert.Equal(SessionState.Created, (await _server.RowAsync(id, Cancelled)).State);
    }

    [Fact]
    public async Task The_sockets_are_described_as_AsyncAPI_with_every_message()
    {
        using var http = _server.Host.Anonymous();

        using var document = System.Text.Json.JsonDocument.Parse(await http.GetStringAsync("asyncapi.json", Cancelled));

        Assert.Equal("3.0.0", document.RootElement.GetProperty("asyncapi").GetString());
        var messages = document.RootElement.GetProperty("components").GetProperty("messages");
        Assert.Equal(
            ["hello", "ready", "event", "transcript_partial", "meters", "features", "pong", "error", "resync", "unsaved", "reconnect", "identify", "ping", "text", "function_result", "suggestion-action", "listen", "audio"],
            messages.EnumerateObject().Select(message => message.Name));
        var closures = document.RootElement.GetProperty("channels").GetProperty("session").GetProperty("x-close-codes").EnumerateArray().ToList();
        Assert.Equal(
            [(1000, "session_over"), (4004, "signed_out")],
            closures.Where(end => !end.GetProperty("reconnect").GetBoolean()).Select(end => (end.GetProperty("code").GetInt32(), end.GetProperty("reason").GetString())));
        Assert.Contains((1001, "server_stopping"), closures.Select(end => (end.GetProperty("code").GetInt32(), end.GetProperty("reason").GetString())));
        var partial = messages.GetProperty("transcript_partial").GetProperty("payload");
        Assert.Equal("transcript_partial", partial.GetProperty("properties").GetProperty("type").GetProperty("const").GetString());
        Assert.Equal(["caller", "ai", "operator", "supervisor"], partial.GetProperty("properties").GetProperty("speaker").GetProperty("enum").EnumerateArray().Select(word => word.GetString()));
    }

    private static async Task<List<Guid>> AllAsync(KralikiClient api, SessionFilter filter)
    {
        var seen = new List<Guid>();
        do
        {
            var page = await api.ListSessionsAsync(filter, Cancelled);
            Assert.True(page.Items.Count <= filter.Limit);
            seen.AddRange(page.Items.Select(session => session.Id));
            filter = filter with { Cursor = page.NextCursor };
        }
        while (filter.Cursor is not null);

        return seen;
    }
}
