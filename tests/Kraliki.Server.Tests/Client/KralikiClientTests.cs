using System.Net;
using Kraliki.Client;
using Kraliki.Contracts;
using Microsoft.Extensions.Time.Testing;

namespace Kraliki.Server.Tests.Client;

public sealed class KralikiClientTests
{
    private const string Info = """{"version":"1","demo":true,"notices":[]}""";
    private const string Login = """{"user":{"id":"00000000-0000-0000-0000-000000000001","email":"a@b.example","name":"A","role":"agent","organisation_id":"00000000-0000-0000-0000-000000000002","organisation_name":"O"},"expires_in":900,"access_token":"first","refresh_token":"r1"}""";

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public void Waits_are_random_up_to_a_limit_that_doubles_from_half_a_second_to_thirty()
    {
        Assert.Equal([0.5, 1, 2, 4, 8, 16, 30, 30], Enumerable.Range(1, 8).Select(attempt => Backoff.Default.Delay(attempt, 1).TotalSeconds));
        Assert.Equal([0.25, 0.5, 1, 2, 4, 8, 15, 15], Enumerable.Range(1, 8).Select(attempt => Backoff.Default.Delay(attempt, 0.5).TotalSeconds));
        Assert.Equal(TimeSpan.Zero, Backoff.Default.Delay(5, 0));
        Assert.Equal(30, Backoff.Default.Delay(int.MaxValue, 1).TotalSeconds);
    }

    [Fact]
    public async Task A_get_is_repeated_until_the_server_is_back()
    {
        // The server asks for the first wait. The client's own waits are random from nothing upwards, so only their limit can be tested.
        var time = new FakeTimeProvider { AutoAdvanceAmount = TimeSpan.Zero };
        var server = new ScriptedServer(
            _ => new HttpResponseMessage(HttpStatusCode.ServiceUnavailable) { Headers = { RetryAfter = new(TimeSpan.FromSeconds(2)) } },
            ScriptedServer.Unreachable,
            ScriptedServer.Json(Info));
        using var client = Client(server, time);

        var asking = client.GetConsoleInfoAsync(Cancelled);
        Assert.Single(server.Requests);
        time.Advance(TimeSpan.FromSeconds(1.9));
        Assert.Single(server.Requests);
        time.Advance(TimeSpan.FromSeconds(0.1));
        time.Advance(TimeSpan.FromSeconds(1));

        Assert.True((await asking.WaitAsync(TimeSpan.FromSeconds(5), Cancelled)).Demo);
        Assert.Equal(3, server.Requests.Count);
    }

    [Fact]
    public async Task What_is_not_safe_to_repeat_is_sent_once()
    {
        using var client = Client(new ScriptedServer(ScriptedServer.Unreachable));

        var failure = await Assert.ThrowsAsync<KralikiException>(() => client.EndSessionAsync(Guid.Empty, cancellationToken: Cancelled));

        Assert.Equal(("unreachable", null), (failure.Code, failure.Status));
    }

    [Fact]
    public async Task A_creating_request_is_repeated_under_one_key_until_its_answer_is_known()
    {
        var keys = new List<string>();
        var time = new FakeTimeProvider { AutoAdvanceAmount = TimeSpan.Zero };
        using var client = Client(
            new ScriptedServer(
                Note(ScriptedServer.Unreachable),
                Note(_ => InProgress()),
                Note(ScriptedServer.Json("""{"title":"Bad Request","status":400,"code":"validation_failed","detail":"No."}""", HttpStatusCode.BadRequest))),
            time);

        var creating = client.CreateSessionAsync(new(), Cancelled);
        time.Advance(TimeSpan.FromSeconds(0.5));
        time.Advance(TimeSpan.FromSeconds(1));
        var refusal = await Assert.ThrowsAsync<KralikiException>(() => creating.WaitAsync(TimeSpan.FromSeconds(5), Cancelled));

        Assert.Equal("validation_failed", refusal.Code);
        Assert.Equal(3, keys.Count);
        Assert.Single(keys.Distinct());

        Func<HttpRequestMessage, HttpResponseMessage> Note(Func<HttpRequestMessage, HttpResponseMessage> answer) => request =>
        {
            keys.Add(Assert.Single(request.Headers.GetValues("Idempotency-Key")));
            return answer(request);
        };

        static HttpResponseMessage InProgress()
        {
            var answer = new HttpResponseMessage(HttpStatusCode.Conflict);
            answer.Headers.RetryAfter = new(TimeSpan.FromSeconds(1));
            return answer;
        }
    }

    [Fact]
    public async Task Every_creating_request_has_a_key_of_its_own()
    {
        var keys = new List<string>();
        Func<HttpRequestMessage, HttpResponseMessage> refuse = request =>
        {
            keys.Add(Assert.Single(request.Headers.GetValues("Idempotency-Key")));
            return new HttpResponseMessage(HttpStatusCode.BadRequest);
        };
        using var client = Client(new ScriptedServer(refuse, refuse, refuse));

        await Assert.ThrowsAsync<KralikiException>(() => client.CreateSessionAsync(new(), Cancelled));
        await Assert.ThrowsAsync<KralikiException>(() => client.BootstrapSessionAsync(new(), Cancelled));
        await Assert.ThrowsAsync<KralikiException>(() => client.StartRehearsalAsync(new(), Cancelled));

        Assert.Equal(3, keys.Distinct().Count());
    }

    [Fact]
    public async Task A_refusal_is_not_repeated_and_carries_the_problem()
    {
        using var client = Client(new ScriptedServer(ScriptedServer.Json(
            """{"title":"Not Found","status":404,"detail":"There is no session 1.","code":"not_found","request_id":"r"}""", HttpStatusCode.NotFound)));

        var failure = await Assert.ThrowsAsync<KralikiException>(() => client.GetSessionAsync(Guid.Empty, Cancelled));

        Assert.Equal(("not_found", "There is no session 1.", "r"), (failure.Code, failure.Message, failure.Problem!.RequestId));
    }

    [Fact]
    public async Task A_proxys_error_page_is_still_an_error_and_a_strange_answer_too()
    {
        using var client = Client(new ScriptedServer(
            _ => new HttpResponseMessage(HttpStatusCode.InternalServerError) { Content = new StringContent("<html>") },
            ScriptedServer.Json("<html>")));

        Assert.Equal("http_500", (await Assert.ThrowsAsync<KralikiException>(() => client.GetConsoleInfoAsync(Cancelled))).Code);
        Assert.Equal("unreadable_answer", (await Assert.ThrowsAsync<KralikiException>(() => client.GetConsoleInfoAsync(Cancelled))).Code);
    }

    [Fact]
    public async Task A_worn_out_token_is_refreshed_once_and_the_request_sent_again()
    {
        var server = new ScriptedServer(
            ScriptedServer.Json(Login),
            ScriptedServer.Status(HttpStatusCode.Unauthorized),
            ScriptedServer.Json(Login.Replace("first", "second", StringComparison.Ordinal)),
            ScriptedServer.Json(Info));
        using var client = Client(server);
        await client.LoginAsync("a@b.example", "x", TokenTransport.Body, Cancelled);

        await client.GetConsoleInfoAsync(Cancelled);

        Assert.Equal(
            ["POST /api/v1/auth/login", "GET /api/v1/console-info first", "POST /api/v1/auth/refresh first", "GET /api/v1/console-info second"],
            server.Requests);
    }

    [Fact]
    public async Task When_the_refresh_is_refused_too_the_sign_in_is_lost()
    {
        using var client = Client(new ScriptedServer(
            ScriptedServer.Json(Login), ScriptedServer.Status(HttpStatusCode.Unauthorized), ScriptedServer.Status(HttpStatusCode.Unauthorized)));
        var lost = 0;
        client.SignInLost += () => lost++;
        await client.LoginAsync("a@b.example", "x", TokenTransport.Body, Cancelled);

        var failure = await Assert.ThrowsAsync<KralikiException>(() => client.MeAsync(Cancelled));

        Assert.Equal((HttpStatusCode.Unauthorized, 1), (failure.Status, lost));
    }

    [Fact]
    public async Task A_wrong_password_is_no_lost_sign_in()
    {
        using var client = Client(new ScriptedServer(ScriptedServer.Json(
            """{"title":"Unauthorized","status":401,"code":"invalid_credentials"}""", HttpStatusCode.Unauthorized)));
        client.SignInLost += () => Assert.Fail("Nobody was signed in.");

        var failure = await Assert.ThrowsAsync<KralikiException>(() => client.LoginAsync("a@b.example", "x", cancellationToken: Cancelled));

        Assert.Equal("invalid_credentials", failure.Code);
    }

    [Fact]
    public async Task A_server_that_is_unwell_signs_nobody_out()
    {
        using var client = Client(new ScriptedServer(
            ScriptedServer.Json(Login), ScriptedServer.Status(HttpStatusCode.Unauthorized), ScriptedServer.Status(HttpStatusCode.ServiceUnavailable)));
        client.SignInLost += () => Assert.Fail("The server refused nothing.");
        await client.LoginAsync("a@b.example", "x", TokenTransport.Body, Cancelled);

        var failure = await Assert.ThrowsAsync<KralikiException>(() => client.MeAsync(Cancelled));

        Assert.Equal((HttpStatusCode.ServiceUnavailable, "first"), (failure.Status, client.AccessToken));
    }

    [Fact]
    public async Task A_guard_that_knows_of_fresh_tokens_saves_the_renewal()
    {
        var time = new FakeTimeProvider();
        var server = new ScriptedServer(ScriptedServer.Status(HttpStatusCode.Unauthorized), ScriptedServer.Json(Info));
        using var client = Client(server, time);
        List<DateTimeOffset> asked = [];
        client.RenewalGuard = (usedAt, _, _) =>
        {
            asked.Add(usedAt);
            return Task.FromResult(true);
        };

        await client.GetConsoleInfoAsync(Cancelled);

        Assert.Equal([time.GetUtcNow()], asked);
        Assert.Equal(["GET /api/v1/console-info", "GET /api/v1/console-info"], server.Requests);
    }

    [Fact]
    public async Task A_guard_that_lets_the_renewal_happen_sees_how_it_went()
    {
        var server = new ScriptedServer(
            ScriptedServer.Json(Login), ScriptedServer.Json(Login), ScriptedServer.Status(HttpStatusCode.Unauthorized));
        using var client = Client(server);
        List<int> lives = [];
        client.TokensIssued += answer => lives.Add(answer.ExpiresIn);
        var lost = 0;
        client.SignInLost += () => lost++;
        List<bool> renewals = [];
        client.RenewalGuard = async (_, renew, cancellationToken) =>
        {
            renewals.Add(await renew(cancellationToken));
            return renewals[^1];
        };
        await client.LoginAsync("a@b.example", "x", cancellationToken: Cancelled);

        Assert.True(await client.RenewAsync(Cancelled));
        Assert.Equal(0, lost);
        Assert.False(await client.RenewAsync(Cancelled));

        Assert.Equal([true, false], renewals);
        Assert.Equal(1, lost);
        Assert.Equal([900, 900], lives);
    }

    [Fact]
    public async Task A_refusal_says_when_to_come_back()
    {
        using var client = Client(new ScriptedServer(_ => new HttpResponseMessage(HttpStatusCode.TooManyRequests)
        {
            Content = new StringContent("""{"title":"Too Many Requests","status":429,"code":"too_many_attempts"}"""),
            Headers = { RetryAfter = new(TimeSpan.FromSeconds(16)) },
        }));

        var failure = await Assert.ThrowsAsync<KralikiException>(() => client.LoginAsync("a@b.example", "x", cancellationToken: Cancelled));

        Assert.Equal(("too_many_attempts", TimeSpan.FromSeconds(16)), (failure.Code, failure.RetryAfter));
    }

    private static KralikiClient Client(HttpMessageHandler server, TimeProvider? time = null) =>
        new(new HttpClient(server) { BaseAddress = new Uri("http://kraliki.test/") }, time);
}
