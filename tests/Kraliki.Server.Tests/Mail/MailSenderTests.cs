using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Identity;
using Kraliki.Server.Mail;
using Kraliki.Server.Operations;
using Kraliki.Server.Tests.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace Kraliki.Server.Tests.Mail;

public sealed class MailSenderTests
{
    private readonly FakeTimeProvider _time = new(DateTimeOffset.Parse("2026-11-22T12:00:00Z"));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_mail_goes_out_over_smtp_and_its_text_leaves_the_database()
    {
        await using var smtp = new SmtpServer();
        await using var server = await StartAsync(smtp.Port);
        using var nora = new AccountClient(server);
        var email = AccountClient.NewEmail();
        await nora.RegisterAsync(email);

        var mail = await smtp.NextAsync(Cancel);
        Assert.Equal(("kraliki@office.example", email), (mail.From, mail.To));
        Assert.Contains("Subject: Confirm your e-mail address", mail.Data);
        Assert.Contains("Auto-Submitted: auto-generated", mail.Data);
        var token = AccountClient.Token(mail.Data.Replace("=\r\n", "", StringComparison.Ordinal).Replace("=\n", "", StringComparison.Ordinal).Replace("=3D", "=", StringComparison.Ordinal));
        using var verified = await nora.PostAsync("auth/verify-email", new MailTokenRequest(token));
        Assert.Equal(System.Net.HttpStatusCode.NoContent, verified.StatusCode);

        var row = await UntilAsync(server, row => row.SentAt is not null, "The mail was sent, but its row never said so.");
        Assert.Null(row.Text);
        Assert.Equal(1, row.Tries);
        await AccountClient.AssertProblemAsync(System.Net.HttpStatusCode.NotFound, "not_found", await nora.Http.GetAsync("api/v1/mailbox", Cancel));
    }

    [Fact]
    public async Task What_is_refused_for_now_is_tried_again_later()
    {
        var busy = true;
        await using var smtp = new SmtpServer(_ => Volatile.Read(ref busy) ? "450 busy" : "250 OK");
        await using var server = await StartAsync(smtp.Port);
        using var nora = new AccountClient(server);
        var email = AccountClient.NewEmail();
        await nora.RegisterAsync(email);

        Assert.Equal(email, await smtp.NextRecipientAsync(Cancel));
        var waiting = await UntilAsync(server, row => row.NextTryAt == _time.GetUtcNow() + TimeSpan.FromSeconds(30), "The mail does not wait 30 s.");
        Assert.NotNull(waiting.Text);
        Volatile.Write(ref busy, false);
        var taken = smtp.NextAsync(Cancel);
        while (!taken.IsCompleted)
        {
            // The sender may not have begun its pause yet: the clock goes on until it has ended.
            _time.Advance(TimeSpan.FromSeconds(15));
            await Task.Yield();
        }

        Assert.Equal(email, (await taken).To);
    }

    [Fact]
    public async Task One_mail_that_is_refused_for_now_does_not_hold_up_the_others()
    {
        var blocked = AccountClient.NewEmail();
        await using var smtp = new SmtpServer(to => to == blocked ? "450 greylisted" : "250 OK");
        await using var server = await StartAsync(smtp.Port);
        var open = AccountClient.NewEmail();
        await using (var db = Open(server))
        {
            foreach (var to in new[] { blocked, open })
            {
                server.Services.GetRequiredService<Outbox>().Add(db, FirstAccounts.OrganisationId, to, new("Hello", "Hello."));
                await db.SaveChangesAsync(Cancel);
                _time.Advance(TimeSpan.FromMilliseconds(1));
            }
        }

        // Both are due, and the clock stands still: what is taken now is taken in the round that begins with the refusal.
        server.Services.GetRequiredService<Outbox>().Announce();

        Assert.Equal(open, (await smtp.NextAsync(Cancel)).To);
        Assert.Equal(blocked, await smtp.NextRecipientAsync(Cancel));
    }

    [Fact]
    public async Task Without_a_mail_server_a_mail_waits_a_day_and_loses_its_text()
    {
        await using var server = await RunningServer.StartAsync(
            Cancel, new ServerSetup(Settings: new Dictionary<string, string>(RunningServer.Silent) { ["Kraliki:Demo"] = "false" }, Time: _time));
        using var nora = new AccountClient(server);
        await nora.RegisterAsync(AccountClient.NewEmail());

        var row = await UntilAsync(server, row => row.GivenUpAt is not null, "A day passed and the mail still waits.", advance: TimeSpan.FromMinutes(10));

        Assert.True(row.GivenUpAt - row.CreatedAt >= TimeSpan.FromHours(24));
        Assert.Equal((null, null, 0), (row.Text, row.NextTryAt, row.Tries));
    }

    [Theory]
    [InlineData("https://calls.example", false)]
    [InlineData("http://127.0.0.1:9", true)]
    public async Task The_demos_mailbox_is_closed_where_strangers_could_read_it(string publicUrl, bool open)
    {
        await using var server = await RunningServer.StartAsync(
            Cancel, new ServerSetup(Settings: new Dictionary<string, string>(RunningServer.Silent) { ["Kraliki:PublicUrl"] = publicUrl }));
        using var anybody = new AccountClient(server);

        using var answer = await anybody.Http.GetAsync("api/v1/mailbox", Cancel);

        Assert.Equal(open ? System.Net.HttpStatusCode.OK : System.Net.HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Equal(open, (await anybody.GetAsync<ConsoleInfo>("console-info")).Mailbox);
    }

    [Fact]
    public async Task What_is_refused_for_good_is_given_up_and_the_audit_log_knows()
    {
        await using var smtp = new SmtpServer(_ => "550 no such mailbox");
        await using var server = await StartAsync(smtp.Port);
        using var nora = new AccountClient(server);
        var email = AccountClient.NewEmail();
        await nora.RegisterAsync(email);

        var row = await UntilAsync(server, row => row.GivenUpAt is not null, "The refused mail was not given up.");
        Assert.Null(row.Text);
        await using var db = Open(server);
        AuditEntry? entry;
        while ((entry = await db.Set<AuditEntry>().SingleOrDefaultAsync(audit => audit.Action == "mail_failed", Cancel)) is null)
        {
            await Task.Yield();
        }

        Assert.Equal((row.OrganisationId, row.Id.ToString()), (entry.OrganisationId, entry.Subject));
        Assert.DoesNotContain(email, entry.Detail);
    }

    [Fact]
    public async Task After_a_day_without_a_mail_server_a_mail_is_given_up()
    {
        int port;
        await using (var gone = new SmtpServer())
        {
            port = gone.Port;
        }

        await using var server = await StartAsync(port);
        using var nora = new AccountClient(server);
        await nora.RegisterAsync(AccountClient.NewEmail());
        await UntilAsync(server, row => row.Tries > 1, "It was tried only once.", advance: TimeSpan.FromMinutes(1));
        var row = await UntilAsync(server, row => row.GivenUpAt is not null, "A day passed and the mail is still tried.", advance: TimeSpan.FromMinutes(10));
        Assert.True(row.GivenUpAt - row.CreatedAt >= TimeSpan.FromHours(24));
    }

    [Fact]
    public async Task Two_nodes_send_a_mail_once()
    {
        await using var smtp = new SmtpServer();
        var data = Directory.CreateTempSubdirectory("kraliki-test-").FullName;
        await using (var one = await StartAsync(smtp.Port, data))
        {
            await using var two = await StartAsync(smtp.Port, data);
            using var nora = new AccountClient(one);
            for (var i = 0; i < 5; i++)
            {
                await nora.RegisterAsync(AccountClient.NewEmail());
                _time.Advance(TimeSpan.FromSeconds(15));
            }

            var to = new List<string>();
            for (var i = 0; i < 5; i++)
            {
                to.Add((await smtp.NextAsync(Cancel)).To);
            }

            await using var db = Open(one);
            while (await db.Set<OutgoingMail>().AnyAsync(row => row.NextTryAt != null, Cancel))
            {
                _time.Advance(TimeSpan.FromSeconds(15));
            }

            Assert.Equal(5, to.Distinct().Count());
            Assert.True(smtp.IsEmpty, "A mail was sent twice.");
        }

        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(data, recursive: true);
    }

    [Fact]
    public async Task Without_a_mail_server_outside_the_demo_mails_wait_and_the_console_says_what_to_set()
    {
        await using var server = await RunningServer.StartAsync(Cancel, new ServerSetup(Settings: new Dictionary<string, string> { ["Kraliki:Demo"] = "false" }));
        using var nora = new AccountClient(server);
        await nora.RegisterAsync(AccountClient.NewEmail());
        await using var db = Open(server);
        var row = await db.Set<OutgoingMail>().SingleAsync(Cancel);
        Assert.NotNull(row.NextTryAt);
        var info = await nora.GetAsync<ConsoleInfo>("console-info");
        Assert.Contains(info.Notices, notice => notice.Contains("Kraliki:Mail:Host", StringComparison.Ordinal));
        Assert.False(info.Mailbox);
        await AccountClient.AssertProblemAsync(System.Net.HttpStatusCode.NotFound, "not_found", await nora.Http.GetAsync($"api/v1/mailbox/{row.Id}", Cancel));
    }

    private static KralikiDb Open(RunningServer server) => server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem();

    /// <summary>The one mail, once it is as it should be.</summary>
    private async Task<OutgoingMail> UntilAsync(RunningServer server, Func<OutgoingMail, bool> condition, string otherwise, TimeSpan advance = default)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        patience.CancelAfter(TimeSpan.FromSeconds(60));
        await using var db = Open(server);
        while (true)
        {
            var row = await db.Set<OutgoingMail>().AsNoTracking().SingleAsync(Cancel);
            if (condition(row))
            {
                return row;
            }

            Assert.False(patience.IsCancellationRequested, otherwise);
            _time.Advance(advance);
        }
    }

    private Task<RunningServer> StartAsync(int port, string? data = null) =>
        RunningServer.StartAsync(Cancel, new ServerSetup(data, new Dictionary<string, string>(RunningServer.Silent)
        {
            ["Kraliki:Mail:Host"] = "127.0.0.1",
            ["Kraliki:Mail:Port"] = $"{port}",
            ["Kraliki:Mail:From"] = "kraliki@office.example",
            ["Kraliki:Mail:Tls"] = "none",
        }, _time));
}
