using System.Data.Common;
using System.Text.Json;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Npgsql;

namespace Kraliki.Server.Providers;

/// <summary>One change of a breaker's state, for people who want to know later.</summary>
internal sealed class BreakerChangeRow
{
    /// <summary>In the order of writing, counted by the database.</summary>
    public long Id { get; init; }

    public required DateTimeOffset At { get; init; }

    public required string Provider { get; init; }

    public required string Model { get; init; }

    public required BreakerState From { get; init; }

    public required BreakerState To { get; init; }

    public required string Cause { get; init; }

    public required string By { get; init; }

    public BreakerChange ToView() => new(At, Provider, Model.Length == 0 ? null : Model, From, To, Cause, By);
}

/// <summary>The installation's record of its providers, shared by all nodes. Safe from any thread.</summary>
internal sealed class BreakerTables(KralikiDbFactory databases)
{
    public const int LongestText = 500;

    // Nobody looks further back, and nothing else removes them.
    private static readonly TimeSpan Memory = TimeSpan.FromDays(90);

    public async Task<IReadOnlyList<Breaker>> ReadAllAsync(CancellationToken cancellationToken)
    {
        await using var db = databases.OpenForSystem();
        return await db.Set<Breaker>().AsNoTracking().ToListAsync(cancellationToken);
    }

    /// <returns>Null when nothing was ever learned of it.</returns>
    public async Task<Breaker?> ReadAsync(string provider, string model, CancellationToken cancellationToken)
    {
        await using var db = databases.OpenForSystem();
        return await db.Set<Breaker>().AsNoTracking().SingleOrDefaultAsync(row => row.Provider == provider && row.Model == model, cancellationToken);
    }

    /// <summary>Newest first.</summary>
    public async Task<IReadOnlyList<BreakerChange>> ChangesAsync(int count, CancellationToken cancellationToken)
    {
        await using var db = databases.OpenForSystem();
        return [.. (await db.Set<BreakerChangeRow>().AsNoTracking().OrderByDescending(row => row.At).ThenByDescending(row => row.Id).Take(count).ToListAsync(cancellationToken)).Select(row => row.ToView())];
    }

    /// <summary>One update, conditioned on the version that the writer read: of two nodes the second changes nothing.</summary>
    /// <param name="after">With the version after <paramref name="before"/>'s; 1 when there was none.</param>
    /// <returns>False when another node was faster.</returns>
    public async Task<bool> TryWriteAsync(Breaker? before, Breaker after, IReadOnlyList<BreakerChange> changes, CancellationToken cancellationToken)
    {
        await using var db = databases.OpenForSystem();
        if (before is null)
        {
            db.Add(after);
        }
        else
        {
            db.Update(after).Property(row => row.Version).OriginalValue = before.Version;
        }

        db.AddRange(changes.Select(change => new BreakerChangeRow
        {
            At = change.At,
            Provider = after.Provider,
            Model = after.Model,
            From = change.From,
            To = change.To,
            Cause = Cut(change.Cause),
            By = change.By,
        }));
        try
        {
            await db.SaveChangesAsync(cancellationToken);
        }
        catch (DbUpdateConcurrencyException)
        {
            return false;
        }
        catch (DbUpdateException e) when (IsDuplicate(e.InnerException))
        {
            return false;
        }

        if (changes.Count > 0)
        {
            var old = changes[0].At - Memory;
            await db.Set<BreakerChangeRow>().Where(row => row.At < old).ExecuteDeleteAsync(cancellationToken);
        }

        return true;
    }

    /// <summary>As the table takes it.</summary>
    /// <remarks>Vendors' words: PostgreSQL takes neither U+0000 nor half of a surrogate pair.</remarks>
    public static string Cut(string text)
    {
        var clean = text.Replace('\0', ' ');
        var length = Math.Min(clean.Length, LongestText);
        return clean[..(length < clean.Length && char.IsHighSurrogate(clean[length - 1]) ? length - 1 : length)];
    }

    // sqlite.org/rescode.html: SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE.
    private static bool IsDuplicate(Exception? e) =>
        e is SqliteException { SqliteExtendedErrorCode: 1555 or 2067 } or DbException { SqlState: PostgresErrorCodes.UniqueViolation };

    private sealed class BreakerTable : IEntityTypeConfiguration<Breaker>
    {
        public void Configure(EntityTypeBuilder<Breaker> builder)
        {
            builder.ToTable("provider_breakers");
            builder.HasKey(row => new { row.Provider, row.Model });
            builder.Property(row => row.Provider).HasMaxLength(60);
            builder.Property(row => row.Model).HasMaxLength(200);
            builder.Property(row => row.State).HasConversion<string>().HasMaxLength(20);
            builder.Property(row => row.Recent).HasMaxLength(1000);
            builder.Property(row => row.LastError).HasMaxLength(LongestText);
            builder.Property(row => row.Version).IsConcurrencyToken();
            builder.Property(row => row.LastProbe).HasConversion(
                probe => probe == null ? null : JsonSerializer.Serialize(probe, ContractsJson.Default.ProbeView),
                json => json == null ? null : JsonSerializer.Deserialize(json, ContractsJson.Default.ProbeView));
        }
    }

    private sealed class BreakerChangeTable : IEntityTypeConfiguration<BreakerChangeRow>
    {
        public void Configure(EntityTypeBuilder<BreakerChangeRow> builder)
        {
            builder.ToTable("provider_breaker_changes");
            builder.HasKey(row => row.Id);
            builder.Property(row => row.Provider).HasMaxLength(60);
            builder.Property(row => row.Model).HasMaxLength(200);
            builder.Property(row => row.From).HasConversion<string>().HasMaxLength(20);
            builder.Property(row => row.To).HasConversion<string>().HasMaxLength(20);
            builder.Property(row => row.Cause).HasMaxLength(LongestText);
            builder.Property(row => row.By).HasMaxLength(254);
            builder.HasIndex(row => row.At);
        }
    }
}
