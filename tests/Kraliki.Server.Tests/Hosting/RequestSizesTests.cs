using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using Kraliki.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Kraliki.Server.Tests.Hosting;

public sealed class RequestSizesTests(ServerFixture fixture)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_address_that_is_too_long_is_refused_in_words()
    {
        await ExpectAsync(await GetAsync($"health/live?{new string('a', 4 * 1024)}"), 414, "uri_too_long");
        Assert.Equal(HttpStatusCode.OK, (await GetAsync($"health/live?{new string('a', 3 * 1024)}")).StatusCode);
    }

    [Fact]
    public async Task Too_many_parameters_are_refused_in_words()
    {
        await ExpectAsync(await GetAsync("health/live?" + string.Join('&', Enumerable.Range(0, 65).Select(i => $"p{i}=1"))), 400, "too_many_parameters");
        Assert.Equal(HttpStatusCode.OK, (await GetAsync("health/live?" + string.Join('&', Enumerable.Range(0, 64).Select(i => $"p{i}=1")))).StatusCode);
    }

    [Fact]
    public async Task Headers_that_are_too_large_are_refused_in_words_and_far_too_large_ones_with_a_bare_status()
    {
        using var client = fixture.Server.Anonymous();
        await ExpectAsync(await SendAsync(20 * 1024), 431, "headers_too_large");
        Assert.Equal((HttpStatusCode)431, (await SendAsync(40 * 1024)).StatusCode);

        Task<HttpResponseMessage> SendAsync(int size)
        {
            var request = new HttpRequestMessage(HttpMethod.Get, "health/live");
            request.Headers.Add("X-Filler", new string('x', size));
            return client.SendAsync(request, Cancel);
        }
    }

    [Theory]
    [InlineData(31, "validation_failed")]
    [InlineData(40, "invalid_json")]
    public async Task JSON_that_is_nested_too_deeply_is_not_read(int depth, string code)
    {
        using var client = await fixture.Server.SignInAsync(Cancel);
        var body = $"{{\"message\":\"\",\"extra\":{new string('[', depth - 1)}{new string(']', depth - 1)}}}";
        using var answer = await client.PostAsync("api/v1/error-reports", new StringContent(body, Encoding.UTF8, "application/json"), Cancel);
        await ExpectAsync(answer, 400, code);
    }

    [Fact]
    public async Task A_packed_body_is_not_unpacked()
    {
        using var client = await fixture.Server.SignInAsync(Cancel);
        using var content = new ByteArrayContent([0x1f, 0x8b, 0x08, 0x00]);
        content.Headers.ContentType = new("application/json");
        content.Headers.ContentEncoding.Add("gzip");
        await ExpectAsync(await client.PostAsync("api/v1/error-reports", content, Cancel), 415, "unsupported_encoding");
    }

    [Fact]
    public async Task A_route_may_take_less_or_more_and_says_how_much()
    {
        await using var server = await RunningServer.StartAsync(Cancel, new ServerSetup(Routes: routes =>
            routes.MapPost("/api/v1/small", (ErrorReport report) => report.Message).AllowAnonymous().WithMetadata(new RequestSizeLimitAttribute(100))));
        using var client = server.Anonymous();
        var answer = await client.PostAsJsonAsync("api/v1/small", new ErrorReport(new string('x', 200)), ContractsJson.Default.ErrorReport, Cancel);
        await ExpectAsync(answer, 413, "body_too_large", "The body is larger than 100 bytes.");
    }

    [Fact]
    public async Task A_body_that_drips_is_given_up()
    {
        await using var server = await RunningServer.StartAsync(Cancel, new ServerSetup(Change: builder => builder.WebHost.ConfigureKestrel(
            kestrel => kestrel.Limits.MinRequestBodyDataRate = new MinDataRate(bytesPerSecond: 240, gracePeriod: TimeSpan.FromMilliseconds(1100)))));
        using var client = new TcpClient();
        await client.ConnectAsync(server.Url.Host, server.Url.Port, Cancel);
        var connection = client.GetStream();
        await connection.WriteAsync(
            Encoding.ASCII.GetBytes($"POST /api/v1/auth/login HTTP/1.1\r\nHost: {server.Url.Authority}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{"), Cancel);
        using var reader = new StreamReader(connection);
        var answer = await reader.ReadToEndAsync(Cancel).WaitAsync(TimeSpan.FromSeconds(30), Cancel);
        Assert.StartsWith("HTTP/1.1 408", answer);
        Assert.Contains("\"code\":\"body_too_slow\"", answer);
    }

    private async Task<HttpResponseMessage> GetAsync(string path)
    {
        using var client = fixture.Server.Anonymous();
        return await client.GetAsync(path, Cancel);
    }

    private static async Task ExpectAsync(HttpResponseMessage answer, int status, string code, string? detail = null)
    {
        using (answer)
        {
            Assert.Equal(status, (int)answer.StatusCode);
            var problem = (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.Problem, Cancel))!;
            Assert.Equal((code, problem.RequestId), (problem.Code, Assert.Single(answer.Headers.GetValues("X-Request-ID"))));
            Assert.Equal(detail ?? problem.Detail, problem.Detail);
        }
    }
}
