using System.Security.Cryptography;
using System.Text;
using Kraliki.Server.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Microsoft.IdentityModel.Tokens;

namespace Kraliki.Server.Identity;

/// <summary>One refresh token of a family, which is one sign-in on one device. The token itself is never stored.</summary>
public sealed class RefreshToken
{
    public required Guid Id { get; init; }

    public required Guid FamilyId { get; init; }

    public required Guid UserId { get; init; }

    public User User { get; init; } = null!;

    /// <summary>SHA-256 of the token.</summary>
    public required byte[] Hash { get; init; }

    /// <summary>With the token itself it gives the successor, so that everyone who repeats a rotation gets the same one.</summary>
    public required byte[] SuccessorSeed { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    public DateTimeOffset? UsedAt { get; init; }

    /// <summary>Set on every token of a family at once: sign-out, or a token that was used twice.</summary>
    public DateTimeOffset? EndedAt { get; init; }
}

/// <param name="Token">What the client keeps; opaque.</param>
internal sealed record RefreshGrant(string Token, Guid FamilyId, User User);

/// <summary>How a rotation ended: a grant, or why not (<see cref="Reused"/> has ended the family).</summary>
internal sealed record RotationOutcome(RefreshGrant? Grant, bool Reused = false, Guid UserId = default);

/// <summary>
/// Rotating refresh tokens. A token is good for one use. Two tabs may use it at the same moment: within
/// <see cref="Grace"/> every use gives the same successor. A later use means that someone has a copy: the family ends.
/// </summary>
internal sealed class RefreshTokens(KralikiDbFactory databases, TimeProvider time)
{
    public static readonly TimeSpan Life = TimeSpan.FromDays(30);
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(20);

    public async Task<RefreshGrant> BeginAsync(User user, CancellationToken cancellationToken)
    {
        var token = Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(32));
        var family = Guid.CreateVersion7();
        await using var db = databases.OpenForSystem();
        db.Add(Row(token, family, user.Id));
        await db.SaveChangesAsync(cancellationToken);
        return new(token, family, user);
    }

    public async Task<RotationOutcome> RotateAsync(string token, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var hash = HashOf(token);
        await using var db = databases.OpenForSystem();
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);

        // One statement decides who rotates; everybody else reads what it left.
        var first = await db.Set<RefreshToken>()
            .Where(row => row.Hash == hash && row.UsedAt == null && row.EndedAt == null && row.ExpiresAt > now)
            .ExecuteUpdateAsync(row => row.SetProperty(r => r.UsedAt, now), cancellationToken) == 1;
        var found = await db.Set<RefreshToken>().AsNoTracking()
            .Include(row => row.User.Organisation)
            .SingleOrDefaultAsync(row => row.Hash == hash, cancellationToken);
        if (found is null || found.EndedAt is not null || found.ExpiresAt <= now)
        {
            return new(Grant: null);
        }

        var successor = Base64UrlEncoder.Encode(HMACSHA256.HashData(found.SuccessorSeed, Encoding.ASCII.GetBytes(token)));
        if (first)
        {
            db.Add(Row(successor, found.FamilyId, found.UserId));
            await db.SaveChangesAsync(cancellationToken);
        }
        else if (now - found.UsedAt > Grace)
        {
            await EndFamilyAsync(db, found.FamilyId, now, cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            return new(Grant: null, Reused: true, found.UserId);
        }

        await transaction.CommitAsync(cancellationToken);
        return new(new RefreshGrant(successor, found.FamilyId, found.User));
    }

    public async Task EndFamilyAsync(Guid family, CancellationToken cancellationToken)
    {
        await using var db = databases.OpenForSystem();
        await EndFamilyAsync(db, family, time.GetUtcNow(), cancellationToken);
    }

    /// <summary>Ends every sign-in of a person.</summary>
    /// <param name="except">The family that goes on.</param>
    public async Task EndAllAsync(Guid user, Guid? except, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        await using var db = databases.OpenForSystem();
        await db.Set<RefreshToken>()
            .Where(row => row.UserId == user && row.FamilyId != except && row.EndedAt == null)
            .ExecuteUpdateAsync(row => row.SetProperty(r => r.EndedAt, now), cancellationToken);
    }

    /// <returns>The family that the token belongs to; null for a token that we never gave.</returns>
    public async Task<Guid?> FamilyOfAsync(string token, CancellationToken cancellationToken)
    {
        var hash = HashOf(token);
        await using var db = databases.OpenForSystem();
        return await db.Set<RefreshToken>().Where(row => row.Hash == hash).Select(row => (Guid?)row.FamilyId).SingleOrDefaultAsync(cancellationToken);
    }

    private static Task<int> EndFamilyAsync(KralikiDb db, Guid family, DateTimeOffset now, CancellationToken cancellationToken) =>
        db.Set<RefreshToken>()
            .Where(row => row.FamilyId == family && row.EndedAt == null)
            .ExecuteUpdateAsync(row => row.SetProperty(r => r.EndedAt, now), cancellationToken);

    private static byte[] HashOf(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));

    private RefreshToken Row(string token, Guid family, Guid user) => new()
    {
        Id = Guid.CreateVersion7(),
        FamilyId = family,
        UserId = user,
        Hash = HashOf(token),
        SuccessorSeed = RandomNumberGenerator.GetBytes(32),
        CreatedAt = time.GetUtcNow(),
        ExpiresAt = time.GetUtcNow() + Life,
    };
}

internal sealed class RefreshTokenConfiguration : IEntityTypeConfiguration<RefreshToken>
{
    public void Configure(EntityTypeBuilder<RefreshToken> builder)
    {
        builder.ToTable("refresh_tokens");
        builder.HasIndex(token => token.Hash).IsUnique();
        builder.HasIndex(token => token.FamilyId);
        builder.HasOne(token => token.User).WithMany().HasForeignKey(token => token.UserId).OnDelete(DeleteBehavior.Cascade);
    }
}
