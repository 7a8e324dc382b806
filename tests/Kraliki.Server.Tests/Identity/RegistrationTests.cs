using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Http.Json;
using System.Text.RegularExpressions;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Identity;
using Kraliki.Server.Operations;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace Kraliki.Server.Tests.Identity;

public sealed partial class RegistrationTests(AccountServer fixture) : IClassFixture<AccountServer>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Who_registers_is_the_administrator_of_a_new_organisation_once_the_link_was_opened()
    {
        using var nora = new AccountClient(fixture.Server);
        var email = AccountClient.NewEmail();
        using var answer = await nora.RegisterAsync($"  {email.ToUpperInvariant()} ");
        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        Assert.Equal(new RegisterResponse(email, VerificationRequired: true), await answer.Content.ReadFromJsonAsync(ContractsJson.Default.RegisterResponse, Cancel));

        await AccountClient.AssertProblemAsync(HttpStatusCode.Forbidden, "email_not_verified", await nora.LoginAsync(email));
        await AccountClient.AssertProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials", await nora.LoginAsync(email, "not the password"));
        using var verified = await nora.PostAsync("auth/verify-email", new MailTokenRequest(await nora.TokenAsync(email)));
        Assert.Equal(HttpStatusCode.NoContent, verified.StatusCode);

        var login = await nora.SignInAsync(email);
        Assert.Equal(("Nora New", UserRole.Admin, "New & Co"), (login.User.Name, login.User.Role, login.User.OrganisationName));
        Assert.NotEqual(FirstAccounts.OrganisationId, login.User.OrganisationId);
    }

    [Fact]
    public async Task A_link_works_once_and_for_its_own_purpose_only()
    {
        using var nora = new AccountClient(fixture.Server);
        var email = AccountClient.NewEmail();
        await nora.RegisterAsync(email);
        var token = await nora.TokenAsync(email);

        await AccountClient.AssertProblemAsync(
            HttpStatusCode.Gone, "link_expired", await nora.PostAsync("auth/reset-password", new ResetPasswordRequest(token, AccountClient.Password)));
        var uses = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => nora.PostAsync("auth/verify-email", new MailTokenRequest(token))));
        Assert.Single(uses, use => use.StatusCode == HttpStatusCode.NoContent);
        Assert.Equal(7, uses.Count(use => use.StatusCode == HttpStatusCode.Gone));
    }

    [Fact]
    public async Task A_newer_mail_ends_the_older_link_and_the_fourth_in_a_quarter_of_an_hour_is_not_sent()
    {
        using var nora = new AccountClient(fixture.Server);
        var email = AccountClient.NewEmail();
        await nora.RegisterAsync(email);
        var first = await nora.TokenAsync(email);
        for (var i = 0; i < 4; i++)
        {
            using var answer = await nora.PostAsync("auth/resend-verification", new EmailRequest(email));
            Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        }

        Assert.Equal(3, (await nora.MailsAsync(email)).Count);
        await AccountClient.AssertProblemAsync(HttpStatusCode.Gone, "link_expired", await nora.PostAsync("auth/verify-email", new MailTokenRequest(first)));
        Assert.Equal(HttpStatusCode.NoContent, (await nora.PostAsync("auth/verify-email", new MailTokenRequest(await nora.TokenAsync(email)))).StatusCode);
    }

    [Fact]
    public async Task Nobody_learns_whether_an_address_has_an_account()
    {
        using var stranger = new AccountClient(fixture.Server);
        var known = await stranger.NewAccountAsync();

        foreach (var (path, body) in new (string, Func<string, string>)[]
        {
            ("auth/register", email => $$"""{"name":"Nora","password":"{{AccountClient.Password}}","email":"{{email}}","organisation_name":"New & Co"}"""),
            ("auth/forgot-password", email => $$"""{"email":"{{email}}"}"""),
            ("auth/resend-verification", email => $$"""{"email":"{{email}}"}"""),
            ("auth/login", email => $$"""{"email":"{{email}}","password":"wrong"}"""),
        })
        {
            var existing = await AskAsync(stranger, path, body(known));
            var free = AccountClient.NewEmail();
            var unknown = await AskAsync(stranger, path, body(free));
            Assert.Equal(existing.Text.Replace(known, "ADDRESS", StringComparison.Ordinal), unknown.Text.Replace(free, "ADDRESS", StringComparison.Ordinal));
            Assert.Equal(existing.Hashes, unknown.Hashes);
        }
    }

    [Fact]
    public async Task The_owner_of_a_known_address_is_told_by_mail_and_can_reset()
    {
        using var nora = new AccountClient(fixture.Server);
        var email = await nora.NewAccountAsync();
        await nora.RegisterAsync(email, "somebody else's good password");

        var mail = (await nora.MailsAsync(email))[0];
        Assert.Equal("You already have an account", mail.Subject);
        await nora.SignInAsync(email);
        using var reset = await nora.PostAsync("auth/reset-password", new ResetPasswordRequest(AccountClient.Token(mail.Text), "another good password of mine"));
        Assert.Equal(HttpStatusCode.NoContent, reset.StatusCode);
        await nora.SignInAsync(email, "another good password of mine");
    }

    [Fact]
    public async Task Whoever_typed_an_address_first_does_not_get_its_readers_account()
    {
        using var nora = new AccountClient(fixture.Server);
        var email = AccountClient.NewEmail();
        await nora.RegisterAsync(email, "the password of a stranger");
        var first = await nora.TokenAsync(email);
        await nora.RegisterAsync(email);

        var mail = (await nora.MailsAsync(email))[0];
        Assert.Equal("Confirm your e-mail address and set a password", mail.Subject);
        await AccountClient.AssertProblemAsync(HttpStatusCode.Gone, "link_expired", await nora.PostAsync("auth/verify-email", new MailTokenRequest(first)));
        using var reset = await nora.PostAsync("auth/reset-password", new ResetPasswordRequest(AccountClient.Token(mail.Text), "another good password of mine"));
        Assert.Equal(HttpStatusCode.NoContent, reset.StatusCode);
        await AccountClient.AssertProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials", await nora.LoginAsync(email, "the password of a stranger"));
        await nora.SignInAsync(email, "another good password of mine");
    }

    [Fact]
    public async Task An_address_that_nobody_confirmed_is_free_again_after_a_week()
    {
        var time = new FakeTimeProvider(DateTimeOffset.Parse("2026-11-22T12:00:00Z"));
        await using var server = await RunningServer.StartAsync(Cancel, new ServerSetup(Time: time));
        using var nora = new AccountClient(server);
        using var upkeep = ActivatorUtilities.CreateInstance<IdentityUpkeep>(server.Services, time);
        var kept = await nora.NewAccountAsync();
        var email = AccountClient.NewEmail();
        await nora.RegisterAsync(email);
        await using (var db = server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem())
        {
            // Requests have the clock of the machine.
            await db.Set<User>().Where(user => user.Email == email || user.Email == kept).ExecuteUpdateAsync(user => user.SetProperty(row => row.CreatedAt, time.GetUtcNow()), Cancel);
        }

        time.Advance(TimeSpan.FromDays(7));
        await upkeep.PurgeAsync(Cancel);
        Assert.Equal((true, 3), await StateAsync());

        time.Advance(TimeSpan.FromMinutes(6));
        await upkeep.PurgeAsync(Cancel);
        Assert.Equal((false, 2), await StateAsync());
        await nora.SignInAsync(kept);

        async Task<(bool Held, int Organisations)> StateAsync()
        {
            await using var db = server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem();
            return (await db.Set<User>().AnyAsync(user => user.Email == email, Cancel), await db.Set<Organisation>().CountAsync(Cancel));
        }
    }

    [Fact]
    public async Task Two_registrations_in_one_moment_make_one_account()
    {
        using var nora = new AccountClient(fixture.Server);
        var email = AccountClient.NewEmail();
        var answers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => nora.RegisterAsync(email)));
        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode));

        await using var db = fixture.Open();
        Assert.Equal(1, await db.Set<User>().CountAsync(user => user.Email == email, Cancel));
    }

    [Fact]
    public async Task Every_wrong_field_is_told_at_once_with_its_remedy()
    {
        using var nora = new AccountClient(fixture.Server);
        using var answer = await nora.PostAsync("auth/register", new RegisterRequest(" ", "short", "nora@", "Two\nlines"));
        var problem = await AccountClient.ProblemAsync(answer);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal("name must have 1 to 200 characters, on one line.", Assert.Single(problem.Errors!["name"]));
        Assert.Equal("email must be an e-mail address such as name@example.org.", Assert.Single(problem.Errors["email"]));
        Assert.Equal("organisation_name must have 1 to 200 characters, on one line.", Assert.Single(problem.Errors["organisation_name"]));
        Assert.Equal("password must have at least 12 characters; a few words in a row are easy to remember.", Assert.Single(problem.Errors["password"]));
    }

    [Fact]
    public async Task Links_lead_to_our_own_address_whatever_host_was_asked_for()
    {
        using var stranger = new AccountClient(fixture.Server);
        var email = await stranger.NewAccountAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, "api/v1/auth/forgot-password")
        {
            Content = JsonContent.Create(new EmailRequest(email), ContractsJson.Default.EmailRequest),
        };
        request.Headers.Host = "localhost:6666";
        request.Headers.Add("X-Forwarded-Host", "localhost:7777");
        Assert.Equal(HttpStatusCode.Accepted, (await stranger.Http.SendAsync(request, Cancel)).StatusCode);

        var mail = (await stranger.MailsAsync(email))[0];
        Assert.Equal("Set a new password", mail.Subject);
        Assert.Contains($"{fixture.Server.Url}reset?token=", mail.Text);
        Assert.DoesNotContain("6666", mail.Text);
        Assert.DoesNotContain("7777", mail.Text);
    }

    [Fact]
    public async Task What_a_stranger_typed_never_stands_in_a_mail_to_somebody_else()
    {
        using var stranger = new AccountClient(fixture.Server);
        var email = AccountClient.NewEmail();
        await stranger.PostAsync("auth/register", new RegisterRequest("Win at casino.example", AccountClient.Password, email, "Visit evil.example"));
        var mail = Assert.Single(await stranger.MailsAsync(email));
        Assert.DoesNotContain("casino", mail.Text + mail.Subject);
        Assert.DoesNotContain("evil", mail.Text + mail.Subject);
    }

    [Fact]
    public async Task A_closed_installation_lets_invited_people_in_only()
    {
        await using var server = await RunningServer.StartAsync(
            Cancel, new ServerSetup(Settings: new Dictionary<string, string> { ["Kraliki:Identity:Registration"] = "invitation" }));
        using var nora = new AccountClient(server);
        await AccountClient.AssertProblemAsync(HttpStatusCode.Forbidden, "registration_closed", await nora.RegisterAsync(AccountClient.NewEmail()));
        Assert.False((await nora.GetAsync<ConsoleInfo>("console-info")).RegistrationOpen);
        Assert.True((await new AccountClient(fixture.Server).GetAsync<ConsoleInfo>("console-info")).RegistrationOpen);
    }

    [Fact]
    public async Task Links_end_after_a_day_and_an_hour()
    {
        var time = new FakeTimeProvider(DateTimeOffset.Parse("2026-11-22T12:00:00Z"));
        await using var server = await RunningServer.StartAsync(Cancel, new ServerSetup(Time: time));
        using var nora = new AccountClient(server);
        var email = AccountClient.NewEmail();
        await nora.RegisterAsync(email);
        var verify = await nora.TokenAsync(email);
        time.Advance(TimeSpan.FromHours(24));
        await AccountClient.AssertProblemAsync(HttpStatusCode.Gone, "link_expired", await nora.PostAsync("auth/verify-email", new MailTokenRequest(verify)));

        await nora.PostAsync("auth/forgot-password", new EmailRequest(email));
        var reset = await nora.TokenAsync(email);
        time.Advance(TimeSpan.FromMinutes(60));
        await AccountClient.AssertProblemAsync(
            HttpStatusCode.Gone, "link_expired", await nora.PostAsync("auth/reset-password", new ResetPasswordRequest(reset, AccountClient.Password)));
    }

    [Fact]
    public async Task What_happens_to_accounts_stands_in_the_audit_log_without_secrets()
    {
        using var nora = new AccountClient(fixture.Server);
        var email = await nora.NewAccountAsync();
        var login = await nora.SignInAsync(email);
        await using var db = fixture.Open();
        var entries = await db.Set<AuditEntry>().Where(entry => entry.OrganisationId == login.User.OrganisationId).OrderBy(entry => entry.Number).ToListAsync(Cancel);
        Assert.Equal(["registered", "email_verified", "logged_in"], entries.Select(entry => entry.Action));
        Assert.All(entries, entry => Assert.Equal(email, entry.Actor));
    }

    [Fact]
    public async Task A_registration_that_the_database_refuses_is_no_success()
    {
        await using var db = fixture.Open();
        await db.Database.ExecuteSqlRawAsync(
            TestDatabase.IsPostgreSql
                ? "ALTER TABLE users ADD CONSTRAINT refuses CHECK (name <> 'Una Stored')"
                : "CREATE TRIGGER refuses BEFORE INSERT ON users WHEN NEW.name = 'Una Stored' BEGIN SELECT RAISE(ABORT, 'no room'); END",
            Cancel);
        using var una = new AccountClient(fixture.Server);
        using var answer = await una.PostAsync("auth/register", new RegisterRequest("Una Stored", AccountClient.Password, AccountClient.NewEmail(), "New & Co"));
        Assert.Equal(HttpStatusCode.InternalServerError, answer.StatusCode);
    }

    /// <summary>Everything of an answer that somebody outside sees, and what it cost.</summary>
    private async Task<(string Text, int Hashes)> AskAsync(AccountClient client, string path, string body)
    {
        var hashes = 0;
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Name == "kraliki.identity.password_hash.duration" && instrument.Meter.Scope == fixture.Server.Services.GetRequiredService<IMeterFactory>())
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<double>((_, _, _, _) => Interlocked.Increment(ref hashes));
        listener.Start();
        using var answer = await client.Http.PostAsync($"api/v1/{path}", new StringContent(body, System.Text.Encoding.UTF8, "application/json"), Cancel);
        var headers = answer.Headers.Concat(answer.Content.Headers).Where(header => header.Key is not ("Date" or "X-Request-ID" or "Content-Length"))
            .Select(header => $"{header.Key}: {string.Join(", ", header.Value)}");
        var text = RequestId().Replace(await answer.Content.ReadAsStringAsync(Cancel), "");
        return ($"{(int)answer.StatusCode}\n{string.Join('\n', headers)}\n{text}", hashes);
    }

    [GeneratedRegex("\"request_id\":\"[^\"]*\"")]
    private static partial Regex RequestId();
}

/// <summary>A server that only one class asks at a time: what is counted there is its own doing.</summary>
public sealed class AccountServer : IAsyncLifetime
{
    public RunningServer Server { get; private set; } = null!;

    public KralikiDb Open() => Server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem();

    public async ValueTask InitializeAsync() => Server = await RunningServer.StartAsync(CancellationToken.None);

    public ValueTask DisposeAsync() => Server.DisposeAsync();
}
