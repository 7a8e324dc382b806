using System.Collections.Concurrent;
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

    // Tabs of one browser come at the same moment: the first asks the database, the others on this node share its answer. As
    // many entries as rotations that are under way.
    private readonly ConcurrentDictionary<string, Lazy<Task<RotationOutcome>>> _underWay = new();

    /// <summary>Begins a sign-in.</summary>
    /// <param name="user">As read when the password was checked.</param>
    /// <returns>Null when the account was deactivated or got another password or role since: that change has ended what there was, and this sign-in must not slip through after it.</returns>
    public async Task<RefreshGrant?> BeginAsync(User user, string? address, string? userAgent, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var token = OpaqueSecret.New();
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
            .Where(known => known.Id == user.Id && known.PasswordHash == user.PasswordHash && known.Role == user.Role && known.DeactivatedAt == null)
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
        // Nobody's cancellation but the server's end may take the answer from those who share it.
        var rotation = new Lazy<Task<RotationOutcome>>(() => RotateOnceAsync(token, address));
        var key = Convert.ToHexString(OpaqueSecret.HashOf(token));
        var shared = _underWay.GetOrAdd(key, rotation);
        try
        {
            return await shared.Value.WaitAsync(cancellationToken);
        }
        finally
        {
            if (ReferenceEquals(shared, rotation))
            {
                _underWay.TryRemove(KeyValuePair.Create(key, rotation));
            }
        }
    }

    /// <returns>The sign-in that the token belongs to; null for a token that we never gave.</returns>
    public async Task<SignIn?> SignInOfAsync(string token, CancellationToken cancellationToken)
    {
        var hash = OpaqueSecret.HashOf(token);
        await using var db = databases.OpenForSystem();
        var found = await db.Set<RefreshToken>().AsNoTracking().Include(row => row.SignIn.User).SingleOrDefaultAsync(row => row.Hash == hash, cancellationToken);
        return found?.SignIn;
    }

    private async Task<RotationOutcome> RotateOnceAsync(string token, string? address)
    {
        var hash = OpaqueSecret.HashOf(token);
        var now = time.GetUtcNow();
        await using var db = databases.OpenForSystem();
        var found = await FindAsync(db, hash);
        if (found is { UsedAt: null } && IsGood(found, now))
        {
            if (await TryRotateAsync(db, found, token, now, address) is { } grant)
            {
                return new(grant);
            }

            // Another node was first, or the sign-in has ended: what is left is the same as for a token that was used before.
            found = await FindAsync(db, hash);
        }

        if (found is not { UsedAt: { } usedAt } || !IsGood(found, now))
        {
            return new(Grant: null);
        }

        if (now - usedAt > Grace)
        {
            await signIns.EndAsync(found.SignInId, SignInEnd.Reused, CancellationToken.None);
            return new(Grant: null, Reused: found.SignIn.User);
        }

        var successor = SuccessorOf(found, token);
        var given = OpaqueSecret.HashOf(successor);
        var row = await db.Set<RefreshToken>().AsNoTracking().SingleAsync(known => known.Hash == given);
        return new(new RefreshGrant(successor, found.SignInId, found.SignIn.User, row.Id, row.CreatedAt));
    }

    /// <returns>Null when somebody else was first or the sign-in has ended meanwhile.</returns>
    private static async Task<RefreshGrant?> TryRotateAsync(KralikiDb db, RefreshToken token, string secret, DateTimeOffset now, string? address)
    {
        await using var transaction = await db.Database.BeginTransactionAsync();

        // One statement decides who rotates; everybody else reads what it left.
        if (await db.Set<RefreshToken>().Where(row => row.Id == token.Id && row.UsedAt == null)
            .ExecuteUpdateAsync(row => row.SetProperty(r => r.UsedAt, now)) == 0)
        {
            return null;
        }

        // Takes the sign-in's lock (see SignIns), so the person is read after it: as whoever held it before has left them.
        if (await db.Set<SignIn>().Where(row => row.Id == token.SignInId && row.EndedAt == null)
            .ExecuteUpdateAsync(row => row.SetProperty(r => r.LastUsedAt, now).SetProperty(r => r.Address, address)) == 0)
        {
            return null;
        }

        var user = await db.Set<User>().AsNoTracking().Include(row => row.Organisation).SingleAsync(row => row.Id == token.SignIn.UserId);
        if (user.DeactivatedAt is not null)
        {
            return null;
        }

        var successor = SuccessorOf(token, secret);
        var next = Row(successor, token.SignInId, now);
        db.Add(next);
        await db.SaveChangesAsync();
        await transaction.CommitAsync();
        return new(successor, token.SignInId, user, next.Id, next.CreatedAt);
    }

    private static Task<RefreshToken?> FindAsync(KralikiDb db, byte[] hash) =>
        db.Set<RefreshToken>().AsNoTracking().Include(row => row.SignIn.User.Organisation).SingleOrDefaultAsync(row => row.Hash == hash);

    private static bool IsGood(RefreshToken token, DateTimeOffset now) =>
        token.ExpiresAt > now && token.SignIn.EndedAt is null && token.SignIn.User.DeactivatedAt is null;

    private static string SuccessorOf(RefreshToken row, string token) =>
        Base64UrlEncoder.Encode(HMACSHA256.HashData(row.SuccessorSeed, Encoding.ASCII.GetBytes(token)));

    private static RefreshToken Row(string token, Guid signIn, DateTimeOffset now) => new()
    {
        Id = Guid.CreateVersion7(),
        SignInId = signIn,
        Hash = OpaqueSecret.HashOf(token),
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
