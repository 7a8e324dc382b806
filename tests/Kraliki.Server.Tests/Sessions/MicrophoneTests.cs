using System.Net;
using System.Net.Http.Json;
using Kraliki.Client;
using Kraliki.Contracts;
using Kraliki.Server.Sessions;

namespace Kraliki.Server.Tests.Sessions;

public sealed class MicrophoneTests(SharedSessionServer shared)
{
    private const string Eva = RunningServer.Operator;
    private const string Jan = RunningServer.Supervisor;

    private readonly SessionServer _server = shared.Server;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_free_microphone_is_taken_once_and_given_back()
    {
        using var eva = await _server.SignInAsync(Cancelled);
        var session = await eva.CreateSessionAsync(new(), Cancelled);

        var taken = await eva.TakeMicrophoneAsync(session.Id, "tab-1", Cancelled);
        var again = await eva.TakeMicrophoneAsync(session.Id, "tab-1", Cancelled);
        Assert.Equal((Eva, "tab-1"), (taken.Microphone!.User, taken.Microphone.ClientId));
        Assert.NotNull(taken.Microphone.Since);
        Assert.Equal((session.Version + 1, taken.Version), (taken.Version, again.Version));

        var free = await eva.ReleaseMicrophoneAsync(session.Id, "tab-1", Cancelled);
        Assert.Null(free.Microphone);
        Assert.Null((await eva.ReleaseMicrophoneAsync(session.Id, "tab-1", Cancelled)).Microphone);
        Assert.Equal(
            [new MicrophoneTaken(Eva, "tab-1", null), new MicrophoneReleased(Eva, "tab-1", Eva)],
            (await FactsAsync(eva, session.Id)).Where(fact => fact is MicrophoneTaken or MicrophoneReleased));
    }

    [Fact]
    public async Task Another_person_and_ones_own_second_tab_are_told_who_holds_it()
    {
        using var eva = await _server.SignInAsync(Cancelled);
        using var jan = await _server.SignInAsync(Cancelled, Jan);
        var session = await eva.CreateSessionAsync(new(), Cancelled);
        var held = await eva.TakeMicrophoneAsync(session.Id, "tab-1", Cancelled);

        foreach (var attempt in new Func<Task>[]
        {
            () => jan.TakeMicrophoneAsync(session.Id, "tab-9", Cancelled),
            () => eva.TakeMicrophoneAsync(session.Id, "tab-2", Cancelled),
            () => jan.ReleaseMicrophoneAsync(session.Id, "tab-1", Cancelled),
            () => eva.ReleaseMicrophoneAsync(session.Id, "tab-2", Cancelled),
        })
        {
            var refusal = await Assert.ThrowsAsync<KralikiException>(attempt);
            Assert.Equal((HttpStatusCode.Conflict, "microphone_held"), (refusal.Status, refusal.Code));
            Assert.Equal(held.Microphone, refusal.MicrophoneHolder);
        }

        Assert.Equal(held.Version, (await eva.GetSessionAsync(session.Id, Cancelled)).Version);
    }

    [Fact]
    public async Task It_changes_hands_only_on_what_the_taker_has_seen()
    {
        using var eva = await _server.SignInAsync(Cancelled);
        using var jan = await _server.SignInAsync(Cancelled, Jan);
        var session = await eva.CreateSessionAsync(new(), Cancelled);
        var held = await eva.TakeMicrophoneAsync(session.Id, "tab-1", Cancelled);

        using var http = await _server.Host.SignInAsync(Cancelled, Jan);
        using var blind = await http.PostAsJsonAsync($"api/v1/sessions/{session.Id}/microphone", new TakeMicrophone("tab-9", TakeOver: true), ContractsJson.Default.TakeMicrophone, Cancelled);
        Assert.Equal((HttpStatusCode)428, blind.StatusCode);

        var stale = await Assert.ThrowsAsync<KralikiException>(() => jan.TakeOverMicrophoneAsync(session.Id, "tab-9", session.Version, Cancelled));
        Assert.Equal(HttpStatusCode.PreconditionFailed, stale.Status);
        Assert.Equal(held.Microphone, stale.Current(ContractsJson.Default.SessionView)!.Microphone);

        var taken = await jan.TakeOverMicrophoneAsync(session.Id, "tab-9", held.Version, Cancelled);
        Assert.Equal((Jan, "tab-9"), (taken.Microphone!.User, taken.Microphone.ClientId));
        Assert.Contains(new MicrophoneTaken(Jan, "tab-9", new(Eva, "tab-1")), await FactsAsync(eva, session.Id));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("two words")]
    [InlineData("12345678901234567890123456789012345678901234567890123456789012345")]
    public async Task A_tab_has_a_plain_name(string? clientId)
    {
        using var api = await _server.SignInAsync(Cancelled);
        var session = await api.CreateSessionAsync(new(), Cancelled);
        var refusal = await Assert.ThrowsAsync<KralikiException>(() => api.TakeMicrophoneAsync(session.Id, clientId!, Cancelled));
        Assert.Equal(HttpStatusCode.BadRequest, refusal.Status);

        if (clientId is not null)
        {
            using var socket = await RawSocket.ConnectAsync(_server.SocketUrl(session.Id), Cancelled);
            await socket.ReceiveAsync<Hello>(Cancelled);
            await socket.SendAsync(new Identify(_server.Ticket(session.Id), 0, clientId), Cancelled);
            Assert.Equal("not_identified", (await socket.ReceiveEndAsync(Cancelled)).Code);
        }
    }

    [Fact]
    public async Task Of_fifty_who_reach_for_it_at_once_one_gets_it()
    {
        using var eva = await _server.SignInAsync(Cancelled);
        using var jan = await _server.SignInAsync(Cancelled, Jan);
        var session = await eva.CreateSessionAsync(new(), Cancelled);

        var outcomes = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => CodeOfAsync(() => (i % 2 == 0 ? eva : jan).TakeMicrophoneAsync(session.Id, $"tab-{i}", Cancelled))));

        Assert.Single(outcomes, code => code == "done");
        Assert.Equal(49, outcomes.Count(code => code == "microphone_held"));
        Assert.Single((await FactsAsync(eva, session.Id)).OfType<MicrophoneTaken>());
    }

    [Fact]
    public async Task Nobody_holds_the_microphone_of_a_session_that_is_over()
    {
        using var api = await _server.SignInAsync(Cancelled);
        var session = await api.CreateSessionAsync(new(), Cancelled);
        await api.TakeMicrophoneAsync(session.Id, "tab-1", Cancelled);

        Assert.Null((await api.EndSessionAsync(session.Id, cancellationToken: Cancelled)).Microphone);
        var refusal = await Assert.ThrowsAsync<KralikiException>(() => api.TakeMicrophoneAsync(session.Id, "tab-1", Cancelled));
        Assert.Equal((HttpStatusCode.Conflict, "session_over"), (refusal.Status, refusal.Code));
    }

    [Fact]
    public async Task A_tab_keeps_the_microphone_while_it_has_a_socket_and_loses_it_when_it_stays_away()
    {
        await using var server = await SessionServer.StartAsync(
            Cancelled,
            limits: new SessionLimits { MicrophoneSweep = TimeSpan.FromMilliseconds(50), MicrophoneGrace = TimeSpan.FromMilliseconds(150), SweepInterval = TimeSpan.FromHours(1) });
        using var api = await server.SignInAsync(Cancelled);
        var kept = await api.CreateSessionAsync(new(), Cancelled);
        var left = await api.CreateSessionAsync(new(), Cancelled);
        using var tab = await EnterAsync(api, kept, "tab-1");
        using (await EnterAsync(api, left, "tab-1"))
        {
            await api.TakeMicrophoneAsync(kept.Id, "tab-1", Cancelled);
            await api.TakeMicrophoneAsync(left.Id, "tab-1", Cancelled);
        }

        Assert.Equal(
            new MicrophoneReleased(Eva, "tab-1", "server"),
            await server.UntilFactAsync<MicrophoneReleased>(left.Id, _ => true, "The microphone stayed with a tab that was gone", Cancelled));
        Assert.Null((await api.GetSessionAsync(left.Id, Cancelled)).Microphone);
        Assert.Equal("tab-1", (await api.GetSessionAsync(kept.Id, Cancelled)).Microphone?.ClientId);
    }

    private static async Task<RawSocket> EnterAsync(KralikiClient api, SessionView session, string clientId)
    {
        var socket = await RawSocket.ConnectAsync(new Uri(session.SocketUrl), Cancelled);
        await socket.ReceiveAsync<Hello>(Cancelled);
        await socket.SendAsync(new Identify((await api.IssueTicketAsync(session.Id, Cancelled)).Ticket, 0, clientId), Cancelled);
        await socket.ReceiveAsync<Ready>(Cancelled);
        return socket;
    }

    private static async Task<string> CodeOfAsync(Func<Task> act)
    {
        try
        {
            await act();
            return "done";
        }
        catch (KralikiException refusal)
        {
            return refusal.Code;
        }
    }

    private static async Task<List<SessionFact>> FactsAsync(KralikiClient api, Guid session) =>
        [.. (await api.GetEventsAsync(session, cancellationToken: Cancelled)).Items.Select(happened => happened.Data)];
}
