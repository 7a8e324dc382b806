using System.Diagnostics.Metrics;
using System.Net;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.Metrics.Testing;

namespace Kraliki.Server.Tests.Identity;

public sealed class PasswordTests(ServerFixture fixture)
{
    private const string NewPassword = "three bicycles and an owl";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_reset_password_ends_every_sign_in_and_counts_as_verification()
    {
        using var nora = new AccountClient(fixture.Server);
        var email = await nora.NewAccountAsync();
        var login = await nora.SignInAsync(email);
        Assert.Equal(HttpStatusCode.Accepted, (await nora.PostAsync("auth/forgot-password", new EmailRequest(email))).StatusCode);
        var token = await nora.TokenAsync(email);

        using var weak = await nora.PostAsync("auth/reset-password", new ResetPasswordRequest(token, "password12345"));
        Assert.Contains("new_password", (await AccountClient.ProblemAsync(weak)).Errors!.Keys);
        Assert.Equal(HttpStatusCode.NoContent, (await nora.PostAsync("auth/reset-password", new ResetPasswordRequest(token, NewPassword))).StatusCode);
        await AccountClient.AssertProblemAsync(HttpStatusCode.Gone, "link_expired", await nora.PostAsync("auth/reset-password", new ResetPasswordRequest(token, NewPassword)));

        Assert.Equal(HttpStatusCode.Unauthorized, (await nora.Http.GetAsync("api/v1/auth/me", Cancel)).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await nora.PostAsync("auth/refresh", new RefreshRequest(login.RefreshToken))).StatusCode);
        Assert.Equal("Your password was changed", (await nora.MailsAsync(email))[0].Subject);
        nora.Http.DefaultRequestHeaders.Authorization = null;
        await AccountClient.AssertProblemAsync(HttpStatusCode.Unauthorized, "invalid_credentials", await nora.LoginAsync(email));
        await nora.SignInAsync(email, NewPassword);

        using var unverified = new AccountClient(fixture.Server);
        var other = AccountClient.NewEmail();
        await unverified.RegisterAsync(other);
        var verify = await unverified.TokenAsync(other);
        await unverified.PostAsync("auth/forgot-password", new EmailRequest(other));
        await unverified.PostAsync("auth/reset-password", new ResetPasswordRequest(await unverified.TokenAsync(other), NewPassword));
        await unverified.SignInAsync(other, NewPassword);
        await AccountClient.AssertProblemAsync(HttpStatusCode.Gone, "link_expired", await unverified.PostAsync("auth/verify-email", new MailTokenRequest(verify)));
    }

    [Fact]
    public async Task A_changed_password_ends_every_other_sign_in()
    {
        using var here = new AccountClient(fixture.Server);
        using var there = new AccountClient(fixture.Server);
        var email = await here.NewAccountAsync();
        await here.SignInAsync(email);
        await there.SignInAsync(email);

        using var wrong = await here.PostAsync("auth/change-password", new ChangePasswordRequest("not the password", NewPassword));
        Assert.Equal("current_password is wrong.", Assert.Single((await AccountClient.ProblemAsync(wrong)).Errors!["current_password"]));
        using var own = await here.PostAsync("auth/change-password", new ChangePasswordRequest(AccountClient.Password, email));
        Assert.StartsWith("new_password is little more than", Assert.Single((await AccountClient.ProblemAsync(own)).Errors!["new_password"]));
        using var changed = await here.PostAsync("auth/change-password", new ChangePasswordRequest(AccountClient.Password, NewPassword));
        Assert.Equal(HttpStatusCode.NoContent, changed.StatusCode);

        Assert.Equal(HttpStatusCode.OK, (await here.Http.GetAsync("api/v1/auth/me", Cancel)).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await there.Http.GetAsync("api/v1/auth/me", Cancel)).StatusCode);
        Assert.Equal("Your password was changed", (await here.MailsAsync(email))[0].Subject);
        await there.SignInAsync(email, NewPassword);
    }

    [Fact]
    public async Task A_changed_password_ends_the_links_that_would_set_another()
    {
        using var nora = new AccountClient(fixture.Server);
        var email = await nora.NewAccountAsync();
        await nora.SignInAsync(email);
        await nora.PostAsync("auth/forgot-password", new EmailRequest(email));
        var link = await nora.TokenAsync(email);

        using var changed = await nora.PostAsync("auth/change-password", new ChangePasswordRequest(AccountClient.Password, NewPassword));
        Assert.Equal(HttpStatusCode.NoContent, changed.StatusCode);
        await AccountClient.AssertProblemAsync(
            HttpStatusCode.Gone, "link_expired", await nora.PostAsync("auth/reset-password", new ResetPasswordRequest(link, AccountClient.Password)));
    }

    [Fact]
    public async Task The_current_password_cannot_be_guessed_with_a_stolen_sign_in()
    {
        using var thief = new AccountClient(fixture.Server);
        await thief.SignInAsync(await thief.NewAccountAsync());
        var guesses = 0;
        var guess = await GuessAsync();
        for (; guess.StatusCode == HttpStatusCode.BadRequest && guesses < 10; guess = await GuessAsync())
        {
            // The first pause is a second; where hashing is slow it has passed, and the next one is longer.
            guesses++;
        }

        Assert.InRange(guesses, 3, 9);
        Assert.InRange(guess.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
        await AccountClient.AssertProblemAsync(HttpStatusCode.TooManyRequests, "too_many_attempts", guess);

        Task<HttpResponseMessage> GuessAsync() => thief.PostAsync("auth/change-password", new ChangePasswordRequest("a guess", NewPassword));
    }

    [Fact]
    public async Task A_profile_is_changed_on_the_version_that_was_seen()
    {
        using var nora = new AccountClient(fixture.Server);
        await nora.SignInAsync(await nora.NewAccountAsync());
        var me = await nora.GetAsync<UserView>("auth/me");
        await AccountClient.AssertProblemAsync(HttpStatusCode.PreconditionRequired, "precondition_required", await nora.PatchAsync("auth/me", new UpdateMe("N")));
        using var changed = await nora.PatchAsync("auth/me", new UpdateMe(" Nora Newer "), me.Version);
        Assert.Equal($"\"{me.Version + 1}\"", changed.Headers.ETag!.Tag);
        Assert.Equal("Nora Newer", (await nora.GetAsync<UserView>("auth/me")).Name);
        using var late = await nora.PatchAsync("auth/me", new UpdateMe("Older"), me.Version);
        Assert.Equal("Nora Newer", (await AccountClient.ProblemAsync(late)).Current!.Value.GetProperty("name").GetString());
        using var wrong = await nora.PatchAsync("auth/me", new UpdateMe("Two\nlines"), me.Version + 1);
        Assert.Contains("name", (await AccountClient.ProblemAsync(wrong)).Errors!.Keys);
    }

    [Fact]
    public async Task Stronger_settings_renew_a_hash_at_the_next_sign_in()
    {
        var data = Directory.CreateTempSubdirectory("kraliki-test-").FullName;
        await using (var first = await RunningServer.StartAsync(Cancel, new ServerSetup(data)))
        {
            Assert.StartsWith("$argon2id$v=19$m=19456,t=2,p=1$", await HashAsync(first));
        }

        await using (var second = await RunningServer.StartAsync(
            Cancel, new ServerSetup(data, new Dictionary<string, string> { ["Kraliki:Identity:Argon2:MemoryKiB"] = "20480", ["Kraliki:Identity:Argon2:Passes"] = "3" })))
        {
            using var derived = new MetricCollector<double>(second.Services.GetRequiredService<IMeterFactory>(), "Kraliki.Identity", "kraliki.identity.password_hash.duration");
            using var wrong = new AccountClient(second);
            Assert.Equal(HttpStatusCode.Unauthorized, (await wrong.LoginAsync(RunningServer.Operator, "not the password")).StatusCode);

            // The cheap one and what it is short of, so that it takes as long as the one of nobody.
            Assert.Equal(2, derived.GetMeasurementSnapshot(clear: true).Count);
            Assert.Equal(HttpStatusCode.Unauthorized, (await wrong.LoginAsync("nobody@demo.example", "not the password")).StatusCode);
            Assert.Single(derived.GetMeasurementSnapshot(clear: true));
            Assert.StartsWith("$argon2id$v=19$m=19456,t=2,p=1$", await HashAsync(second));
            using var right = await second.SignInAsync(Cancel);
            Assert.StartsWith("$argon2id$v=19$m=20480,t=3,p=1$", await HashAsync(second));
            using var again = await second.SignInAsync(Cancel);
        }

        await using (var third = await RunningServer.StartAsync(Cancel, new ServerSetup(data)))
        {
            using var client = await third.SignInAsync(Cancel);
            Assert.StartsWith("$argon2id$v=19$m=20480,t=3,p=1$", await HashAsync(third));
        }

        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(data, recursive: true);
    }

    [Theory]
    [InlineData(19456, 2, 19456, 2, null)]
    [InlineData(19456, 2, 19456, 3, 19456)]
    [InlineData(19456, 2, 65536, 2, 92160)]
    [InlineData(19456, 2, 1048576, 100, 104818688)]
    [InlineData(65536, 2, 19456, 2, null)]
    [InlineData(20480, 2, 19456, 3, 17408)]
    public void An_old_hash_and_what_it_is_short_of_are_together_as_dear_as_a_new_one(int storedKiB, int storedPasses, int askedKiB, int askedPasses, int? work)
    {
        var more = PasswordHashes.Missing(new(storedKiB, storedPasses), new(askedKiB, askedPasses));
        Assert.Equal(work is not null, more is not null);

        // Memory comes in whole KiB for each pass.
        Assert.InRange((more?.MemoryKiB * more?.Passes) ?? 0, (work ?? 0) - askedPasses, work ?? 0);
    }

    [Fact]
    public async Task A_password_is_what_was_typed_and_not_what_looks_like_it()
    {
        var hashes = fixture.Server.Services.GetRequiredService<PasswordHashes>();
        var hash = await hashes.HashAsync("café v půl osmé", Cancel);
        Assert.Equal(PasswordMatch.Right, await hashes.VerifyAsync("café v půl osmé", hash, Cancel));
        Assert.Equal(PasswordMatch.Wrong, await hashes.VerifyAsync("cafe\u0301 v půl osmé", hash, Cancel));
    }

    private static async Task<string> HashAsync(RunningServer server)
    {
        await using var db = server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem();
        return await db.Set<User>().Where(user => user.Email == RunningServer.Operator).Select(user => user.PasswordHash).SingleAsync(Cancel);
    }
}
