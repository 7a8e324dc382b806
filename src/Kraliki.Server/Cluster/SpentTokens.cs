using System.Globalization;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
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
/// Uses that come together are written together: when a thousand consoles come back at once they cost a few commits, not a
/// thousand. One writes for all that wait; there is no task of its own. The hot tier is asked first: "used" counts there, and
/// "first" does while the database does not answer.
/// </remarks>
internal sealed class SpentTokens(KralikiDbFactory databases, RedisConnection redis, HotTierLimits limits, DatabaseWatch database, TimeProvider time)
{
    // Redis refuses entries that have no life left.
    private static readonly TimeSpan Least = TimeSpan.FromSeconds(1);

    // Two parameters each, far below what a database takes in one statement.
    private const int LargestBatch = 256;

    // Sockets that show their token at this moment. Full: the newest is told to try again, it would wait too long anyway.
    private readonly Channel<Spending> _waiting = Channel.CreateBounded<Spending>(4096);
    private readonly SemaphoreSlim _turn = new(1);

    /// <returns>False when it was used before.</returns>
    /// <exception cref="System.Data.Common.DbException">The database is away: it may or may not count as used.</exception>
    /// <exception cref="TimeoutException">Too many wait for the database.</exception>
    public async Task<bool> SpendAsync(Guid id, DateTimeOffset expiresAt, CancellationToken cancellationToken)
    {
        var away = database.Fault is not null;
        var life = expiresAt - time.GetUtcNow();
        var (known, first) = await redis.AskAsync(
            shared => shared.StringSetAsync(redis.Key($"spent:{id:N}"), 1, life > Least ? life : Least, When.NotExists), away ? limits.LastResortPatience : limits.RequestPatience);
        if (known && (!first || away))
        {
            return first;
        }

        try
        {
            return await RecordAsync(id, expiresAt, cancellationToken);
        }
        catch (Exception e) when (known && DatabaseFault.KindOf(e) is not null)
        {
            database.Suspect();
            return first;
        }
    }

    private async Task<bool> RecordAsync(Guid id, DateTimeOffset expiresAt, CancellationToken cancellationToken)
    {
        var mine = new Spending(id, expiresAt, new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously));
        if (!_waiting.Writer.TryWrite(mine))
        {
            throw new TimeoutException("More one-time tokens are shown than the database can take.");
        }

        await _turn.WaitAsync(cancellationToken);
        try
        {
            // Whoever had the turn before may have taken this one along.
            while (!mine.First.Task.IsCompleted)
            {
                await WriteWaitingAsync();
            }
        }
        finally
        {
            _turn.Release();
        }

        return await mine.First.Task;
    }

    private async Task WriteWaitingAsync()
    {
        var batch = new List<Spending>();
        while (batch.Count < LargestBatch && _waiting.Reader.TryRead(out var spending))
        {
            batch.Add(spending);
        }

        try
        {
            // Of one token that is shown twice in the batch only one is first.
            var firsts = await WriteAsync(batch.DistinctBy(spending => spending.Id));
            batch.ForEach(spending => spending.First.SetResult(firsts.Remove(spending.Id)));
        }
        catch (Exception e) when (DatabaseTrouble.Is(e))
        {
            batch.ForEach(spending => spending.First.SetException(e));
        }
    }

    /// <returns>Those that were not there before.</returns>
    private async Task<HashSet<Guid>> WriteAsync(IEnumerable<Spending> batch)
    {
        // In one order everywhere, so that two nodes that write the same rows wait for each other instead of for ever.
        var values = batch.OrderBy(spending => spending.Id).SelectMany(spending => new object[] { spending.Id, spending.ExpiresAt.UtcTicks }).ToArray();
        var rows = string.Join(", ", Enumerable.Range(0, values.Length / 2).Select(i => string.Create(CultureInfo.InvariantCulture, $"({{{2 * i}}}, {{{(2 * i) + 1}}})")));
        await using var db = databases.OpenForSystem();
        return await db.Database
            .SqlQuery<Guid>(FormattableStringFactory.Create("INSERT INTO spent_tokens (id, expires_at) VALUES " + rows + " ON CONFLICT (id) DO NOTHING RETURNING id", values))
            .ToHashSetAsync(CancellationToken.None);
    }

    private sealed record Spending(Guid Id, DateTimeOffset ExpiresAt, TaskCompletionSource<bool> First);
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
