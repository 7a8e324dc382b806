using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using Kraliki.Contracts;
using Kraliki.Server.Identity;
using Microsoft.Extensions.Time.Testing;

namespace Kraliki.Server.Tests.Identity;

public sealed class SignInTests(ServerFixture fixture)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Programs_get_tokens_in_the_body_and_are_known_by_them()
    {
        using var client = fixture.Server.Anonymous();
        using var answer = await LoginAsync(client, TokenTransport.Body);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.False(answer.Headers.Contains("Set-Cookie"));
        var login = await ReadAsync(answer);
        Assert.Equal("Bearer", login.TokenType);
        Assert.Equal(15 * 60, login.ExpiresIn);

        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", login.AccessToken);
        var me = await client.GetFromJsonAsync("api/v1/auth/me", ContractsJson.Default.UserView, Cancel);
        Assert.Equal(RunningServer.Operator, me!.Email);
        Assert.Equal(UserRole.Agent, me.Role);
    }

    [Fact]
    public async Task Browsers_get_cookies_that_scripts_and_other_sites_cannot_use()
    {
        using var client = fixture.Server.Anonymous();
        using var answer = await LoginAsync(client, TokenTransport.Cookie);

        var cookies = answer.Headers.GetValues("Set-Cookie").ToList();
        Assert.Equal(2, cookies.Count);
        Assert.All(cookies, cookie =>
        {
            Assert.Contains("httponly", cookie);
            Assert.Contains("samesite=strict", cookie);
            Assert.Contains("path=/", cookie);
        });
        var login = await ReadAsync(answer);
        Assert.Null(login.AccessToken);
        Assert.Null(login.RefreshToken);

        client.DefaultRequestHeaders.Add("Cookie", CookieHeader(answer));
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("api/v1/auth/me", Cancel)).StatusCode);
    }

    [Fact]
    public async Task Over_https_cookies_are_bound_to_the_host_and_never_travel_in_clear()
    {
        // A proxy on this machine that speaks https to the outside.
        await using var server = await RunningServer.StartAsync(Cancel, new ServerSetup(Settings: new Dictionary<string, string> { ["Kraliki:Proxies"] = "127.0.0.1" }));
        using var client = server.Anonymous();
        client.DefaultRequestHeaders.Add("X-Forwarded-Proto", "https");
        using var answer = await client.PostAsJsonAsync(
            "api/v1/auth/login", new LoginRequest(RunningServer.Operator, server.Password), ContractsJson.Default.LoginRequest, Cancel);

        Assert.All(answer.Headers.GetValues("Set-Cookie"), cookie =>
        {
            Assert.StartsWith("__Host-kraliki_", cookie);
            Assert.Contains("secure", cookie);
            Assert.DoesNotContain("domain", cookie);
        });
    }

    [Fact]
    public async Task Cookies_do_not_travel_in_clear_from_one_machine_to_another()
    {
        await using var server = await RunningServer.StartAsync(
            Cancel, new ServerSetup(Settings: new Dictionary<string, string> { ["Kraliki:PublicUrl"] = "http://phones.example" }));
        using var client = server.Anonymous();
        client.DefaultRequestHeaders.Host = "phones.example";
        var login = new LoginRequest(RunningServer.Operator, server.Password);
        using var refused = await client.PostAsJsonAsync("api/v1/auth/login", login, ContractsJson.Default.LoginRequest, Cancel);
        using var program = await client.PostAsJsonAsync("api/v1/auth/login", login with { TokenTransport = TokenTransport.Body }, ContractsJson.Default.LoginRequest, Cancel);

        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        Assert.False(refused.Headers.Contains("Set-Cookie"));
        Assert.Equal("https_required", (await refused.Content.ReadFromJsonAsync(ContractsJson.Default.Problem, Cancel))!.Code);
        Assert.Equal(HttpStatusCode.OK, program.StatusCode);
    }

    [Theory]
    [InlineData(null, null, null, HttpStatusCode.Forbidden)]
    [InlineData("1", null, null, HttpStatusCode.OK)]
    [InlineData("1", "same-origin", null, HttpStatusCode.OK)]
    [InlineData("1", "cross-site", null, HttpStatusCode.Forbidden)]
    [InlineData("1", "same-site", null, HttpStatusCode.Forbidden)]
    [InlineData("1", null, "https://evil.example", HttpStatusCode.Forbidden)]
    [InlineData("yes", "same-origin", null, HttpStatusCode.Forbidden)]
    public async Task A_cookie_alone_changes_nothing(string? header, string? site, string? origin, HttpStatusCode expected)
    {
        using var client = fixture.Server.Anonymous();
        using var answer = await LoginAsync(client, TokenTransport.Cookie);
        using var request = new HttpRequestMessage(HttpMethod.Post, "api/v1/auth/refresh");
        request.Headers.Add("Cookie", CookieHeader(answer));
        foreach (var (name, value) in new[] { (AuthCookies.CsrfHeader, header), ("Sec-Fetch-Site", site), ("Origin", origin) })
        {
            if (value is not null)
            {
                request.Headers.Add(name, value);
            }
        }

        using var refreshed = await client.SendAsync(request, Cancel);
        Assert.Equal(expected, refreshed.StatusCode);
    }

    [Fact]
    public async Task Unknown_account_and_wrong_password_sound_the_same()
    {
        using var client = fixture.Server.Anonymous();
        var known = await RefusalAsync(client, "supervisor@demo.example");
        var unknown = await RefusalAsync(client, "nobody@demo.example");

        Assert.Equal("invalid_credentials", known.Code);
        Assert.Equal(known with { RequestId = null }, unknown with { RequestId = null });
    }

    [Fact]
    public async Task Guessing_gets_slower_and_only_for_the_guesser()
    {
        var time = new FakeTimeProvider(DateTimeOffset.Parse("2026-11-22T12:00:00Z"));
        await using var server = await RunningServer.StartAsync(Cancel, new ServerSetup(Time: time));
        using var client = server.Anonymous();
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal("invalid_credentials", (await RefusalAsync(client, RunningServer.Admin)).Code);
        }

        Assert.Equal("too_many_attempts", (await RefusalAsync(client, RunningServer.Admin)).Code);
        using var other = await server.SignInAsync(Cancel, RunningServer.Supervisor);

        time.Advance(TimeSpan.FromSeconds(1));
        using var right = await server.SignInAsync(Cancel, RunningServer.Admin);
    }

    [Fact]
    public async Task An_access_token_ends_after_fifteen_minutes()
    {
        var time = new FakeTimeProvider(DateTimeOffset.Parse("2026-11-22T12:00:00Z"));
        await using var server = await RunningServer.StartAsync(Cancel, new ServerSetup(Time: time));
        using var client = await server.SignInAsync(Cancel);

        time.Advance(TimeSpan.FromMinutes(15) - TimeSpan.FromSeconds(1));
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("api/v1/auth/me", Cancel)).StatusCode);
        time.Advance(TimeSpan.FromSeconds(2));
        using var late = await client.GetAsync("api/v1/auth/me", Cancel);
        Assert.Equal(HttpStatusCode.Unauthorized, late.StatusCode);
        Assert.Equal("token_expired", (await late.Content.ReadFromJsonAsync(ContractsJson.Default.Problem, Cancel))!.Code);
    }

    [Fact]
    public async Task Signing_out_ends_the_refresh_token()
    {
        using var client = fixture.Server.Anonymous();
        var login = await ReadAsync(await LoginAsync(client, TokenTransport.Body));

        using var logout = new HttpRequestMessage(HttpMethod.Post, "api/v1/auth/logout");
        logout.Headers.Authorization = new AuthenticationHeaderValue("Bearer", login.AccessToken);
        Assert.Equal(HttpStatusCode.NoContent, (await client.SendAsync(logout, Cancel)).StatusCode);

        using var refresh = await client.PostAsJsonAsync("api/v1/auth/refresh", new RefreshRequest(login.RefreshToken), ContractsJson.Default.RefreshRequest, Cancel);
        Assert.Equal(HttpStatusCode.Unauthorized, refresh.StatusCode);
    }

    private static string CookieHeader(HttpResponseMessage answer) =>
        string.Join("; ", answer.Headers.GetValues("Set-Cookie").Select(cookie => cookie.Split(';')[0]));

    private static async Task<LoginResponse> ReadAsync(HttpResponseMessage answer) =>
        (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.LoginResponse, Cancel))!;

    private static async Task<Problem> RefusalAsync(HttpClient client, string email)
    {
        using var answer = await client.PostAsJsonAsync("api/v1/auth/login", new LoginRequest(email, "wrong"), ContractsJson.Default.LoginRequest, Cancel);
        return (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.Problem, Cancel))!;
    }

    private Task<HttpResponseMessage> LoginAsync(HttpClient client, TokenTransport transport) =>
        client.PostAsJsonAsync(
            "api/v1/auth/login",
            new LoginRequest(RunningServer.Operator, fixture.Server.Password, transport),
            ContractsJson.Default.LoginRequest,
            Cancel);
}
