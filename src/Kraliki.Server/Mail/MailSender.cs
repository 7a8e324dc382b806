using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Server.Operations;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Mail;

/// <summary>Sends what lies in the outbox, on every node.</summary>
/// <remarks>
/// 1. Due mails are read, oldest first. 2. One update claims a mail for <see cref="Claim"/>; of any number of nodes one gets
/// it. 3. It is sent. 4. The row says so, and its text goes. A process killed between 3 and 4 sends the mail again after the
/// claim: at least once, with the same Message-ID. What fails is tried again after 30 s, 1 min, 2 min … 1 h, for a day.
/// Without a mail server the mails wait for one as long as that.
/// </remarks>
internal sealed partial class MailSender(KralikiOptions options, Outbox outbox, KralikiDbFactory databases, AuditLog audit, TimeProvider time, ILogger<MailSender> log)
    : BackgroundService
{
    private const int BatchSize = 50;

    private static readonly TimeSpan Round = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Claim = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongestPause = TimeSpan.FromHours(1);
    private static readonly TimeSpan GiveUpAfter = TimeSpan.FromHours(24);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (options.Mail is { } server)
                {
                    await SendDueAsync(server, stoppingToken);
                }
                else
                {
                    await GiveUpOldAsync(stoppingToken);
                }
            }
            catch (Exception e) when (DatabaseTrouble.Is(e))
            {
                LogRoundFailed(e);
            }

            await outbox.WaitAsync(Round, stoppingToken);
        }
    }

    private async Task SendDueAsync(MailOptions settings, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        await using var db = databases.OpenForSystem();
        var due = await db.Set<OutgoingMail>().AsNoTracking().Where(mail => mail.NextTryAt <= now).OrderBy(mail => mail.NextTryAt).Take(BatchSize).ToListAsync(cancellationToken);
        if (due.Count == 0)
        {
            return;
        }

        using var server = new MailServer(settings);
        foreach (var mail in due)
        {
            if (!await ClaimAsync(db, mail, cancellationToken))
            {
                continue;
            }

            var result = await server.SendAsync(mail, cancellationToken);
            await RecordAsync(db, mail, result, cancellationToken);
            if (result.Outcome == SendOutcome.Unreachable)
            {
                return;
            }
        }

        await server.CloseAsync(cancellationToken);
    }

    private async Task<bool> ClaimAsync(KralikiDb db, OutgoingMail mail, CancellationToken cancellationToken)
    {
        var until = time.GetUtcNow() + Claim;
        return await db.Set<OutgoingMail>()
            .Where(row => row.Id == mail.Id && row.NextTryAt == mail.NextTryAt)
            .ExecuteUpdateAsync(row => row.SetProperty(r => r.NextTryAt, until).SetProperty(r => r.Tries, r => r.Tries + 1), cancellationToken) == 1;
    }

    private async Task RecordAsync(KralikiDb db, OutgoingMail mail, SendResult result, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var row = db.Set<OutgoingMail>().Where(r => r.Id == mail.Id);
        if (result.Outcome == SendOutcome.Sent)
        {
            await row.ExecuteUpdateAsync(
                r => r.SetProperty(m => m.SentAt, now).SetProperty(m => m.NextTryAt, (DateTimeOffset?)null).SetProperty(m => m.Text, (string?)null),
                cancellationToken);
            return;
        }

        if (result.Outcome == SendOutcome.Refused || now - mail.CreatedAt >= GiveUpAfter)
        {
            await GiveUpAsync(row, mail, result.Reason, cancellationToken);
            return;
        }

        var pause = TimeSpan.FromTicks(Math.Min(LongestPause.Ticks, (long)(FirstPause.Ticks * Math.Pow(2, Math.Min(mail.Tries, 10)))));
        await row.ExecuteUpdateAsync(r => r.SetProperty(m => m.NextTryAt, now + pause), cancellationToken);
        LogNotSent(mail.Id, result.Reason, pause);
    }

    /// <summary>Links that open accounts are not kept for ever because nobody set up a mail server.</summary>
    private async Task GiveUpOldAsync(CancellationToken cancellationToken)
    {
        var old = time.GetUtcNow() - GiveUpAfter;
        await using var db = databases.OpenForSystem();
        var mails = db.Set<OutgoingMail>().Where(mail => mail.NextTryAt != null);
        foreach (var mail in await mails.AsNoTracking().Where(mail => mail.CreatedAt <= old).OrderBy(mail => mail.CreatedAt).Take(BatchSize).ToListAsync(cancellationToken))
        {
            await GiveUpAsync(mails.Where(row => row.Id == mail.Id), mail, "no mail server is set", cancellationToken);
        }
    }

    /// <summary>Of several nodes, the one whose update finds the row writes of it.</summary>
    private async Task GiveUpAsync(IQueryable<OutgoingMail> row, OutgoingMail mail, string? reason, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (await row.ExecuteUpdateAsync(
            r => r.SetProperty(m => m.GivenUpAt, now).SetProperty(m => m.NextTryAt, (DateTimeOffset?)null).SetProperty(m => m.Text, (string?)null),
            cancellationToken) == 0)
        {
            return;
        }

        LogGivenUp(mail.Id, reason);
        await audit.WriteAsync(
            AuditActions.MailFailed, mail.Id.ToString(), $"{mail.Subject}: {reason}", actor: "server", organisation: mail.OrganisationId);
    }
}
