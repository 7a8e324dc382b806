using Kraliki.Server.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Kraliki.Server.Hosting;

/// <summary>A creating request under its key: claimed by who carries it out, then answered.</summary>
public sealed class IdempotencyKey : IOwned
{
    public required Guid OrganisationId { get; init; }

    public required Guid UserId { get; init; }

    /// <summary>Method and route pattern: <c>POST /api/v1/sessions</c>.</summary>
    public required string Route { get; init; }

    /// <summary>As the client sent it.</summary>
    public required string Key { get; init; }

    /// <summary>SHA-256 of method, path, query and body.</summary>
    public required byte[] RequestHash { get; init; }

    /// <summary>The id of what the request creates. It outlives the one who carries the request out: whoever comes after creates the same.</summary>
    public required Guid ResourceId { get; init; }

    /// <summary>Who carries it out.</summary>
    public required Guid ClaimId { get; init; }

    /// <summary>After that the one who claimed it is taken for dead.</summary>
    public required DateTimeOffset ClaimedUntil { get; init; }

    /// <summary>The key is forgotten then.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>HTTP status of the answer; null while there is none.</summary>
    public int? Status { get; init; }

    public string? ContentType { get; init; }

    public string? Location { get; init; }

    public string? ETag { get; init; }

    public byte[]? Body { get; init; }

    private sealed class Mapping : IEntityTypeConfiguration<IdempotencyKey>
    {
        public void Configure(EntityTypeBuilder<IdempotencyKey> builder)
        {
            builder.ToTable("idempotency_keys");
            builder.HasKey(row => new { row.OrganisationId, row.UserId, row.Route, row.Key });
            builder.HasIndex(row => row.ExpiresAt);
            builder.Property(row => row.Route).HasMaxLength(200);
            builder.Property(row => row.Key).HasMaxLength(IdempotentRequests.LongestKey);
            builder.Property(row => row.RequestHash).HasMaxLength(32);
            builder.Property(row => row.ContentType).HasMaxLength(200);
            builder.Property(row => row.Location).HasMaxLength(400);
            builder.Property(row => row.ETag).HasMaxLength(100);
        }
    }
}

/// <summary>Whose key it is, and on which route.</summary>
internal sealed record KeyScope(Guid OrganisationId, Guid UserId, string Route, string Key);

/// <summary>The answer that a repeated request gets, byte for byte. Without a body: carried out again, for the same resource.</summary>
internal sealed record StoredAnswer(int Status, string? ContentType = null, string? Location = null, string? ETag = null, byte[]? Body = null);

internal enum ClaimResult
{
    /// <summary>Carry it out, then <see cref="IdempotencyKeys.StoreAsync"/>, <see cref="IdempotencyKeys.ReleaseAsync"/> or <see cref="IdempotencyKeys.ForgetAsync"/>.</summary>
    Mine,

    /// <summary>Somebody else carries it out at this moment.</summary>
    InProgress,

    Answered,

    /// <summary>The key was used for another request.</summary>
    OtherRequest,
}

/// <summary>The table of idempotency keys. Safe from any thread and any node: a unique key decides who carries a request out.</summary>
internal sealed class IdempotencyKeys(KralikiDbFactory databases, TimeProvider time)
{
    /// <summary>How long a claim holds without an answer; a request under a key is cancelled before.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(60);

    public static readonly TimeSpan Life = TimeSpan.FromHours(24);

    private static readonly TimeSpan LongestRequest = Lease - TimeSpan.FromSeconds(10);

    // Each round something has changed meanwhile: a claim came, lapsed or was taken. Who loses that often waits like others.
    private const int Rounds = 4;

    public async Task<(ClaimResult Result, IdempotencyKey Key)> ClaimAsync(KeyScope scope, byte[] requestHash, CancellationToken cancellationToken)
    {
        for (var round = 1; ; round++)
        {
            var now = time.GetUtcNow();
            var fresh = new IdempotencyKey
            {
                OrganisationId = scope.OrganisationId,
                UserId = scope.UserId,
                Route = scope.Route,
                Key = scope.Key,
                RequestHash = requestHash,
                ResourceId = Guid.CreateVersion7(now),
                ClaimId = Guid.NewGuid(),
                ClaimedUntil = now + Lease,
                ExpiresAt = now + Life,
            };
            var (mine, known) = await FindOrAddAsync(fresh, scope, cancellationToken);
            if (mine)
            {
                return (ClaimResult.Mine, fresh);
            }

            if (known.ExpiresAt <= now)
            {
                await ForgetAsync(known);
            }
            else if (!known.RequestHash.AsSpan().SequenceEqual(requestHash))
            {
                return (ClaimResult.OtherRequest, known);
            }
            else if (known.Status is not null)
            {
                return (ClaimResult.Answered, known);
            }
            else if (known.ClaimedUntil <= now && await TakeOverAsync(known, fresh, cancellationToken) is { } taken)
            {
                return (ClaimResult.Mine, taken);
            }
            else if (known.ClaimedUntil > now || round == Rounds)
            {
                return (ClaimResult.InProgress, known);
            }
        }
    }

    /// <summary>Ends before the claim does, so that two never carry out the same request.</summary>
    public CancellationTokenSource NewDeadline() => new(LongestRequest, time);

    /// <summary>Answered: from now on repeated requests get this.</summary>
    public async Task StoreAsync(IdempotencyKey claim, StoredAnswer answer)
    {
        await using var db = databases.OpenForSystem();
        await Claimed(db, claim).ExecuteUpdateAsync(
            row => row.SetProperty(r => r.Status, answer.Status)
                .SetProperty(r => r.ContentType, answer.ContentType)
                .SetProperty(r => r.Location, answer.Location)
                .SetProperty(r => r.ETag, answer.ETag)
                .SetProperty(r => r.Body, answer.Body),
            CancellationToken.None);
    }

    /// <summary>Failed, and something may have happened: the next who comes tries again at once, for the same resource.</summary>
    public async Task ReleaseAsync(IdempotencyKey claim)
    {
        var now = time.GetUtcNow();
        await using var db = databases.OpenForSystem();
        await Claimed(db, claim).ExecuteUpdateAsync(row => row.SetProperty(r => r.ClaimedUntil, now), CancellationToken.None);
    }

    /// <summary>Refused before anything happened: the key is free for a better request.</summary>
    public async Task ForgetAsync(IdempotencyKey claim)
    {
        await using var db = databases.OpenForSystem();
        await Claimed(db, claim).ExecuteDeleteAsync(CancellationToken.None);
    }

    /// <returns>How many keys were forgotten.</returns>
    public async Task<int> PurgeAsync(CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        await using var db = databases.OpenForSystem();
        return await db.Set<IdempotencyKey>().Where(row => row.ExpiresAt <= now).ExecuteDeleteAsync(cancellationToken);
    }

    private async Task<(bool Added, IdempotencyKey Row)> FindOrAddAsync(IdempotencyKey fresh, KeyScope scope, CancellationToken cancellationToken)
    {
        if (await FindAsync(scope, cancellationToken) is { } known)
        {
            return (false, known);
        }

        try
        {
            await using var db = databases.OpenForSystem();
            db.Add(fresh);
            await db.SaveChangesAsync(cancellationToken);
            return (true, fresh);
        }
        catch (DbUpdateException) when (!cancellationToken.IsCancellationRequested)
        {
            // Another request was faster, or else the database has a problem of its own.
            if (await FindAsync(scope, cancellationToken) is { } faster)
            {
                return (false, faster);
            }

            throw;
        }
    }

    private async Task<IdempotencyKey?> FindAsync(KeyScope scope, CancellationToken cancellationToken)
    {
        await using var db = databases.OpenForSystem();
        return await db.Set<IdempotencyKey>().AsNoTracking().SingleOrDefaultAsync(
            row => row.OrganisationId == scope.OrganisationId && row.UserId == scope.UserId && row.Route == scope.Route && row.Key == scope.Key,
            cancellationToken);
    }

    /// <returns>The claim with the resource of the one before; null when somebody else was faster.</returns>
    private async Task<IdempotencyKey?> TakeOverAsync(IdempotencyKey lapsed, IdempotencyKey fresh, CancellationToken cancellationToken)
    {
        await using var db = databases.OpenForSystem();
        var taken = await Claimed(db, lapsed).Where(row => row.Status == null).ExecuteUpdateAsync(
            row => row.SetProperty(r => r.ClaimId, fresh.ClaimId).SetProperty(r => r.ClaimedUntil, fresh.ClaimedUntil), cancellationToken);
        return taken == 1
            ? new IdempotencyKey
            {
                OrganisationId = lapsed.OrganisationId,
                UserId = lapsed.UserId,
                Route = lapsed.Route,
                Key = lapsed.Key,
                RequestHash = lapsed.RequestHash,
                ResourceId = lapsed.ResourceId,
                ClaimId = fresh.ClaimId,
                ClaimedUntil = fresh.ClaimedUntil,
                ExpiresAt = lapsed.ExpiresAt,
            }
            : null;
    }

    private static IQueryable<IdempotencyKey> Claimed(KralikiDb db, IdempotencyKey claim) =>
        db.Set<IdempotencyKey>().Where(row =>
            row.OrganisationId == claim.OrganisationId && row.UserId == claim.UserId && row.Route == claim.Route && row.Key == claim.Key
            && row.ClaimId == claim.ClaimId);
}

/// <summary>Forgets what is older than a day.</summary>
internal sealed partial class IdempotencyPurge(IdempotencyKeys keys, TimeProvider time, ILogger<IdempotencyPurge> log) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromHours(1), time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await keys.PurgeAsync(stoppingToken);
            }
            catch (Exception e) when (DatabaseTrouble.Is(e))
            {
                LogPurgeFailed(e);
            }
        }
    }
}
