using System.Globalization;
using System.Runtime.CompilerServices;
using Kraliki.Server.Data;
using Kraliki.Server.HotTier;
using Kraliki.Server.Sessions.Journal;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using StackExchange.Redis;

namespace Kraliki.Server.Cluster;

/// <summary>A one-time token that was used.</summary>
public sealed class SpentToken
{
    /// <summary>The token's own; says nothing about it and makes none.</summary>
    public required Guid Id { get; init; }

    /// <summary>From then on the token is refused for its age, and this row is no longer needed.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }
}

/// <summary>Which one-time tokens were used, in the database that all nodes share: the row's key decides who was first. Safe from any thread.</summary>
/// <remarks>
/// <list type="number">
/// <item>This node's memory: what was used here is refused here until it expires, whatever database and hot tier have lost.</item>
/// <item>The hot tier: "used" counts there. "First" does while the database does not answer; then the row is owed.</item>
/// <item>The database. Uses that come together are written together: when a thousand consoles come back at once they cost a few
/// commits. One task writes, so that a frozen database holds up nobody else; who shows a token waits for <see cref="Patience"/> at most.</item>
/// </list>
/// </remarks>
internal sealed partial class SpentTokens(
    KralikiDbFactory databases, RedisConnection redis, HotTierLimits limits, DatabaseWatch database, TimeProvider time, ILogger<SpentTokens> log) : BackgroundService
{
    /// <summary>How long the database is waited for when nobody else can tell: a caller hears nothing meanwhile.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    // Longer than anybody waits.
    private static readonly TimeSpan LongestWrite = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(500);

    // Redis refuses entries that have no life left.
    private static readonly TimeSpan Least = TimeSpan.FromSeconds(1);

    // Two parameters each, far below what a database takes in one statement.
    private const int LargestBatch = 256;

    // Tokens that are shown at this moment and rows that are owed: more than a node is shown in the minute that a token lives.
    // Full: what has expired goes, then the newest is told to try again.
    private const int MostWaiting = 10_000;

    // Used here and not expired. Full: forgotten, and then only hot tier and database know.
    private const int MostRemembered = 20_000;

    private readonly Doorbell _doorbell = new(time);
    private readonly Lock _gate = new();
    private readonly Dictionary<Guid, DateTimeOffset> _used = [];
    private readonly List<Spending> _waiting = [];

    /// <returns>False when it was used before.</returns>
    /// <exception cref="System.Data.Common.DbException">The database failed: it may or may not count as used.</exception>
    /// <exception cref="TimeoutException">The database does not answer in time, or too many wait for it: to be tried again.</exception>
    public async Task<bool> SpendAsync(Guid id, DateTimeOffset expiresAt, CancellationToken cancellationToken)
    {
        if (IsRemembered(id))
        {
            return false;
        }

        var away = database.Fault is not null;
        var life = expiresAt - time.GetUtcNow();
        var (known, first) = await redis.AskAsync(
            shared => shared.StringSetAsync(Key(id), 1, life > Least ? life : Least, When.NotExists), away ? limits.LastResortPatience : limits.RequestPatience);
        if (known && !first)
        {
            return false;
        }

        var mine = new Spending(id, expiresAt, Counts: known, new(TaskCreationOptions.RunContinuationsAsynchronously));
        if (!TryQueue(mine))
        {
            if (known)
            {
                // Else the next try would find it used, by this one, which was refused.
                await redis.AskAsync(shared => shared.KeyDeleteAsync(Key(id)), limits.LastResortPatience);
            }

            throw new TimeoutException("More one-time tokens are shown than the database can take.");
        }

        try
        {
            return ((known && away) || await mine.First.Task.WaitAsync(known ? limits.DatabasePatience : Patience, time, cancellationToken)) && Remember(mine);
        }
        catch (TimeoutException)
        {
            database.Suspect();
            if (known)
            {
                return Remember(mine);
            }

            // No longer waited for, so not written either, unless it is being written at this moment.
            mine.First.TrySetCanceled(CancellationToken.None);
            throw;
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var failed = false;
        try
        {
            while (true)
            {
                await _doorbell.WaitAsync(failed ? RetryAfter : Timeout.InfiniteTimeSpan, stoppingToken);
                await database.WorthATryAsync(stoppingToken);
                failed = false;
                while (!failed && Take() is { Count: > 0 } batch)
                {
                    failed = !await TryWriteAsync(batch);
                }
            }
        }
        finally
        {
            if (Take(int.MaxValue).Count is > 0 and var lost)
            {
                LogLost(lost);
            }
        }
    }

    private RedisKey Key(Guid id) => redis.Key($"spent:{id:N}");

    private bool IsRemembered(Guid id)
    {
        lock (_gate)
        {
            return _used.ContainsKey(id);
        }
    }

    /// <returns>False when somebody on this node was faster.</returns>
    private bool Remember(Spending spending)
    {
        lock (_gate)
        {
            if (_used.Count >= MostRemembered)
            {
                var now = time.GetUtcNow();
                foreach (var (id, _) in _used.Where(entry => entry.Value <= now).ToList())
                {
                    _used.Remove(id);
                }

                if (_used.Count > MostRemembered / 2)
                {
                    _used.Clear();
                }
            }

            return _used.TryAdd(spending.Id, spending.ExpiresAt);
        }
    }

    private bool TryQueue(Spending spending)
    {
        lock (_gate)
        {
            if (_waiting.Count >= MostWaiting)
            {
                var now = time.GetUtcNow();
                _waiting.RemoveAll(old => old.ExpiresAt <= now);
            }

            if (_waiting.Count >= MostWaiting)
            {
                return false;
            }

            _waiting.Add(spending);
        }

        _doorbell.Ring();
        return true;
    }

    private List<Spending> Take(int most = LargestBatch)
    {
        lock (_gate)
        {
            _waiting.RemoveAll(spending => spending.First.Task.IsCanceled);
            var taken = _waiting.GetRange(0, Math.Min(most, _waiting.Count));
            _waiting.RemoveRange(0, taken.Count);
            return taken;
        }
    }

    private async Task<bool> TryWriteAsync(List<Spending> batch)
    {
        using var patience = new CancellationTokenSource(LongestWrite, time);
        try
        {
            // Of one token that is shown twice in the batch only one is first.
            var firsts = await WriteAsync(batch.DistinctBy(spending => spending.Id), patience.Token);
            batch.ForEach(spending => spending.First.TrySetResult(firsts.Remove(spending.Id)));
            return true;
        }
        catch (Exception e) when (DatabaseTrouble.Is(e) || patience.IsCancellationRequested)
        {
            database.Suspect();
            var owed = batch.FindAll(spending => spending.Counts);
            lock (_gate)
            {
                _waiting.InsertRange(0, owed);
            }

            owed.ForEach(spending => spending.First.TrySetResult(true));
            batch.ForEach(spending => spending.First.TrySetException(e));
            return false;
        }
    }

    /// <returns>Those that were not there before.</returns>
    private async Task<HashSet<Guid>> WriteAsync(IEnumerable<Spending> batch, CancellationToken cancellationToken)
    {
        // In one order everywhere, so that two nodes that write the same rows wait for each other instead of for ever.
        var values = batch.OrderBy(spending => spending.Id).SelectMany(spending => new object[] { spending.Id, spending.ExpiresAt.UtcTicks }).ToArray();
        var rows = string.Join(", ", Enumerable.Range(0, values.Length / 2).Select(i => string.Create(CultureInfo.InvariantCulture, $"({{{2 * i}}}, {{{(2 * i) + 1}}})")));
        await using var db = databases.OpenForSystem();
        return await db.Database
            .SqlQuery<Guid>(FormattableStringFactory.Create("INSERT INTO spent_tokens (id, expires_at) VALUES " + rows + " ON CONFLICT (id) DO NOTHING RETURNING id", values))
            .ToHashSetAsync(cancellationToken);
    }

    /// <param name="Counts">The hot tier has said that it is the first use: if the database does not contradict, it is.</param>
    private sealed record Spending(Guid Id, DateTimeOffset ExpiresAt, bool Counts, TaskCompletionSource<bool> First);
}

internal sealed class SpentTokenTable : IEntityTypeConfiguration<SpentToken>
{
    public void Configure(EntityTypeBuilder<SpentToken> builder)
    {
        builder.ToTable("spent_tokens");
        builder.Property(token => token.Id).ValueGeneratedNever();
        builder.HasIndex(token => token.ExpiresAt);
    }
}
