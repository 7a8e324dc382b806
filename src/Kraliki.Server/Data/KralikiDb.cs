using System.Linq.Expressions;
using System.Text.Json;
using Kraliki.Server.Hosting;
using Kraliki.Server.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace Kraliki.Server.Data;

/// <summary>A row that belongs to one organisation and is invisible to all others.</summary>
public interface IOwned
{
    Guid OrganisationId { get; }
}

/// <summary>
/// The one database context. Features describe their entities by an <see cref="IEntityTypeConfiguration{TEntity}"/> in
/// their own folder and reach them by <see cref="DbContext.Set{TEntity}()"/>.
/// </summary>
/// <remarks>
/// In a request (injected) it sees only rows of the signed-in user's organisation; nobody signed in, no rows. Rows without
/// an organisation of their own (keys, tokens, the journal's events) it does not see at all. Saving another organisation's
/// row throws. Code that works for all organisations (sign-in, journal, jobs) says so by <see cref="KralikiDbFactory"/>.
/// On PostgreSQL it is a <see cref="PostgreSqlDb"/>: nobody needs to know but migrations.
/// </remarks>
public class KralikiDb(DbContextOptions<KralikiDb> options, Guid? organisation) : DbContext(options)
{
    // Null sees everything. A field, because EF turns a member of the context into a query parameter.
    private readonly Guid? _organisation = organisation;

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.ApplyConfigurationsFromAssembly(typeof(KralikiDb).Assembly);
        foreach (var entity in modelBuilder.Model.GetEntityTypes())
        {
            // One spelling in SQL, JSON and logs.
            foreach (var property in entity.GetProperties())
            {
                property.SetColumnName(JsonNamingPolicy.SnakeCaseLower.ConvertName(property.GetColumnName()));
            }

            entity.SetQueryFilter(Visible(entity));
        }
    }

    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder)
    {
        // SQLite keeps times as text and cannot order by them; ticks of UTC sort and compare.
        configurationBuilder.Properties<DateTimeOffset>().HaveConversion<UtcTicks>();
    }

    public override int SaveChanges(bool acceptAllChangesOnSuccess)
    {
        RefuseForeignRows();
        return base.SaveChanges(acceptAllChangesOnSuccess);
    }

    public override Task<int> SaveChangesAsync(bool acceptAllChangesOnSuccess, CancellationToken cancellationToken = default)
    {
        RefuseForeignRows();
        return base.SaveChangesAsync(acceptAllChangesOnSuccess, cancellationToken);
    }

    /// <summary>The property that says whose row it is; null for rows of the installation.</summary>
    internal static IReadOnlyProperty? OwnerOf(IReadOnlyEntityType entity) =>
        entity.FindProperty(entity.ClrType == typeof(Organisation) ? nameof(Organisation.Id) : nameof(IOwned.OrganisationId));

    /// <summary>
    /// row => _organisation == null || (_organisation != Guid.Empty &amp;&amp; row.OrganisationId == _organisation); without an
    /// owner the first part alone. Guid.Empty is who is not signed in: no row is theirs, not even one that says so.
    /// </summary>
    private LambdaExpression Visible(IReadOnlyEntityType entity)
    {
        var row = Expression.Parameter(entity.ClrType, "row");
        var mine = Expression.Field(Expression.Constant(this, typeof(KralikiDb)), nameof(_organisation));
        var everything = Expression.Equal(mine, Expression.Constant(null, typeof(Guid?)));
        var somebody = Expression.NotEqual(mine, Expression.Constant(Guid.Empty, typeof(Guid?)));
        return Expression.Lambda(
            OwnerOf(entity) is { } owner
                ? Expression.OrElse(
                    everything,
                    Expression.AndAlso(somebody, Expression.Equal(Expression.Convert(Expression.Property(row, owner.Name), typeof(Guid?)), mine)))
                : everything,
            row);
    }

    // The filter guards reading; this guards writing, where a row can be made up or attached without having been read.
    private void RefuseForeignRows()
    {
        if (_organisation is null)
        {
            return;
        }

        var foreign = ChangeTracker.Entries().FirstOrDefault(entry => entry.State is not (EntityState.Unchanged or EntityState.Detached) && !MayWrite(entry));
        if (foreign is not null)
        {
            throw new InvalidOperationException(
                $"A {foreign.Metadata.ClrType.Name} that is not of the signed-in organisation was about to be {foreign.State}. Work for other organisations goes through {nameof(KralikiDbFactory)}.");
        }
    }

    /// <summary>Never a row of the installation, and never one that comes from or goes to another organisation.</summary>
    private bool MayWrite(EntityEntry entry) =>
        _organisation != Guid.Empty
        && OwnerOf(entry.Metadata) is { } owner
        && entry.Property(owner.Name) is var value
        && _organisation.Equals(value.CurrentValue)
        && (entry.State == EntityState.Added || _organisation.Equals(value.OriginalValue));

    private sealed class UtcTicks() : ValueConverter<DateTimeOffset, long>(
        time => time.UtcTicks,
        ticks => new DateTimeOffset(ticks, TimeSpan.Zero));
}

/// <summary>Contexts that see every organisation: for sign-in, the journal and jobs. Never for what a user asked for by id.</summary>
public sealed class KralikiDbFactory(DbContextOptions<KralikiDb> options, KralikiOptions settings)
{
    public KralikiDb OpenForSystem() => OpenFor(organisation: null);

    /// <param name="organisation">Null sees everything, <see cref="Guid.Empty"/> nothing.</param>
    internal KralikiDb OpenFor(Guid? organisation) =>
        settings.Database.Provider == DatabaseProvider.PostgreSql ? new PostgreSqlDb(options, organisation) : new KralikiDb(options, organisation);
}
