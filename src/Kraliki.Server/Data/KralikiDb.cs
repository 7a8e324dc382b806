using System.Linq.Expressions;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
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
/// In a request (injected) it sees only <see cref="IOwned"/> rows of the signed-in user's organisation; nobody signed in,
/// no rows. Code that works for all organisations (sign-in, journal, jobs) says so by <see cref="KralikiDbFactory"/>.
/// </remarks>
public sealed class KralikiDb(DbContextOptions<KralikiDb> options, Guid? organisation) : DbContext(options)
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

            if (entity.ClrType.IsAssignableTo(typeof(IOwned)))
            {
                entity.SetQueryFilter(OwnedBy(entity.ClrType));
            }
        }
    }

    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder)
    {
        // SQLite keeps times as text and cannot order by them; ticks of UTC sort and compare.
        configurationBuilder.Properties<DateTimeOffset>().HaveConversion<UtcTicks>();
    }

    /// <summary>row => _organisation == null || row.OrganisationId == _organisation</summary>
    private LambdaExpression OwnedBy(Type entity)
    {
        var row = Expression.Parameter(entity, "row");
        var mine = Expression.Field(Expression.Constant(this), nameof(_organisation));
        return Expression.Lambda(
            Expression.OrElse(
                Expression.Equal(mine, Expression.Constant(null, typeof(Guid?))),
                Expression.Equal(Expression.Convert(Expression.Property(row, nameof(IOwned.OrganisationId)), typeof(Guid?)), mine)),
            row);
    }

    private sealed class UtcTicks() : ValueConverter<DateTimeOffset, long>(
        time => time.UtcTicks,
        ticks => new DateTimeOffset(ticks, TimeSpan.Zero));
}

/// <summary>Contexts that see every organisation: for sign-in, the journal and jobs. Never for what a user asked for by id.</summary>
public sealed class KralikiDbFactory(DbContextOptions<KralikiDb> options)
{
    public KralikiDb OpenForSystem() => new(options, organisation: null);
}
