using System.Net;
using System.Net.Http.Json;
using System.Text;
using Kraliki.Contracts;
using Microsoft.AspNetCore.Builder;

namespace Kraliki.Server.Tests.Hosting;

public sealed class ErrorAnswerTests(ServerFixture fixture)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("", 400, "invalid_json", null, "The body is missing; send a JSON object.")]
    [InlineData("{\"email\":", 400, "invalid_json", null, "The body is not the JSON object that is expected here (line 1, byte 10).")]
    [InlineData("[]", 400, "invalid_json", null, "The body is not the JSON object")]
    [InlineData("{\"email\":\"a\"}", 400, "invalid_json", "password", "password is missing.")]
    [InlineData("{}", 400, "invalid_json", "email", "email, password are missing.")]
    [InlineData("{\"email\":5,\"password\":\"x\"}", 400, "invalid_json", "email", "email must be a text.")]
    [InlineData("{\"email\":null,\"password\":\"x\"}", 400, "invalid_json", "email", "email must be a text.")]
    [InlineData("{\"email\":\"a\",\"password\":\"x\",\"token_transport\":\"jar\"}", 400, "invalid_json", "token_transport", "token_transport must be one of cookie, body.")]
    [InlineData("{\"email\":\" \",\"password\":\"x\"}", 400, "validation_failed", "email", "email must be an e-mail address of 1 to 254 characters.")]
    public async Task A_bad_body_is_answered_with_the_field_and_what_it_should_be(string body, int status, string code, string? field, string detail)
    {
        using var client = fixture.Server.Anonymous();
        using var answer = await client.PostAsync("api/v1/auth/login", new StringContent(body, Encoding.UTF8, "application/json"), Cancel);

        var problem = await ProblemAsync(answer);
        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal(code, problem.Code);
        Assert.StartsWith(detail, problem.Detail);
        if (field is not null)
        {
            Assert.Contains(field, problem.Errors!.Keys);
        }
    }

    [Theory]
    [InlineData("sessions?limit=many", "limit", "limit must be a whole number.")]
    [InlineData("sessions?created_after=yesterday", "created_after", "created_after must be a time such as 2026-01-31T12:00:00Z.")]
    [InlineData("sessions/01900000-0000-7000-8000-000000000009/events?after_seq=x", "after_seq", "after_seq must be a whole number.")]
    public async Task A_wrong_parameter_is_named_with_what_it_should_be(string path, string field, string sentence)
    {
        using var client = await fixture.Server.SignInAsync(Cancel);
        using var answer = await client.GetAsync($"api/v1/{path}", Cancel);
        var problem = await ProblemAsync(answer);
        Assert.Equal((400, "validation_failed", sentence), (problem.Status, problem.Code, problem.Detail));
        Assert.Equal(sentence, Assert.Single(problem.Errors![field]));
    }

    [Fact]
    public async Task Every_kind_of_error_has_the_same_shape()
    {
        using var client = await fixture.Server.SignInAsync(Cancel);
        await ExpectAsync(await client.GetAsync("api/v1/nothing-here", Cancel), 404, "not_found");
        await ExpectAsync(await client.DeleteAsync("api/v1/auth/me", Cancel), 405, "method_not_allowed");
        await ExpectAsync(await client.PostAsync("api/v1/error-reports", new StringContent("message=x"), Cancel), 415, "unsupported_media_type");
        await ExpectAsync(await PostTooMuchAsync(client), 413, "body_too_large");
        await ExpectAsync(await client.PostAsJsonAsync("api/v1/error-reports", new ErrorReport(""), ContractsJson.Default.ErrorReport, Cancel), 400, "validation_failed");
        await ExpectAsync(await client.GetAsync("api/v1/audit", Cancel), 403, "forbidden");
        var session = await (await client.PostAsJsonAsync("api/v1/sessions", new CreateSession(), ContractsJson.Default.CreateSession, Cancel))
            .Content.ReadFromJsonAsync(ContractsJson.Default.SessionView, Cancel);
        var path = $"api/v1/sessions/{session!.Id}";
        await ExpectAsync(await SendAsync(client, HttpMethod.Get, $"{path}/transcript", "Accept", "image/png"), 406, "not_acceptable");
        await ExpectAsync(await client.PatchAsJsonAsync(path, new UpdateSession(), ContractsJson.Default.UpdateSession, Cancel), 428, "precondition_required");
        await ExpectAsync(await SendAsync(client, HttpMethod.Patch, path, "If-Match", "\"9\"", new UpdateSession(PhoneNumber: "+420733000111")), 412, "version_conflict");
        await ExpectAsync(await SendAsync(client, HttpMethod.Patch, path, "If-Match", "W/\"1\"", new UpdateSession()), 400, "invalid_if_match");
        await ExpectAsync(await SendAsync(client, HttpMethod.Patch, path, "If-Match", "*", new UpdateSession(SessionState.Completed)), 409, "illegal_transition");
        using var anonymous = fixture.Server.Anonymous();
        await ExpectAsync(await anonymous.GetAsync("api/v1/auth/me", Cancel), 401, "not_signed_in");
    }

    /// <summary>Asks before it sends: a server that refuses by the length alone closes the connection, and a client that is still writing would see only that.</summary>
    private static async Task<HttpResponseMessage> PostTooMuchAsync(HttpClient signedIn)
    {
        using var client = new HttpClient(new SocketsHttpHandler { Expect100ContinueTimeout = TimeSpan.FromMinutes(1) }) { BaseAddress = signedIn.BaseAddress };
        using var request = new HttpRequestMessage(HttpMethod.Post, "api/v1/error-reports")
        {
            Content = new StringContent($"{{\"message\":\"{new string('x', 1024 * 1024)}\"}}", Encoding.UTF8, "application/json"),
        };
        request.Headers.Authorization = signedIn.DefaultRequestHeaders.Authorization;
        request.Headers.ExpectContinue = true;
        return await client.SendAsync(request, Cancel);
    }

    [Fact]
    public async Task A_bug_gives_nothing_away_but_the_request_id()
    {
        await using var server = await RunningServer.StartAsync(Cancel, new ServerSetup(Settings: RunningServer.Silent, Routes: routes =>
            routes.MapGet("/api/v1/bug", string () => throw new InvalidOperationException("secret detail")).AllowAnonymous()));
        using var client = server.Anonymous();
        using var request = new HttpRequestMessage(HttpMethod.Get, "api/v1/bug");
        request.Headers.Add("X-Request-ID", "my-request-1");

        using var answer = await client.SendAsync(request, Cancel);
        await ExpectAsync(answer, 500, "internal_error");
        Assert.Equal("my-request-1", Assert.Single(answer.Headers.GetValues("X-Request-ID")));
        Assert.DoesNotContain("secret detail", await answer.Content.ReadAsStringAsync(Cancel));
    }

    [Theory]
    [InlineData("abc-123_4.5", true)]
    [InlineData("with blank", false)]
    [InlineData("quote\"", false)]
    public async Task A_harmless_request_id_comes_back_and_any_other_is_replaced(string id, bool kept)
    {
        using var client = fixture.Server.Anonymous();
        using var request = new HttpRequestMessage(HttpMethod.Get, "health/live");
        request.Headers.TryAddWithoutValidation("X-Request-ID", id);
        using var answer = await client.SendAsync(request, Cancel);
        Assert.Equal(kept, Assert.Single(answer.Headers.GetValues("X-Request-ID")) == id);
    }

    [Theory]
    [InlineData("health/live")]
    [InlineData("api/v1/auth/me")]
    public async Task Answers_tell_browsers_what_our_pages_never_do(string path)
    {
        using var client = fixture.Server.Anonymous();
        using var answer = await client.GetAsync(path, Cancel);
        var policy = Assert.Single(answer.Headers.GetValues("Content-Security-Policy"));
        Assert.Contains("default-src 'self'", policy);
        Assert.Contains("frame-ancestors 'none'", policy);
        Assert.DoesNotContain("'unsafe-eval'", policy);
        Assert.Equal("nosniff", Assert.Single(answer.Headers.GetValues("X-Content-Type-Options")));
        Assert.False(answer.Headers.Contains("Server"));
    }

    [Fact]
    public async Task A_name_that_was_pointed_at_the_demo_is_refused()
    {
        using var client = fixture.Server.Anonymous();
        client.DefaultRequestHeaders.Host = "evil.example";
        await ExpectAsync(await client.GetAsync("health/live", Cancel), 400, "unknown_host");
    }

    private static async Task<HttpResponseMessage> SendAsync(HttpClient client, HttpMethod method, string path, string header, string value, UpdateSession? body = null)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body, ContractsJson.Default.UpdateSession) };
        request.Headers.TryAddWithoutValidation(header, value);
        return await client.SendAsync(request, Cancel);
    }

    private static async Task ExpectAsync(HttpResponseMessage answer, int status, string code)
    {
        var problem = await ProblemAsync(answer);
        Assert.Equal((status, status, code), ((int)answer.StatusCode, problem.Status, problem.Code));
        Assert.NotNull(problem.Detail);
        Assert.Equal($"urn:kraliki:problem:{code}", problem.Type);
        Assert.Equal(problem.RequestId, Assert.Single(answer.Headers.GetValues("X-Request-ID")));
        Assert.NotEqual(HttpStatusCode.OK, answer.StatusCode);
    }

    private static async Task<Problem> ProblemAsync(HttpResponseMessage answer)
    {
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        return (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.Problem, Cancel))!;
    }
}
