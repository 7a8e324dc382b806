using System.Net;
using System.Net.Http.Json;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Microsoft.IdentityModel.JsonWebTokens;

namespace Kraliki.Server.Tests.Identity;

public sealed class RevocationTests
{
    private readonly FakeTimeProvider _time = new(DateTimeOffset.Parse("2026-11-22T12:00:00Z"));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_restart_does_not_forget_who_has_signed_out()
    {
        var directory = Directory.CreateTempSubdirectory("kraliki-test-").FullName;
        try
        {
            string signedOut, signedIn;
            await using (var server = await RunningServer.StartAsync(Cancel, new ServerSetup(directory)))
            {
                using var leaving = await server.SignInAsync(Cancel);
                using var staying = await server.SignInAsync(Cancel);
                using var answer = await leaving.PostAsync("api/v1/auth/logout", content: null, Cancel);
                (signedOut, signedIn) = (leaving.DefaultRequestHeaders.Authorization!.Parameter!, staying.DefaultRequestHeaders.Authorization!.Parameter!);
            }

            await using var again = await RunningServer.StartAsync(Cancel, new ServerSetup(directory));
            Assert.Equal("token_revoked", await RefusalAsync(again, signedOut));
            Assert.Null(await RefusalAsync(again, signedIn));
        }
        finally
        {
            Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
            Directory.Delete(directory, recursive: true);
        }
    }

    [Fact]
    public async Task What_another_node_has_revoked_is_refused_here_within_five_seconds()
    {
        await using var server = await StartAsync();
        using var client = await server.SignInAsync(Cancel);
        var token = client.DefaultRequestHeaders.Authorization!.Parameter!;
        Assert.Null(await RefusalAsync(server, token));

        var databases = server.Services.GetRequiredService<KralikiDbFactory>();
        using var sockets = ActivatorUtilities.CreateInstance<LiveSignIns>(server.Services, _time);
        var otherNode = new SignIns(databases, ActivatorUtilities.CreateInstance<Revocations>(server.Services, _time), sockets, _time);
        Assert.True(await otherNode.EndAsync(Guid.Parse(new JsonWebToken(token).GetClaim("sid").Value), SignInEnd.EndedByUser, Cancel));

        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal("token_revoked", await RefusalAsync(server, token));
    }

    [Fact]
    public async Task Every_access_token_of_a_sign_in_that_is_still_alive_dies_with_it()
    {
        await using var server = await StartAsync();
        using var client = server.Anonymous();
        var first = await LoginAsync(server, client);
        _time.Advance(TimeSpan.FromMinutes(14));
        var second = await RefreshAsync(client, first.RefreshToken!);
        var again = await RefreshAsync(client, first.RefreshToken!);
        Assert.Null(await RefusalAsync(server, first.AccessToken!));

        client.DefaultRequestHeaders.Authorization = new("Bearer", second!.AccessToken);
        using var answer = await client.PostAsync("api/v1/auth/logout", content: null, Cancel);

        foreach (var token in new[] { first.AccessToken!, second.AccessToken!, again!.AccessToken! })
        {
            Assert.Equal("token_revoked", await RefusalAsync(server, token));
        }
    }

    [Fact]
    public async Task A_new_role_makes_the_old_token_worthless_and_a_refresh_brings_the_new_one()
    {
        await using var server = await StartAsync();
        using var client = server.Anonymous();
        var old = await LoginAsync(server, client);
        await using (var db = server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem())
        {
            var signIns = server.Services.GetRequiredService<SignIns>();
            await using var transaction = await db.Database.BeginTransactionAsync(Cancel);
            await db.Set<User>().Where(user => user.Id == old.User.Id).ExecuteUpdateAsync(user => user.SetProperty(row => row.Role, UserRole.Viewer), Cancel);
            var lost = await signIns.RevokeAccessAsync(db, old.User.Id, Cancel);
            await transaction.CommitAsync(Cancel);
            signIns.Announce(lost);
        }

        Assert.Equal("token_revoked", await RefusalAsync(server, old.AccessToken!));
        var renewed = await RefreshAsync(client, old.RefreshToken!);
        Assert.Equal(UserRole.Viewer, renewed!.User.Role);
        Assert.Equal("viewer", new JsonWebToken(renewed.AccessToken).GetClaim("role").Value);
        Assert.Null(await RefusalAsync(server, renewed.AccessToken!));
    }

    [Fact]
    public async Task A_deactivated_persons_refresh_token_is_refused()
    {
        await using var server = await StartAsync();
        using var client = server.Anonymous();
        var login = await LoginAsync(server, client);
        await using (var db = server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem())
        {
            await db.Set<User>().Where(user => user.Id == login.User.Id).ExecuteUpdateAsync(user => user.SetProperty(row => row.DeactivatedAt, _time.GetUtcNow()), Cancel);
        }

        Assert.Null(await RefreshAsync(client, login.RefreshToken!));
    }

    [Fact]
    public async Task What_a_transaction_ends_is_over_with_its_commit_and_not_before()
    {
        await using var server = await StartAsync();
        using var client = server.Anonymous();
        var login = await LoginAsync(server, client);
        var signIns = server.Services.GetRequiredService<SignIns>();
        await using var db = server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem();
        await using (await db.Database.BeginTransactionAsync(Cancel))
        {
            await signIns.EndAllAsync(db, login.User.Id, SignInEnd.PasswordChanged, except: null, Cancel);
        }

        Assert.False(await db.Set<RevokedToken>().AnyAsync(Cancel), "A token was refused for a change that did not happen.");
        db.ChangeTracker.Clear();
        await using (var transaction = await db.Database.BeginTransactionAsync(Cancel))
        {
            await signIns.EndAllAsync(db, login.User.Id, SignInEnd.PasswordChanged, except: null, Cancel);
            await transaction.CommitAsync(Cancel);
        }

        // Nobody has announced it, as after a kill: whoever asks the database sees it.
        Assert.Equal(1, await db.Set<RevokedToken>().CountAsync(Cancel));
        Assert.Null(await RefreshAsync(client, login.RefreshToken!));
    }

    [Fact]
    public async Task A_sign_in_does_not_slip_through_behind_the_change_that_ends_them_all()
    {
        await using var server = await StartAsync();
        await using var db = server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem();
        var tokens = server.Services.GetRequiredService<RefreshTokens>();
        var asRead = await db.Set<User>().AsNoTracking().SingleAsync(user => user.Email == RunningServer.Operator, Cancel);
        await db.Set<User>().Where(user => user.Id == asRead.Id).ExecuteUpdateAsync(user => user.SetProperty(row => row.PasswordHash, "another"), Cancel);
        Assert.Null(await tokens.BeginAsync(asRead, "127.0.0.1", "test", Cancel));

        asRead = await db.Set<User>().AsNoTracking().SingleAsync(user => user.Email == RunningServer.Operator, Cancel);
        await db.Set<User>().Where(user => user.Id == asRead.Id).ExecuteUpdateAsync(user => user.SetProperty(row => row.Role, UserRole.Viewer), Cancel);
        Assert.Null(await tokens.BeginAsync(asRead, "127.0.0.1", "test", Cancel));
        Assert.False(await db.Set<SignIn>().AnyAsync(Cancel));
    }

    [Fact]
    public async Task A_full_memory_forgets_but_never_lets_a_revoked_token_in()
    {
        await using var server = await StartAsync();
        using var client = await server.SignInAsync(Cancel);
        var token = client.DefaultRequestHeaders.Authorization!.Parameter!;
        using var answer = await client.PostAsync("api/v1/auth/logout", content: null, Cancel);

        server.Services.GetRequiredService<Revocations>().Refuse(
            [.. Enumerable.Range(0, 120_000).Select(_ => new RevokedToken { Jti = Guid.NewGuid(), ExpiresAt = _time.GetUtcNow() + AccessTokens.Life })]);

        Assert.Equal("token_revoked", await RefusalAsync(server, token));
    }

    [Fact]
    public async Task What_can_no_longer_matter_is_deleted_and_nothing_else()
    {
        await using var server = await StartAsync();
        using var client = server.Anonymous();
        var ended = await LoginAsync(server, client);
        var kept = await LoginAsync(server, client);
        using var request = new HttpRequestMessage(HttpMethod.Post, "api/v1/auth/logout") { Headers = { Authorization = new("Bearer", ended.AccessToken) } };
        using var answer = await client.SendAsync(request, Cancel);
        using var upkeep = ActivatorUtilities.CreateInstance<IdentityUpkeep>(server.Services, _time);

        await upkeep.PurgeAsync(Cancel);
        Assert.Equal((2, 2, 1), await CountsAsync());
        _time.Advance(AccessTokens.Life + TimeSpan.FromMinutes(6));
        await upkeep.PurgeAsync(Cancel);
        Assert.Equal((2, 2, 0), await CountsAsync());

        _time.Advance(TimeSpan.FromDays(29));
        Assert.NotNull(kept = await RefreshAsync(client, kept.RefreshToken!));
        _time.Advance(TimeSpan.FromDays(1));
        await upkeep.PurgeAsync(Cancel);
        Assert.Equal((1, 1, 0), await CountsAsync());
        Assert.NotNull(await RefreshAsync(client, kept!.RefreshToken!));

        async Task<(int SignIns, int Tokens, int Revoked)> CountsAsync()
        {
            await using var db = server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem();
            return (await db.Set<SignIn>().CountAsync(Cancel), await db.Set<RefreshToken>().CountAsync(Cancel), await db.Set<RevokedToken>().CountAsync(Cancel));
        }
    }

    private static async Task<LoginResponse> LoginAsync(RunningServer server, HttpClient client)
    {
        using var answer = await client.PostAsJsonAsync(
            "api/v1/auth/login", new LoginRequest(RunningServer.Operator, server.Password, TokenTransport.Body), ContractsJson.Default.LoginRequest, Cancel);
        return (await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync(ContractsJson.Default.LoginResponse, Cancel))!;
    }

    /// <returns>Null when it was refused.</returns>
    private static async Task<LoginResponse?> RefreshAsync(HttpClient client, string token)
    {
        using var answer = await client.PostAsJsonAsync("api/v1/auth/refresh", new RefreshRequest(token), ContractsJson.Default.RefreshRequest, Cancel);
        return answer.StatusCode == HttpStatusCode.Unauthorized
            ? null
            : await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync(ContractsJson.Default.LoginResponse, Cancel);
    }

    /// <returns>The code of the refusal; null when the token was let in.</returns>
    private static async Task<string?> RefusalAsync(RunningServer server, string token)
    {
        using var client = server.Anonymous();
        client.DefaultRequestHeaders.Authorization = new("Bearer", token);
        using var answer = await client.GetAsync("api/v1/auth/me", Cancel);
        return answer.StatusCode == HttpStatusCode.OK ? null : (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.Problem, Cancel))!.Code;
    }

    private Task<RunningServer> StartAsync() => RunningServer.StartAsync(Cancel, new ServerSetup(Time: _time));
}
