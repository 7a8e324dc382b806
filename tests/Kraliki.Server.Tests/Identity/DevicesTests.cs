using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using Kraliki.Contracts;
using Kraliki.Server.Identity;

namespace Kraliki.Server.Tests.Identity;

public sealed class DevicesTests(ServerFixture fixture)
{
    private const string Firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Firefox, "Firefox on Linux")]
    [InlineData("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36", "Chrome on Windows")]
    [InlineData("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0", "Edge on Windows")]
    [InlineData("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15", "Safari on macOS")]
    [InlineData("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/142.0 Mobile/15E148 Safari/604.1", "Chrome on iPhone")]
    [InlineData("Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36", "Chrome on Android")]
    [InlineData("Kraliki rehearse command", "Kraliki client")]
    [InlineData("curl/8.14.1", "curl")]
    [InlineData("Something of (Linux)", "A program on Linux")]
    [InlineData(null, "Unknown device")]
    public void A_device_is_told_in_words(string? userAgent, string words) => Assert.Equal(words, Devices.Name(userAgent));

    [Fact]
    public async Task A_person_sees_the_own_sign_ins_and_which_one_is_this()
    {
        using var client = await SignInAsync(RunningServer.Supervisor, Firefox);
        using var other = await SignInAsync(RunningServer.Supervisor, new string('x', 2_000));

        var devices = await DevicesAsync(client);

        var mine = Assert.Single(devices, device => device.Current);
        Assert.Equal(("Firefox on Linux", "127.0.0.1"), (mine.Device, mine.Address));
        Assert.Contains(devices, device => device is { Current: false, Device: "Unknown device" });
    }

    [Fact]
    public async Task Ending_one_device_refuses_its_tokens_at_once_and_leaves_the_others_alone()
    {
        using var client = await SignInAsync(RunningServer.Supervisor);
        using var lost = await SignInAsync(RunningServer.Supervisor);
        var id = Assert.Single(await DevicesAsync(lost), device => device.Current).Id;

        using var ended = await client.DeleteAsync($"api/v1/auth/sessions/{id}", Cancel);

        Assert.Equal(HttpStatusCode.NoContent, ended.StatusCode);
        using var refused = await lost.GetAsync("api/v1/auth/me", Cancel);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        Assert.Equal("token_revoked", (await refused.Content.ReadFromJsonAsync(ContractsJson.Default.Problem, Cancel))!.Code);
        Assert.DoesNotContain(await DevicesAsync(client), device => device.Id == id);
        using var again = await client.DeleteAsync($"api/v1/auth/sessions/{id}", Cancel);
        Assert.Equal(HttpStatusCode.NotFound, again.StatusCode);
    }

    [Fact]
    public async Task The_sign_ins_of_a_colleague_do_not_exist_for_anybody_else()
    {
        using var colleague = await SignInAsync(RunningServer.Operator);
        var id = Assert.Single(await DevicesAsync(colleague), device => device.Current).Id;
        using var client = await SignInAsync(RunningServer.Admin);

        using var answer = await client.DeleteAsync($"api/v1/auth/sessions/{id}", Cancel);

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.DoesNotContain(await DevicesAsync(client), device => device.Id == id);
        Assert.Equal(HttpStatusCode.OK, (await colleague.GetAsync("api/v1/auth/me", Cancel)).StatusCode);
    }

    [Fact]
    public async Task Signing_out_everywhere_ends_every_device_and_nobody_elses()
    {
        await using var server = await RunningServer.StartAsync(Cancel);
        using var here = await server.SignInAsync(Cancel, RunningServer.Admin);
        using var there = await server.SignInAsync(Cancel, RunningServer.Admin);
        using var colleague = await server.SignInAsync(Cancel);

        using var answer = await here.PostAsync("api/v1/auth/logout-all", content: null, Cancel);

        Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await here.GetAsync("api/v1/auth/me", Cancel)).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await there.GetAsync("api/v1/auth/me", Cancel)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await colleague.GetAsync("api/v1/auth/me", Cancel)).StatusCode);
    }

    private static async Task<IReadOnlyList<DeviceView>> DevicesAsync(HttpClient client) =>
        (await client.GetFromJsonAsync("api/v1/auth/sessions", ContractsJson.Default.IReadOnlyListDeviceView, Cancel))!;

    private async Task<HttpClient> SignInAsync(string email, string? userAgent = null)
    {
        var client = fixture.Server.Anonymous();
        if (userAgent is not null)
        {
            client.DefaultRequestHeaders.TryAddWithoutValidation("User-Agent", userAgent);
        }

        using var answer = await client.PostAsJsonAsync(
            "api/v1/auth/login", new LoginRequest(email, fixture.Server.Password, TokenTransport.Body), ContractsJson.Default.LoginRequest, Cancel);
        var login = await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync(ContractsJson.Default.LoginResponse, Cancel);
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", login!.AccessToken);
        return client;
    }
}
