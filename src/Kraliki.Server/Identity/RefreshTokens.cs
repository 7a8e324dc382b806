using System.Security.Cryptography;
using System.Text;
using Kraliki.Server.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Microsoft.IdentityModel.Tokens;

namespace Kraliki.Server.Identity;

/// <summary>One refresh token of a sign-in, its family. The token itself is never stored.</summary>
public sealed class RefreshToken
{
    /// <summary>Also the <c>jti</c> of the access token that was given together with it.</summary>
    public required Guid Id { get; init; }

    public required Guid SignInId { get; init; }

    public SignIn SignIn { get; init; } = null!;

    /// <summary>SHA-256 of the token.</summary>
    public required byte[] Hash { get; init; }

    /// <summary>With the token itself it gives the successor, so that everyone who repeats a rotation gets the same one.</summary>
    public required byte[] SuccessorSeed { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    public DateTimeOffset? UsedAt { get; init; }
}

/// <summary>What a client gets: a refresh token, and what its access token is made of.</summary>
/// <param name="Token">What the client keeps; opaque.</param>
/// <param name="Jti">The access token's id.</param>
/// <param name="IssuedAt">The access token's time: whoever repeats a rotation gets the same token, not one with a longer life.</param>
internal sealed record RefreshGrant(string Token, Guid SignIn, User User, Guid Jti, DateTimeOffset IssuedAt);

/// <summary>How a rotation ended: a grant, or why not.</summary>
/// <param name="Reused">The person whose token came a second time; the sign-in is over.</param>
internal sealed record RotationOutcome(RefreshGrant? Grant, User? Reused = null);

/// <summary>
/// Rotating refresh tokens. A token is good for one use. Two tabs may use it at the same moment: within
/// <see cref="Grace"/> every use gives the same successor. A later use means that someone has a copy: the sign-in ends.
/// </summary>
internal sealed class RefreshTokens(KralikiDbFactory databases, SignIns signIns, TimeProvider time)
{
    public static readonly TimeSpan Life = TimeSpan.FromDays(30);
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(20);

    /// <summary>Begins a sign-in.</summary>
    /// <param name="user">As read when the password was checked.</param>
    /// <returns>Null when the account was deactivated or got another password since: that change has ended all sign-ins, and this one must not slip through after it.</returns>
    public async Task<RefreshGrant?> BeginAsync(User user, string? address, string? userAgent, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var token = Base64UrlEncoder.Encode(RandomNumberGenerator.GetBytes(32));
        var signIn = new SignIn
        {
            Id = Guid.CreateVersion7(),
            OrganisationId = user.OrganisationId,
            UserId = user.Id,
            CreatedAt = now,
            LastUsedAt = now,
            Address = address,
            UserAgent = userAgent is { Length: > SignIn.LongestUserAgent } ? userAgent[..SignIn.LongestUserAgent] : userAgent,
        };
        var row = Row(token, signIn.Id, now);
        await using var db = databases.OpenForSystem();
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var unchanged = await db.Set<User>()
            .Where(known => known.Id == user.Id && known.PasswordHash == user.PasswordHash && known.DeactivatedAt == null)
            .ExecuteUpdateAsync(known => known.SetProperty(u => u.LastSignedInAt, now), cancellationToken) == 1;
        if (!unchanged)
        {
            return null;
        }

        db.AddRange(signIn, row);
        await db.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return new(token, signIn.Id, user, row.Id, row.CreatedAt);
    }

    /// <param name="address">Where the request comes from.</param>
    public async Task<RotationOutcome> RotateAsync(string token, string? address, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var hash = HashOf(token);
        await using var db = databases.OpenForSystem();
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);

        // One statement decides who rotates; everybody else reads what it left.
        var first = await db.Set<RefreshToken>()
            .Where(row => row.Hash == hash && row.UsedAt == null && row.ExpiresAt > now)
            .ExecuteUpdateAsync(row => row.SetProperty(r => r.UsedAt, now), cancellationToken) == 1;
        if (first)
        {
            // Takes the sign-in's lock (see SignIns): the person is read after it, as whoever held it before has left them.
            await db.Set<SignIn>()
                .Where(row => db.Set<RefreshToken>().Any(t => t.Hash == hash && t.SignInId == row.Id))
                .ExecuteUpdateAsync(row => row.SetProperty(r => r.LastUsedAt, now).SetProperty(r => r.Address, address), cancellationToken);
        }

        var found = await db.Set<RefreshToken>().AsNoTracking()
            .Include(row => row.SignIn.User.Organisation)
            .SingleOrDefaultAsync(row => row.Hash == hash, cancellationToken);
        if (found is null || found.ExpiresAt <= now || found.SignIn.EndedAt is not null || found.SignIn.User.DeactivatedAt is not null)
        {
            return new(Grant: null);
        }

        var user = found.SignIn.User;
        var successor = Base64UrlEncoder.Encode(HMACSHA256.HashData(found.SuccessorSeed, Encoding.ASCII.GetBytes(token)));
        if (first)
        {
            var row = Row(successor, found.SignInId, now);
            db.Add(row);
            await db.SaveChangesAsync(cancellationToken);
            await transaction.CommitAsync(cancellationToken);
            return new(new RefreshGrant(successor, found.SignInId, user, row.Id, row.CreatedAt));
        }

        if (now - found.UsedAt > Grace)
        {
            await transaction.RollbackAsync(cancellationToken);
            await signIns.EndAsync(found.SignInId, SignInEnd.Reused, cancellationToken);
            return new(Grant: null, Reused: user);
        }

        var successorHash = HashOf(successor);
        var given = await db.Set<RefreshToken>().AsNoTracking().SingleAsync(row => row.Hash == successorHash, cancellationToken);
        return new(new RefreshGrant(successor, found.SignInId, user, given.Id, given.CreatedAt));
    }

    /// <returns>The sign-in that the token belongs to; null for a token that we never gave.</returns>
    public async Task<SignIn?> SignInOfAsync(string token, CancellationToken cancellationToken)
    {
        var hash = HashOf(token);
        await using var db = databases.OpenForSystem();
        var found = await db.Set<RefreshToken>().AsNoTracking().Include(row => row.SignIn.User).SingleOrDefaultAsync(row => row.Hash == hash, cancellationToken);
        return found?.SignIn;
    }

    private static byte[] HashOf(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));

    private static RefreshToken Row(string token, Guid signIn, DateTimeOffset now) => new()
    {
        Id = Guid.CreateVersion7(),
        SignInId = signIn,
        Hash = HashOf(token),
        SuccessorSeed = RandomNumberGenerator.GetBytes(32),
        CreatedAt = now,
        ExpiresAt = now + Life,
    };
}

internal sealed class RefreshTokenConfiguration : IEntityTypeConfiguration<RefreshToken>
{
    public void Configure(EntityTypeBuilder<RefreshToken> builder)
    {
        builder.ToTable("refresh_tokens");
        builder.HasIndex(token => token.Hash).IsUnique();
        builder.HasIndex(token => token.SignInId);
        builder.HasIndex(token => token.ExpiresAt);
        builder.HasOne(token => token.SignIn).WithMany().HasForeignKey(token => token.SignInId).OnDelete(DeleteBehavior.Cascade);
    }
}
