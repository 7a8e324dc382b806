using System.Net;
using System.Net.Http.Json;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Identity;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace Kraliki.Server.Tests.Identity;

public sealed class RefreshTests
{
    private readonly FakeTimeProvider _time = new(DateTimeOffset.Parse("2026-11-22T12:00:00Z"));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Tabs_that_refresh_at_once_get_the_same_successor()
    {
        await using var server = await StartAsync();
        using var client = server.Anonymous();
        var first = await LoginAsync(server, client);

        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => RefreshAsync(client, first)));
        var successor = Assert.Single(answers.Select(answer => answer!.RefreshToken).Distinct());
        Assert.NotEqual(first, successor);

        _time.Advance(TimeSpan.FromSeconds(19));
        Assert.Equal(successor, (await RefreshAsync(client, first))!.RefreshToken);
    }

    [Fact]
    public async Task A_hundred_tabs_that_refresh_together_a_hundred_times_sign_nobody_out()
    {
        await using var server = await RunningServer.StartAsync(Cancel);
        using var client = server.Anonymous();
        var token = await LoginAsync(server, client);
        LoginResponse? last = null;
        for (var round = 0; round < 100; round++)
        {
            var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => RefreshAsync(client, token)));
            Assert.All(answers, Assert.NotNull);
            last = Assert.Single(answers.DistinctBy(answer => (answer!.RefreshToken, answer.AccessToken)));
            token = last!.RefreshToken!;
        }

        client.DefaultRequestHeaders.Authorization = new("Bearer", last!.AccessToken);
        var device = Assert.Single((await client.GetFromJsonAsync("api/v1/auth/sessions", ContractsJson.Default.IReadOnlyListDeviceView, Cancel))!);
        Assert.True(device.Current);
    }

    [Fact]
    public async Task Nodes_that_rotate_one_token_at_the_same_moment_give_the_same_successor()
    {
        await using var server = await StartAsync();
        using var client = server.Anonymous();
        var token = await LoginAsync(server, client);
        var databases = server.Services.GetRequiredService<KralikiDbFactory>();
        var signIns = server.Services.GetRequiredService<SignIns>();
        for (var round = 0; round < 10; round++)
        {
            var secret = token;
            var outcomes = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => new RefreshTokens(databases, signIns, _time).RotateAsync(secret, "127.0.0.1", Cancel))));
            var grant = Assert.Single(outcomes.Select(outcome => (outcome.Grant?.Token, outcome.Grant?.Jti)).Distinct());
            token = grant.Token!;
        }
    }

    [Fact]
    public async Task A_token_used_again_later_ends_the_whole_sign_in()
    {
        await using var server = await StartAsync();
        using var client = server.Anonymous();
        var first = await LoginAsync(server, client);
        var second = (await RefreshAsync(client, first))!.RefreshToken!;

        _time.Advance(TimeSpan.FromSeconds(21));
        Assert.Null(await RefreshAsync(client, first));
        Assert.Null(await RefreshAsync(client, second));
    }

    [Fact]
    public async Task Another_sign_in_of_the_same_person_lives_on()
    {
        await using var server = await StartAsync();
        using var client = server.Anonymous();
        var stolen = await LoginAsync(server, client);
        var other = await LoginAsync(server, client);
        await RefreshAsync(client, stolen);
        _time.Advance(TimeSpan.FromSeconds(21));
        Assert.Null(await RefreshAsync(client, stolen));

        Assert.NotNull(await RefreshAsync(client, other));
    }

    [Fact]
    public async Task An_unused_token_ends_after_thirty_days()
    {
        await using var server = await StartAsync();
        using var client = server.Anonymous();
        var token = await LoginAsync(server, client);

        _time.Advance(TimeSpan.FromDays(30));
        Assert.Null(await RefreshAsync(client, token));
    }

    [Fact]
    public async Task The_cookies_token_never_leaves_in_a_body()
    {
        await using var server = await StartAsync();
        using var client = server.Anonymous();
        var token = await LoginAsync(server, client);
        using var request = new HttpRequestMessage(HttpMethod.Post, "api/v1/auth/refresh")
        {
            Content = JsonContent.Create(new RefreshRequest(TokenTransport: TokenTransport.Body), ContractsJson.Default.RefreshRequest),
        };
        request.Headers.Add("Cookie", $"kraliki_refresh={token}");
        request.Headers.Add("X-Kraliki-CSRF", "1");

        using var answer = await client.SendAsync(request, Cancel);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var login = await answer.Content.ReadFromJsonAsync(ContractsJson.Default.LoginResponse, Cancel);
        Assert.Null(login!.AccessToken);
        Assert.Null(login.RefreshToken);
    }

    private static async Task<string> LoginAsync(RunningServer server, HttpClient client)
    {
        using var answer = await client.PostAsJsonAsync(
            "api/v1/auth/login",
            new LoginRequest(RunningServer.Operator, server.Password, TokenTransport.Body),
            ContractsJson.Default.LoginRequest,
            Cancel);
        return (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.LoginResponse, Cancel))!.RefreshToken!;
    }

    private static async Task<LoginResponse?> RefreshAsync(HttpClient client, string token)
    {
        using var answer = await client.PostAsJsonAsync("api/v1/auth/refresh", new RefreshRequest(token), ContractsJson.Default.RefreshRequest, Cancel);
        return answer.StatusCode == HttpStatusCode.Unauthorized
            ? null
            : await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync(ContractsJson.Default.LoginResponse, Cancel);
    }

    private Task<RunningServer> StartAsync() => RunningServer.StartAsync(Cancel, new ServerSetup(Time: _time));
}
