using System.Globalization;
using Kraliki.Server.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Kraliki.Server.Identity;

/// <summary>What the link of a mail may do. The number is stored.</summary>
public enum MailTokenPurpose
{
    VerifyEmail = 1,
    ResetPassword = 2,
    AcceptInvitation = 3,
}

/// <summary>The secret of a link in a mail, good for one use. The token itself is never stored.</summary>
public sealed class MailToken : IOwned
{
    public required Guid Id { get; init; }

    public required Guid OrganisationId { get; init; }

    /// <summary>The user, or for <see cref="MailTokenPurpose.AcceptInvitation"/> the invitation.</summary>
    public required Guid SubjectId { get; init; }

    public required MailTokenPurpose Purpose { get; init; }

    /// <summary>SHA-256 of the token.</summary>
    public required byte[] Hash { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>Used, or replaced by a newer one.</summary>
    public DateTimeOffset? EndedAt { get; init; }
}

/// <summary>Makes and redeems the tokens of mails. Works on the caller's context, so that a token and what it is for are saved together or not at all.</summary>
internal sealed class MailTokens(TimeProvider time)
{
    /// <summary>More mails than this to one person within <see cref="Window"/> are not sent: nobody's mailbox is flooded through us.</summary>
    private const int MostInWindow = 3;

    /// <summary>An organisation sends no more invitations than this in a day: anybody can register one, and would have a free sender of mail.</summary>
    public const int MostInvitationsInDay = 200;

    private static readonly TimeSpan Window = TimeSpan.FromMinutes(15);

    /// <summary>As a Retry-After says it.</summary>
    public static string WindowSeconds { get; } = Window.TotalSeconds.ToString(CultureInfo.InvariantCulture);

    public static TimeSpan Life(MailTokenPurpose purpose) => purpose switch
    {
        MailTokenPurpose.VerifyEmail => TimeSpan.FromHours(24),
        MailTokenPurpose.ResetPassword => TimeSpan.FromMinutes(60),
        MailTokenPurpose.AcceptInvitation => Invitation.Life,
        _ => throw new ArgumentOutOfRangeException(nameof(purpose), purpose, "A purpose without a life."),
    };

    /// <summary>True when this subject has got as many mails of this kind as is good for now.</summary>
    public Task<bool> EnoughAsync(KralikiDb db, Guid subject, MailTokenPurpose purpose, CancellationToken cancellationToken)
    {
        var since = time.GetUtcNow() - Window;
        return db.Set<MailToken>().Where(row => row.SubjectId == subject && row.Purpose == purpose && row.CreatedAt > since).Skip(MostInWindow - 1).AnyAsync(cancellationToken);
    }

    /// <summary>True when this address has got as many invitations, by whomever, as is good for now.</summary>
    /// <param name="all">A context of the system: other organisations count.</param>
    public Task<bool> EnoughInvitationsAsync(KralikiDb all, string email, CancellationToken cancellationToken)
    {
        var since = time.GetUtcNow() - Window;
        return all.Set<MailToken>()
            .Where(row => row.Purpose == MailTokenPurpose.AcceptInvitation && row.CreatedAt > since && all.Set<Invitation>().Any(i => i.Id == row.SubjectId && i.Email == email))
            .Skip(MostInWindow - 1)
            .AnyAsync(cancellationToken);
    }

    /// <returns>How long the organisation has to wait before it may send another invitation; null when it need not.</returns>
    public async Task<TimeSpan?> InvitationsFullAsync(KralikiDb all, Guid organisation, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var since = now - TimeSpan.FromDays(1);
        var first = await all.Set<MailToken>()
            .Where(row => row.OrganisationId == organisation && row.Purpose == MailTokenPurpose.AcceptInvitation && row.CreatedAt > since)
            .OrderByDescending(row => row.CreatedAt)
            .Skip(MostInvitationsInDay - 1)
            .Select(row => (DateTimeOffset?)row.CreatedAt)
            .FirstOrDefaultAsync(cancellationToken);
        return first - since;
    }

    /// <summary>Adds a token, which counts once the caller has saved; older ones of this subject and purpose end at once.</summary>
    public async Task<string> IssueAsync(KralikiDb db, Guid organisation, Guid subject, MailTokenPurpose purpose, CancellationToken cancellationToken)
    {
        await EndAsync(db, subject, purpose, cancellationToken);
        return Add(db, organisation, subject, purpose);
    }

    /// <summary>What an address costs that nobody has: the same write, so that the time of an answer does not tell who has an account.</summary>
    public void AddDecoy(KralikiDb db, MailTokenPurpose purpose) => Add(db, organisation: Guid.Empty, subject: Guid.CreateVersion7(), purpose);

    /// <returns>Whom or what the token is for; null when it is unknown, used, replaced or expired.</returns>
    public async Task<Guid?> FindAsync(KralikiDb db, string token, MailTokenPurpose purpose, CancellationToken cancellationToken)
    {
        var (hash, now) = (OpaqueSecret.HashOf(token), time.GetUtcNow());
        return await db.Set<MailToken>()
            .Where(row => row.Hash == hash && row.Purpose == purpose && row.EndedAt == null && row.ExpiresAt > now)
            .Select(row => (Guid?)row.SubjectId)
            .SingleOrDefaultAsync(cancellationToken);
    }

    /// <returns>Whom or what the token was once made for, whether it is still good or not; null for one that we never made.</returns>
    public async Task<Guid?> SubjectAsync(KralikiDb db, string token, MailTokenPurpose purpose, CancellationToken cancellationToken)
    {
        var hash = OpaqueSecret.HashOf(token);
        return await db.Set<MailToken>().Where(row => row.Hash == hash && row.Purpose == purpose).Select(row => (Guid?)row.SubjectId).SingleOrDefaultAsync(cancellationToken);
    }

    /// <summary>Like <see cref="FindAsync"/>, and the token is used up: of any number of parallel uses one gets the subject.</summary>
    public async Task<Guid?> UseAsync(KralikiDb db, string token, MailTokenPurpose purpose, CancellationToken cancellationToken)
    {
        var (hash, now) = (OpaqueSecret.HashOf(token), time.GetUtcNow());
        var used = await db.Set<MailToken>()
            .Where(row => row.Hash == hash && row.Purpose == purpose && row.EndedAt == null && row.ExpiresAt > now)
            .ExecuteUpdateAsync(row => row.SetProperty(r => r.EndedAt, now), cancellationToken);
        return used == 0 ? null : await db.Set<MailToken>().Where(row => row.Hash == hash).Select(row => (Guid?)row.SubjectId).SingleAsync(cancellationToken);
    }

    /// <summary>Ends every token of this subject and purpose.</summary>
    public Task EndAsync(KralikiDb db, Guid subject, MailTokenPurpose purpose, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        return db.Set<MailToken>()
            .Where(row => row.SubjectId == subject && row.Purpose == purpose && row.EndedAt == null)
            .ExecuteUpdateAsync(row => row.SetProperty(r => r.EndedAt, now), cancellationToken);
    }

    private string Add(KralikiDb db, Guid organisation, Guid subject, MailTokenPurpose purpose)
    {
        var now = time.GetUtcNow();
        var token = OpaqueSecret.New();
        db.Add(new MailToken
        {
            Id = Guid.CreateVersion7(now),
            OrganisationId = organisation,
            SubjectId = subject,
            Purpose = purpose,
            Hash = OpaqueSecret.HashOf(token),
            CreatedAt = now,
            ExpiresAt = now + Life(purpose),
        });
        return token;
    }
}

internal sealed class MailTokenConfiguration : IEntityTypeConfiguration<MailToken>
{
    public void Configure(EntityTypeBuilder<MailToken> builder)
    {
        builder.ToTable("mail_tokens");
        builder.HasIndex(token => token.Hash).IsUnique();
        builder.HasIndex(token => new { token.SubjectId, token.Purpose });
    }
}
