using System.Net;
using System.Net.Http.Json;
using Kraliki.Client;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Identity;
using Kraliki.Server.Tests.Sessions;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Microsoft.IdentityModel.JsonWebTokens;

namespace Kraliki.Server.Tests.Identity;

/// <summary>A socket lives no longer than the sign-in it was opened with.</summary>
public sealed class LiveSocketTests(SharedSessionServer shared)
{
    private readonly SessionServer _server = shared.Server;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_signed_out_user_s_socket_closes_and_the_other_device_s_stays()
    {
        using var here = await _server.SignInAsync(Cancel);
        using var there = await _server.SignInAsync(Cancel);
        var session = (await _server.CreateAsync(Cancel)).Id;
        using var closing = await OpenAsync(here, session);
        using var staying = await OpenAsync(there, session);

        await here.LogoutAsync(Cancel);

        Assert.Equal("signed_out", (await closing.ReceiveEndAsync(Cancel)).Code);
        Assert.Equal(4004, (int)closing.CloseStatus!);
        await staying.SendAsync(new Ping(1), Cancel);
        await staying.ReceiveAsync<Pong>(Cancel);
    }

    [Fact]
    public async Task A_ticket_that_nobody_used_dies_with_its_sign_in()
    {
        using var api = await _server.SignInAsync(Cancel);
        var session = (await _server.CreateAsync(Cancel)).Id;
        var ticket = await api.IssueTicketAsync(session, Cancel);
        await api.LogoutAsync(Cancel);

        using var socket = await RawSocket.ConnectAsync(_server.SocketUrl(session), Cancel);
        await socket.ReceiveAsync<Hello>(Cancel);
        await socket.SendAsync(new Identify(ticket.Ticket), Cancel);

        Assert.Equal("signed_out", (await socket.ReceiveEndAsync(Cancel)).Code);
    }

    [Fact]
    public async Task The_client_says_that_the_sign_in_is_lost_and_does_not_come_back()
    {
        using var api = await _server.SignInAsync(Cancel);
        using var other = await _server.SignInAsync(Cancel);
        var session = await _server.CreateAsync(Cancel);
        var lost = 0;
        api.SignInLost += () => lost++;
        await using var socket = api.OpenSocket(await api.GetSessionAsync(session.Id, Cancel));
        var messages = socket.ReadAsync(Cancel).GetAsyncEnumerator(Cancel);
        await using var _ = messages;
        Assert.True(await messages.MoveNextAsync());
        Assert.IsType<Ready>(messages.Current);

        await EndAsync(SidOf(api), other);

        var refusal = await Assert.ThrowsAsync<KralikiException>(async () =>
        {
            while (await messages.MoveNextAsync())
            {
            }
        });
        Assert.Equal((HttpStatusCode.Unauthorized, "signed_out", 1), (refusal.Status, refusal.Code, lost));
    }

    [Fact]
    public async Task What_another_node_does_to_a_person_reaches_the_sockets_here_within_five_seconds()
    {
        await using var server = await SessionServer.StartAsync(Cancel);
        var session = (await server.CreateAsync(Cancel)).Id;
        using var ended = await server.SignInAsync(Cancel);
        using var demoted = await server.SignInAsync(Cancel, RunningServer.Supervisor);
        using var deactivated = await server.SignInAsync(Cancel, RunningServer.Admin);
        using var socketOfEnded = await OpenAsync(ended, session, server);
        using var socketOfDemoted = await OpenAsync(demoted, session, server);
        using var socketOfDeactivated = await OpenAsync(deactivated, session, server);
        var began = TimeProvider.System.GetTimestamp();

        // As another node would: the rows change, and nobody here is told.
        await using (var db = server.Get<KralikiDbFactory>().OpenForSystem())
        {
            var sid = SidOf(ended);
            await db.Set<SignIn>().Where(row => row.Id == sid).ExecuteUpdateAsync(row => row.SetProperty(r => r.EndedAt, DateTimeOffset.UnixEpoch), Cancel);
            await db.Set<User>().Where(row => row.Email == RunningServer.Supervisor).ExecuteUpdateAsync(row => row.SetProperty(r => r.Role, UserRole.Viewer), Cancel);
            await db.Set<User>().Where(row => row.Email == RunningServer.Admin).ExecuteUpdateAsync(row => row.SetProperty(r => r.DeactivatedAt, DateTimeOffset.UnixEpoch), Cancel);
        }

        Assert.Equal("signed_out", (await socketOfEnded.ReceiveEndAsync(Cancel)).Code);
        Assert.Equal("access_changed", (await socketOfDemoted.ReceiveEndAsync(Cancel)).Code);
        Assert.Equal("signed_out", (await socketOfDeactivated.ReceiveEndAsync(Cancel)).Code);
        Assert.True(TimeProvider.System.GetElapsedTime(began) < TimeSpan.FromSeconds(5), "It took longer than 5 s.");
    }

    [Fact]
    public async Task A_new_role_closes_the_sockets_of_the_old_one_and_the_next_ticket_has_the_new()
    {
        await using var server = await SessionServer.StartAsync(Cancel);
        var session = (await server.CreateAsync(Cancel)).Id;
        using var api = await server.SignInAsync(Cancel, RunningServer.Supervisor);
        var lost = false;
        api.SignInLost += () => lost = true;
        var ticket = await api.IssueTicketAsync(session, Cancel);
        using var socket = await OpenAsync(api, session, server);
        await using (var db = server.Get<KralikiDbFactory>().OpenForSystem())
        {
            var user = await db.Set<User>().SingleAsync(row => row.Email == RunningServer.Supervisor, Cancel);
            user.Role = UserRole.Viewer;
            await using var transaction = await db.Database.BeginTransactionAsync(Cancel);
            await db.SaveChangesAsync(Cancel);
            var former = await server.Get<SignIns>().RevokeAccessAsync(db, user.Id, Cancel);
            await transaction.CommitAsync(Cancel);
            server.Get<SignIns>().Announce(former);
        }

        Assert.Equal("access_changed", (await socket.ReceiveEndAsync(Cancel)).Code);
        using var stale = await RawSocket.ConnectAsync(server.SocketUrl(session), Cancel);
        await stale.ReceiveAsync<Hello>(Cancel);
        await stale.SendAsync(new Identify(ticket.Ticket), Cancel);
        Assert.Equal("access_changed", (await stale.ReceiveEndAsync(Cancel)).Code);

        using var again = await OpenAsync(api, session, server);
        await again.SendAsync(new TextMessage("Be quick."), Cancel);
        Assert.Equal("forbidden", (await again.ReceiveAsync<SocketError>(Cancel)).Code);
        Assert.False(lost, "The person was signed out.");
    }

    [Fact]
    public async Task A_stolen_refresh_token_costs_its_thief_and_its_owner_the_socket_and_the_access_token()
    {
        var time = new FakeTimeProvider(DateTimeOffset.Parse("2026-11-22T12:00:00Z"));
        await using var server = await RunningServer.StartAsync(Cancel, new ServerSetup(Time: time));
        using var client = server.Anonymous();
        using var answer = await client.PostAsJsonAsync(
            "api/v1/auth/login", new LoginRequest(RunningServer.Operator, server.Password, TokenTransport.Body), ContractsJson.Default.LoginRequest, Cancel);
        var login = (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.LoginResponse, Cancel))!;
        using var first = await client.PostAsJsonAsync("api/v1/auth/refresh", new RefreshRequest(login.RefreshToken), ContractsJson.Default.RefreshRequest, Cancel);
        var owner = (await first.Content.ReadFromJsonAsync(ContractsJson.Default.LoginResponse, Cancel))!;
        client.DefaultRequestHeaders.Authorization = new("Bearer", owner.AccessToken);
        using var created = await client.PostAsJsonAsync(
            "api/v1/sessions/bootstrap", new CreateSession(), ContractsJson.Default.CreateSession, Cancel);
        var bootstrap = (await created.Content.ReadFromJsonAsync(ContractsJson.Default.SessionBootstrap, Cancel))!;
        using var socket = await RawSocket.ConnectAsync(new Uri(bootstrap.SocketUrl), Cancel);
        await socket.SendAsync(new Identify(bootstrap.Ticket.Ticket), Cancel);
        await socket.ReceiveAsync<Ready>(Cancel);

        time.Advance(TimeSpan.FromSeconds(21));
        using var thief = await client.PostAsJsonAsync("api/v1/auth/refresh", new RefreshRequest(login.RefreshToken), ContractsJson.Default.RefreshRequest, Cancel);

        Assert.Equal(HttpStatusCode.Unauthorized, thief.StatusCode);
        Assert.Equal("signed_out", (await socket.ReceiveEndAsync(Cancel)).Code);
        Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("api/v1/auth/me", Cancel)).StatusCode);
        await using var db = server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem();
        var entry = await db.Set<Kraliki.Server.Operations.AuditEntry>().SingleAsync(row => row.Action == "refresh_token_reused", Cancel);
        Assert.Equal((owner.User.Id.ToString(), owner.User.OrganisationId), (entry.Subject, entry.OrganisationId));
    }

    private static Guid SidOf(KralikiClient api) => Guid.Parse(new JsonWebToken(api.AccessToken).GetClaim("sid").Value);

    private async Task<RawSocket> OpenAsync(KralikiClient api, Guid session, SessionServer? server = null)
    {
        var ticket = await api.IssueTicketAsync(session, Cancel);
        var socket = await RawSocket.ConnectAsync((server ?? _server).SocketUrl(session), Cancel);
        await socket.ReceiveAsync<Hello>(Cancel);
        await socket.SendAsync(new Identify(ticket.Ticket), Cancel);
        await socket.ReceiveAsync<Ready>(Cancel);
        return socket;
    }

    private async Task EndAsync(Guid signIn, KralikiClient by)
    {
        using var client = _server.Host.Anonymous();
        client.DefaultRequestHeaders.Authorization = new("Bearer", by.AccessToken);
        using var answer = await client.DeleteAsync($"api/v1/auth/sessions/{signIn}", Cancel);
        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
    }
}
