using Kraliki.Server.Cluster;
using Kraliki.Server.Data;
using Kraliki.Server.Mail;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Identity;

/// <summary>
/// Tends the signing keys, and throws away what can no longer matter: expired refresh tokens and sign-ins, revocations of
/// tokens that have expired, used one-time tokens, old mails and their tokens, forgotten failures, registrations that nobody confirmed.
/// </summary>
/// <remarks>Every node does it; whoever comes second finds nothing to do.</remarks>
internal sealed partial class IdentityUpkeep(SigningKeys keys, KralikiDbFactory databases, TimeProvider time, ILogger<IdentityUpkeep> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(5);

    // A token of a node whose clock is behind still counts as expired here.
    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan OldMails = TimeSpan.FromDays(30);

    public async Task PurgeAsync(CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow() - Margin;
        var unused = now - RefreshTokens.Life;
        await using var db = databases.OpenForSystem();
        await db.Set<RevokedToken>().Where(row => row.ExpiresAt < now).ExecuteDeleteAsync(cancellationToken);
        await db.Set<SpentToken>().Where(row => row.ExpiresAt < now).ExecuteDeleteAsync(cancellationToken);
        await db.Set<RefreshToken>().Where(row => row.ExpiresAt < now).ExecuteDeleteAsync(cancellationToken);

        // An ended one is never renewed, so it goes at the same age; until then it tells why it ended.
        await db.Set<SignIn>().Where(row => row.LastUsedAt < unused).ExecuteDeleteAsync(cancellationToken);

        // Kept for a while, so that an old link says why it opens nothing.
        var old = now - OldMails;
        await db.Set<MailToken>().Where(row => row.ExpiresAt < old).ExecuteDeleteAsync(cancellationToken);
        await db.Set<OutgoingMail>().Where(row => row.CreatedAt < old && row.NextTryAt == null).ExecuteDeleteAsync(cancellationToken);
        var forgotten = now - LoginDelays.Memory;
        await db.Set<LoginFailures>().Where(row => row.LastAt < forgotten).ExecuteDeleteAsync(cancellationToken);

        var unconfirmed = now - UnconfirmedRegistrations.Life;
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        await UnconfirmedRegistrations.RemoveAsync(db, row => row.CreatedAt < unconfirmed, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        do
        {
            try
            {
                await keys.TendAsync(stoppingToken);
                await PurgeAsync(stoppingToken);
            }
            catch (Exception e) when (DatabaseTrouble.Is(e))
            {
                LogUpkeepFailed(e);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }
}
