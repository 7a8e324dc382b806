using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using Kraliki.Contracts;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Kraliki.Server.Tests.Hosting;

public sealed class OriginsTests(ServerFixture fixture, EdgeServer edges) : IClassFixture<EdgeServer>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string> ForeignOrigins => ["https://evil.example", "null", "http://127.0.0.1", "http://localhost:1"];

    [Theory]
    [MemberData(nameof(ForeignOrigins))]
    public async Task No_page_of_a_foreign_origin_gets_a_socket_whatever_the_route(string origin)
    {
        var paths = fixture.Server.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            .Where(route => route.Metadata.GetMetadata<HttpMethodMetadata>() is not { HttpMethods: var methods } || methods.Contains("GET"))
            .Select(route => System.Text.RegularExpressions.Regex.Replace(route.RoutePattern.RawText!.TrimStart('/'), @"\{[^}]+\}", "01900000-0000-7000-8000-000000000009"))
            .Where(path => !path.Contains('.') || path.StartsWith("api", StringComparison.Ordinal))
            .Append("telephony/twilio/media?by=web-server")
            .Distinct()
            .ToList();
        Assert.Contains("telephony/twilio/media", paths);
        Assert.Contains(paths, path => path.StartsWith("ws/sessions/", StringComparison.Ordinal));
        using var client = fixture.Server.Anonymous();
        foreach (var path in paths)
        {
            using var answer = await client.SendAsync(Upgrade(path, origin), Cancel);
            Assert.True(answer.StatusCode == HttpStatusCode.Forbidden, $"{path} answered {(int)answer.StatusCode} to a socket of {origin}.");
            Assert.Equal("foreign_origin", (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.Problem, Cancel))!.Code);
        }
    }

    [Theory]
    [InlineData(null, true)]
    [InlineData("own", true)]
    [InlineData(EdgeServer.KnownPage, true)]
    [InlineData("https://crm.example.org.evil.example", false)]
    public async Task Our_pages_the_configured_ones_and_programs_get_their_socket(string? origin, bool opened)
    {
        using var socket = new ClientWebSocket();
        if (origin is not null)
        {
            socket.Options.SetRequestHeader("Origin", origin == "own" ? edges.Server.Url.GetLeftPart(UriPartial.Authority) : origin);
        }

        var connecting = socket.ConnectAsync(new UriBuilder(edges.Server.Url) { Scheme = "ws", Path = $"ws/sessions/{Guid.NewGuid()}" }.Uri, Cancel);
        if (opened)
        {
            await connecting;
            Assert.Equal(WebSocketState.Open, socket.State);
        }
        else
        {
            await Assert.ThrowsAsync<WebSocketException>(() => connecting);
        }
    }

    [Fact]
    public async Task A_configured_page_may_use_the_API_and_read_what_it_needs_but_never_cookies()
    {
        using var client = edges.From("127.0.0.41");
        using var preflight = new HttpRequestMessage(HttpMethod.Options, "api/v1/sessions");
        preflight.Headers.Add("Origin", EdgeServer.KnownPage);
        preflight.Headers.Add("Access-Control-Request-Method", "POST");
        preflight.Headers.Add("Access-Control-Request-Headers", "authorization,content-type,idempotency-key");
        using var permitted = await client.SendAsync(preflight, Cancel);
        Assert.Equal(HttpStatusCode.NoContent, permitted.StatusCode);
        Assert.Equal(EdgeServer.KnownPage, Header(permitted, "Access-Control-Allow-Origin"));
        Assert.Contains("Idempotency-Key", Header(permitted, "Access-Control-Allow-Headers"));
        Assert.DoesNotContain("X-Kraliki-CSRF", Header(permitted, "Access-Control-Allow-Headers"));
        Assert.Null(Header(permitted, "Access-Control-Allow-Credentials"));

        using var request = new HttpRequestMessage(HttpMethod.Get, "api/v1/auth/me");
        request.Headers.Add("Origin", EdgeServer.KnownPage);
        using var refused = await client.SendAsync(request, Cancel);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        Assert.Equal(EdgeServer.KnownPage, Header(refused, "Access-Control-Allow-Origin"));
        Assert.Equal("X-Request-ID,ETag,Retry-After,Location", Header(refused, "Access-Control-Expose-Headers"));
    }

    [Theory]
    [InlineData("https://evil.example")]
    [InlineData("https://crm.example.org:444")]
    [InlineData("http://crm.example.org")]
    [InlineData("null")]
    public async Task Any_other_page_is_permitted_nothing(string origin)
    {
        using var client = edges.Server.Anonymous();
        using var request = new HttpRequestMessage(HttpMethod.Get, "health/live");
        request.Headers.Add("Origin", origin);
        using var answer = await client.SendAsync(request, Cancel);
        Assert.Null(Header(answer, "Access-Control-Allow-Origin"));
        using var closed = fixture.Server.Anonymous();
        using var again = new HttpRequestMessage(HttpMethod.Get, "health/live");
        again.Headers.Add("Origin", origin);
        using var nobody = await closed.SendAsync(again, Cancel);
        Assert.Null(Header(nobody, "Access-Control-Allow-Origin"));
    }

    private static HttpRequestMessage Upgrade(string path, string origin)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Add("Origin", origin);
        request.Headers.Connection.Add("Upgrade");
        request.Headers.Add("Upgrade", "websocket");
        request.Headers.Add("Sec-WebSocket-Version", "13");
        request.Headers.Add("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        return request;
    }

    private static string? Header(HttpResponseMessage answer, string name) => answer.Headers.TryGetValues(name, out var values) ? string.Join(',', values) : null;
}
