using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Server.Rehearsals;
using Kraliki.Server.Sessions.Journal;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace Kraliki.Server.Tests.Hosting;

public sealed class IdempotencyTests(ServerFixture fixture)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_same_request_under_the_same_key_gets_the_stored_answer_byte_for_byte()
    {
        using var client = await fixture.Server.SignInAsync(Cancel);
        var key = NewKey();

        using var first = await PostAsync(client, key, """{"phone_number":"+420733222111"}""");
        using var second = await PostAsync(client, key, """{"phone_number":"+420733222111"}""");

        Assert.Equal((HttpStatusCode.Created, HttpStatusCode.Created), (first.StatusCode, second.StatusCode));
        Assert.Equal(await first.Content.ReadAsByteArrayAsync(Cancel), await second.Content.ReadAsByteArrayAsync(Cancel));
        Assert.Equal(first.Headers.Location, second.Headers.Location);
        Assert.Equal(first.Headers.ETag, second.Headers.ETag);
        Assert.Equal(first.Content.Headers.ContentType, second.Content.Headers.ContentType);
        Assert.False(first.Headers.Contains("Idempotency-Replayed"));
        Assert.Equal("true", Assert.Single(second.Headers.GetValues("Idempotency-Replayed")));
        Assert.NotEqual(first.Headers.GetValues("X-Request-ID"), second.Headers.GetValues("X-Request-ID"));
    }

    [Fact]
    public async Task Of_fifty_equal_requests_at_once_one_creates()
    {
        using var client = await fixture.Server.SignInAsync(Cancel);
        var (key, number) = (NewKey(), "+420733222112");

        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => PostAsync(client, key, $$"""{"phone_number":"{{number}}"}""")));

        Assert.All(answers, answer => Assert.True(answer.StatusCode is HttpStatusCode.Created or HttpStatusCode.Conflict, $"One was answered {answer.StatusCode}."));
        Assert.All(answers.Where(answer => answer.StatusCode == HttpStatusCode.Conflict), answer => Assert.NotNull(answer.Headers.RetryAfter));
        Assert.Single(answers, answer => answer.StatusCode == HttpStatusCode.Created && !answer.Headers.Contains("Idempotency-Replayed"));
        Assert.Equal(1, await CountAsync(number));
    }

    [Fact]
    public async Task Another_request_under_a_used_key_is_refused_and_a_new_key_is_a_new_request()
    {
        using var client = await fixture.Server.SignInAsync(Cancel);
        var key = NewKey();
        using var first = await PostAsync(client, key, """{"phone_number":"+420733222113"}""");

        await ExpectAsync(await PostAsync(client, key, """{"phone_number":"+420733222114"}"""), 422, "idempotency_key_reused");
        await ExpectAsync(await PostAsync(client, key, """{"phone_number":"+420733222113" }"""), 422, "idempotency_key_reused");
        using var other = await PostAsync(client, NewKey(), """{"phone_number":"+420733222113"}""");

        Assert.Equal(HttpStatusCode.Created, other.StatusCode);
        Assert.Equal((2, 0), (await CountAsync("+420733222113"), await CountAsync("+420733222114")));
    }

    [Fact]
    public async Task A_key_belongs_to_one_user_and_one_route()
    {
        using var one = await fixture.Server.SignInAsync(Cancel);
        using var two = await fixture.Server.SignInAsync(Cancel, RunningServer.Supervisor);
        var key = NewKey();

        var ids = new[]
        {
            await IdAsync(await PostAsync(one, key, "{}")),
            await IdAsync(await PostAsync(two, key, "{}")),
            await IdAsync(await PostAsync(one, key, "{}", "api/v1/rehearsals")),
        };

        Assert.Equal(3, ids.Distinct().Count());
    }

    [Theory]
    [InlineData("with blank")]
    [InlineData("")]
    [InlineData("201")]
    public async Task A_key_that_is_none_is_refused(string key)
    {
        using var client = await fixture.Server.SignInAsync(Cancel);
        await ExpectAsync(await PostAsync(client, key == "201" ? new string('k', 201) : key, "{}"), 400, "invalid_idempotency_key");
    }

    [Fact]
    public async Task After_a_refusal_in_which_nothing_happened_the_key_is_free()
    {
        using var client = await fixture.Server.SignInAsync(Cancel);
        var key = NewKey();

        await ExpectAsync(await PostAsync(client, key, """{"phone_number":"nobody"}"""), 400, "validation_failed");
        await ExpectAsync(await PostAsync(client, key, """{"phone_number":"""), 400, "invalid_json");
        using var better = await PostAsync(client, key, """{"phone_number":"+420733222115"}""");

        Assert.Equal(HttpStatusCode.Created, better.StatusCode);
    }

    [Fact]
    public async Task A_repeated_bootstrap_gives_the_same_session_with_a_ticket_of_its_own_and_no_ticket_is_stored()
    {
        using var client = await fixture.Server.SignInAsync(Cancel);
        var key = NewKey();

        var first = await BootstrapAsync();
        var second = await BootstrapAsync();

        Assert.Equal(first.Session.Id, second.Session.Id);
        Assert.NotEqual(first.Ticket.Ticket, second.Ticket.Ticket);
        await using var db = Databases(fixture.Server).OpenForSystem();
        var stored = await db.Set<IdempotencyKey>().AsNoTracking().SingleAsync(row => row.Key == key, Cancel);
        Assert.Equal((201, null), (stored.Status, stored.Body));

        async Task<SessionBootstrap> BootstrapAsync()
        {
            using var answer = await PostAsync(client, key, "{}", "api/v1/sessions/bootstrap");
            Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
            return (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.SessionBootstrap, Cancel))!;
        }
    }

    [Theory]
    [InlineData("api/v1/sessions")]
    [InlineData("api/v1/rehearsals")]
    public async Task Killed_between_the_effect_and_its_answer_the_request_creates_once(string path)
    {
        using var client = await fixture.Server.SignInAsync(Cancel);
        var key = NewKey();
        var created = await IdAsync(await PostAsync(client, key, "{}", path));

        // What a process leaves that dies before it stores the answer, after its claim has lapsed.
        await using (var db = Databases(fixture.Server).OpenForSystem())
        {
            var past = DateTimeOffset.UnixEpoch;
            Assert.Equal(1, await db.Set<IdempotencyKey>().Where(row => row.Key == key).ExecuteUpdateAsync(
                row => row.SetProperty(r => r.Status, (int?)null).SetProperty(r => r.Body, (byte[]?)null).SetProperty(r => r.ClaimedUntil, past), Cancel));
        }

        var again = await IdAsync(await PostAsync(client, key, "{}", path));

        Assert.Equal(created, again);
        await using var after = Databases(fixture.Server).OpenForSystem();
        Assert.Equal(1, path.EndsWith("sessions", StringComparison.Ordinal)
            ? await after.Set<SessionRow>().CountAsync(row => row.Id == created, Cancel)
            : await after.Set<RehearsalRow>().CountAsync(row => row.Id == created, Cancel));
    }

    [Fact]
    public async Task A_request_goes_on_when_its_client_is_gone_and_the_client_gets_the_answer_when_it_comes_back()
    {
        var (entered, mayEnd) = (new TaskCompletionSource(), new TaskCompletionSource());
        var runs = 0;
        await using var server = await StartAsync(async http =>
        {
            runs++;
            entered.SetResult();
            await mayEnd.Task.WaitAsync(http.RequestAborted);
            await http.Response.WriteAsync("done", http.RequestAborted);
        });
        using var client = await server.SignInAsync(Cancel);
        var key = NewKey();
        using (var impatient = CancellationTokenSource.CreateLinkedTokenSource(Cancel))
        {
            var lost = PostAsync(client, key, "{}", "api/v1/probe", impatient.Token);
            await entered.Task.WaitAsync(Patience, Cancel);
            await ExpectAsync(await PostAsync(client, key, "{}", "api/v1/probe"), 409, "request_in_progress");
            await impatient.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => lost);
        }

        mayEnd.SetResult();
        string answer;
        do
        {
            using var back = await PostAsync(client, key, "{}", "api/v1/probe");
            answer = back.StatusCode == HttpStatusCode.Conflict ? "" : await back.Content.ReadAsStringAsync(Cancel);
        }
        while (answer.Length == 0);

        Assert.Equal(("done", 1), (answer, runs));
    }

    [Fact]
    public async Task A_failure_is_not_stored_and_the_next_try_creates_the_same_thing()
    {
        var ids = new List<Guid>();
        await using var server = await StartAsync(http =>
        {
            ids.Add(http.NewId());
            http.Response.StatusCode = ids.Count switch { 1 => 503, 2 => 429, 3 => throw new InvalidOperationException("A bug."), _ => 202 };
            return Task.CompletedTask;
        });
        using var client = await server.SignInAsync(Cancel);
        var key = NewKey();

        foreach (var expected in (int[])[503, 429, 500, 202, 202])
        {
            using var answer = await PostAsync(client, key, "{}", "api/v1/probe");
            Assert.Equal(expected, (int)answer.StatusCode);
        }

        Assert.Equal(4, ids.Count);
        Assert.Single(ids.Distinct());
    }

    [Fact]
    public async Task A_claim_lapses_after_a_minute_and_a_key_after_a_day()
    {
        var time = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddYears(60));
        var keys = new IdempotencyKeys(Databases(fixture.Server), time);
        var scope = new KeyScope(Guid.NewGuid(), Guid.NewGuid(), "POST /probe", NewKey());
        byte[] hash = [1, 2, 3];

        var (first, claim) = await keys.ClaimAsync(scope, hash, Cancel);
        time.Advance(IdempotencyKeys.Lease - TimeSpan.FromTicks(1));
        var (early, _) = await keys.ClaimAsync(scope, hash, Cancel);
        time.Advance(TimeSpan.FromTicks(1));
        var (late, taken) = await keys.ClaimAsync(scope, hash, Cancel);
        Assert.Equal((ClaimResult.Mine, ClaimResult.InProgress, ClaimResult.Mine), (first, early, late));
        Assert.Equal(claim.ResourceId, taken.ResourceId);

        // The one who was taken for dead has nothing to say any more.
        await keys.StoreAsync(claim, new StoredAnswer(201, Body: [1]));
        Assert.Equal(ClaimResult.InProgress, (await keys.ClaimAsync(scope, hash, Cancel)).Result);
        await keys.StoreAsync(taken, new StoredAnswer(201, Body: [2]));
        Assert.Equal([2], (await keys.ClaimAsync(scope, hash, Cancel)).Key.Body);

        time.Advance(IdempotencyKeys.Life);
        var (fresh, anew) = await keys.ClaimAsync(scope, hash, Cancel);
        Assert.Equal(ClaimResult.Mine, fresh);
        Assert.NotEqual(claim.ResourceId, anew.ResourceId);
        time.Advance(IdempotencyKeys.Life);
        Assert.True(await keys.PurgeAsync(Cancel) > 0, "A key older than a day was not removed.");
    }

    [Fact]
    public async Task A_request_under_a_key_is_cancelled_before_its_claim_lapses()
    {
        var time = new FakeTimeProvider();
        var keys = new IdempotencyKeys(Databases(fixture.Server), time);
        using var deadline = keys.NewDeadline();
        time.Advance(IdempotencyKeys.Lease - TimeSpan.FromSeconds(1));
        Assert.True(deadline.IsCancellationRequested);
    }

    private static Task<RunningServer> StartAsync(RequestDelegate handler) =>
        RunningServer.StartAsync(Cancel, new ServerSetup(Settings: RunningServer.Silent, Routes: routes =>
            routes.MapPost("/api/v1/probe", async (HttpContext http, TimeProvider _) => await handler(http)).Idempotent()));

    private static async Task<HttpResponseMessage> PostAsync(HttpClient client, string key, string body, string path = "api/v1/sessions", CancellationToken? cancellationToken = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        request.Headers.TryAddWithoutValidation("Idempotency-Key", key);
        return await client.SendAsync(request, cancellationToken ?? Cancel);
    }

    private static async Task<Guid> IdAsync(HttpResponseMessage answer)
    {
        Assert.True(answer.IsSuccessStatusCode, $"{answer.StatusCode}: {await answer.Content.ReadAsStringAsync(Cancel)}");
        using var document = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Cancel));
        return document.RootElement.GetProperty("id").GetGuid();
    }

    private static async Task ExpectAsync(HttpResponseMessage answer, int status, string code)
    {
        var problem = await answer.Content.ReadFromJsonAsync(ContractsJson.Default.Problem, Cancel);
        Assert.Equal((status, code), ((int)answer.StatusCode, problem!.Code));
    }

    private async Task<int> CountAsync(string number)
    {
        await using var db = Databases(fixture.Server).OpenForSystem();
        return await db.Set<SessionRow>().CountAsync(row => row.PhoneNumber == number, Cancel);
    }

    private static KralikiDbFactory Databases(RunningServer server) => server.Services.GetRequiredService<KralikiDbFactory>();

    private static string NewKey() => Guid.NewGuid().ToString();
}
