using System.Net;
using System.Net.Http.Json;
using Kraliki.Contracts;

namespace Kraliki.Server.Tests.Hosting;

public sealed class ProxiesTests(EdgeServer edges) : IClassFixture<EdgeServer>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_stranger_cannot_talk_away_their_address()
    {
        using var stranger = edges.From("127.0.0.31");
        for (var i = 0; i <= EdgeServer.PerMinute; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "api/v1/console-info");
            request.Headers.Add("X-Forwarded-For", $"203.0.113.{i}");
            using var answer = await stranger.SendAsync(request, Cancel);
            Assert.Equal(i < EdgeServer.PerMinute ? HttpStatusCode.OK : HttpStatusCode.TooManyRequests, answer.StatusCode);
        }

        Assert.Equal("127.0.0.32", await AddressInAuditAsync("127.0.0.32", "203.0.113.9"));
    }

    [Fact]
    public async Task The_configured_proxy_is_believed_but_not_what_a_stranger_wrote_before_it()
    {
        Assert.Equal("203.0.113.50", await AddressInAuditAsync(EdgeServer.Proxy, "203.0.113.50"));
        Assert.Equal("203.0.113.51", await AddressInAuditAsync(EdgeServer.Proxy, "192.0.2.1, 203.0.113.51"));
        Assert.Equal("203.0.113.52", await AddressInAuditAsync(EdgeServer.Proxy, $"192.0.2.1, 203.0.113.52, {EdgeServer.Proxy}"));
    }

    [Theory]
    [InlineData("127.0.0.33", "kraliki_", false)]
    [InlineData(EdgeServer.Proxy, "__Host-kraliki_", true)]
    public async Task Only_the_proxy_makes_it_https(string from, string cookie, bool strict)
    {
        using var client = edges.From(from);
        client.DefaultRequestHeaders.Add("X-Forwarded-Proto", "https");
        client.DefaultRequestHeaders.Add("X-Forwarded-For", "203.0.113.60");
        client.DefaultRequestHeaders.Add("X-Forwarded-Host", "localhost");
        using var answer = await client.PostAsJsonAsync("api/v1/auth/login", new LoginRequest(RunningServer.Admin, edges.Server.Password), ContractsJson.Default.LoginRequest, Cancel);

        Assert.All(answer.Headers.GetValues("Set-Cookie"), value => Assert.StartsWith(cookie, value));
        var session = await SocketUrlAsync(client);
        Assert.StartsWith(strict ? "wss://localhost/" : $"ws://{edges.Server.Url.Authority}/", session);
    }

    [Fact]
    public async Task The_switch_in_the_environment_that_believes_everybody_is_without_effect()
    {
        await using var server = await RunningServer.StartAsync(Cancel, new ServerSetup(Settings: new Dictionary<string, string> { ["FORWARDEDHEADERS_ENABLED"] = "true" }));
        using var client = server.Anonymous();
        client.DefaultRequestHeaders.Add("X-Forwarded-Proto", "https");
        using var answer = await client.PostAsJsonAsync("api/v1/auth/login", new LoginRequest(RunningServer.Admin, server.Password), ContractsJson.Default.LoginRequest, Cancel);
        Assert.All(answer.Headers.GetValues("Set-Cookie"), value => Assert.StartsWith("kraliki_", value));
    }

    private async Task<string?> AddressInAuditAsync(string from, string forwardedFor)
    {
        using var client = edges.From(from);
        using var request = new HttpRequestMessage(HttpMethod.Post, "api/v1/auth/login")
        {
            Content = JsonContent.Create(new LoginRequest($"{Guid.NewGuid()}@demo.example", "wrong password"), ContractsJson.Default.LoginRequest),
        };
        var requestId = $"proxy-{Guid.NewGuid():N}";
        request.Headers.Add("X-Request-ID", requestId);
        request.Headers.Add("X-Forwarded-For", forwardedFor);
        using var answer = await client.SendAsync(request, Cancel);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        return Assert.Single(await edges.AuditOfAsync(requestId, Cancel)).Address;
    }

    private async Task<string> SocketUrlAsync(HttpClient client)
    {
        using var login = await client.PostAsJsonAsync(
            "api/v1/auth/login", new LoginRequest(RunningServer.Admin, edges.Server.Password, TokenTransport.Body), ContractsJson.Default.LoginRequest, Cancel);
        client.DefaultRequestHeaders.Authorization = new("Bearer", (await login.Content.ReadFromJsonAsync(ContractsJson.Default.LoginResponse, Cancel))!.AccessToken);
        using var created = await client.PostAsJsonAsync("api/v1/sessions", new CreateSession(), ContractsJson.Default.CreateSession, Cancel);
        return (await created.Content.ReadFromJsonAsync(ContractsJson.Default.SessionView, Cancel))!.SocketUrl;
    }
}
