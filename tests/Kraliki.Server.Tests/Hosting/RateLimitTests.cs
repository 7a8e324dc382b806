using System.Net;
using System.Net.Http.Json;
using Kraliki.Contracts;
using Kraliki.Server.Hosting;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Kraliki.Server.Tests.Hosting;

public sealed class RateLimitTests(EdgeServer edges) : IClassFixture<EdgeServer>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Who_asks_too_often_is_told_when_to_come_back()
    {
        using var client = edges.From("127.0.0.21");
        await RepeatAsync(EdgeServer.PerMinute, () => client.GetAsync("api/v1/console-info", Cancel), HttpStatusCode.OK);

        using var refused = await client.GetAsync("api/v1/console-info", Cancel);

        await ExpectRefusalAsync(refused, atMost: TimeSpan.FromMinutes(1) / EdgeServer.PerMinute);
        using var neighbour = edges.From("127.0.0.22");
        Assert.Equal(HttpStatusCode.OK, (await neighbour.GetAsync("api/v1/console-info", Cancel)).StatusCode);
    }

    [Fact]
    public async Task Paths_that_do_not_exist_are_counted_too_and_health_is_not()
    {
        using var client = edges.From("127.0.0.23");
        await RepeatAsync(EdgeServer.PerMinute, () => client.GetAsync("api/v1/nothing", Cancel), HttpStatusCode.Unauthorized, HttpStatusCode.NotFound);
        await ExpectRefusalAsync(await client.GetAsync("api/v1/nothing", Cancel), atMost: TimeSpan.FromMinutes(1));

        await RepeatAsync(EdgeServer.PerMinute * 2, () => client.GetAsync("health/live", Cancel), HttpStatusCode.OK);
        await RepeatAsync(EdgeServer.PerMinute * 2, () => client.GetAsync("favicon.svg", Cancel), HttpStatusCode.OK);
        await RepeatAsync(EdgeServer.PerMinute * 2, () => client.GetAsync("sign-in", Cancel), HttpStatusCode.OK);
    }

    [Fact]
    public async Task Users_are_counted_by_name_wherever_they_are()
    {
        using var here = await SignInAsync("127.0.0.24", RunningServer.Operator);
        using var there = edges.From("127.0.0.25");
        there.DefaultRequestHeaders.Authorization = here.DefaultRequestHeaders.Authorization;
        using var colleague = await SignInAsync("127.0.0.24", RunningServer.Supervisor);
        await RepeatAsync(EdgeServer.UserAtOnce, () => here.GetAsync("api/v1/auth/me", Cancel), HttpStatusCode.OK);

        await ExpectRefusalAsync(await there.GetAsync("api/v1/auth/me", Cancel), atMost: TimeSpan.FromSeconds(3));

        Assert.Equal(HttpStatusCode.OK, (await colleague.GetAsync("api/v1/auth/me", Cancel)).StatusCode);
    }

    [Fact]
    public async Task Passwords_cannot_be_tried_faster_than_the_sign_in_limit_even_the_right_one()
    {
        using var client = edges.From("127.0.0.26");
        for (var i = 0; i < EdgeServer.PerMinute; i++)
        {
            // A different account each time: the delay per account must not be what refuses.
            using var wrong = await LoginAsync(client, $"nobody{i}@demo.example", "wrong password");
            Assert.Equal(HttpStatusCode.Unauthorized, wrong.StatusCode);
        }

        await ExpectRefusalAsync(await LoginAsync(client, RunningServer.Admin, edges.Server.Password), atMost: TimeSpan.FromSeconds(20));
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("api/v1/console-info", Cancel)).StatusCode);
    }

    [Fact]
    public async Task A_flood_of_forged_webhooks_ends_before_the_signature_and_the_audit()
    {
        using var client = edges.From("127.0.0.27");
        await RepeatAsync(EdgeServer.PerMinute, () => ForgeAsync("flood-1"), HttpStatusCode.Forbidden);

        await ExpectRefusalAsync(await ForgeAsync("flood-2"), atMost: TimeSpan.FromSeconds(20));

        Assert.Equal(EdgeServer.PerMinute, (await edges.AuditOfAsync("flood-1", Cancel)).Count);
        Assert.Empty(await edges.AuditOfAsync("flood-2", Cancel));

        async Task<HttpResponseMessage> ForgeAsync(string requestId)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "telephony/twilio/voice")
            {
                Content = new FormUrlEncodedContent(new Dictionary<string, string> { ["AccountSid"] = "AC0", ["CallSid"] = "CA0" }),
            };
            request.Headers.Add("X-Request-ID", requestId);
            return await client.SendAsync(request, Cancel);
        }
    }

    [Theory]
    [InlineData("192.0.2.7", "192.0.2.7")]
    [InlineData("::ffff:192.0.2.7", "192.0.2.7")]
    [InlineData("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64")]
    [InlineData("2001:db8:1:2:bbbb::2", "2001:db8:1:2::/64")]
    [InlineData("2001:db8:1:3::1", "2001:db8:1:3::/64")]
    public void An_IPv6_address_counts_as_its_subscriber(string address, string counted) =>
        Assert.Equal(counted, RateLimits.AddressOf(IPAddress.Parse(address)));

    [Fact]
    public void Whatever_strangers_can_post_has_a_limit_of_its_own()
    {
        string[] cheap = ["api/v1/auth/logout"];
        var unlimited = edges.Server.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(route => route.Metadata.GetMetadata<IAllowAnonymous>() is not null)
            .Where(route => route.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods.Any(method => method is not "GET" and not "HEAD") == true)
            .Where(route => route.Metadata.GetMetadata<EnableRateLimitingAttribute>() is null)
            .Select(route => route.RoutePattern.RawText!.Trim('/'))
            .Except(cheap);
        Assert.Empty(unlimited);
    }

    private static async Task RepeatAsync(int times, Func<Task<HttpResponseMessage>> send, params HttpStatusCode[] expected)
    {
        for (var i = 0; i < times; i++)
        {
            using var answer = await send();
            Assert.Contains(answer.StatusCode, expected);
        }
    }

    private static async Task ExpectRefusalAsync(HttpResponseMessage answer, TimeSpan atMost)
    {
        using (answer)
        {
            Assert.Equal(HttpStatusCode.TooManyRequests, answer.StatusCode);
            Assert.InRange(answer.Headers.RetryAfter!.Delta!.Value, TimeSpan.FromSeconds(1), atMost);
            Assert.Equal("too_many_requests", (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.Problem, Cancel))!.Code);
        }
    }

    private async Task<HttpClient> SignInAsync(string address, string email)
    {
        var client = edges.From(address);
        using var answer = await LoginAsync(client, email, edges.Server.Password);
        var login = await answer.Content.ReadFromJsonAsync(ContractsJson.Default.LoginResponse, Cancel);
        client.DefaultRequestHeaders.Authorization = new("Bearer", login!.AccessToken);
        return client;
    }

    private static Task<HttpResponseMessage> LoginAsync(HttpClient client, string email, string password) =>
        client.PostAsJsonAsync("api/v1/auth/login", new LoginRequest(email, password, TokenTransport.Body), ContractsJson.Default.LoginRequest, Cancel);
}
