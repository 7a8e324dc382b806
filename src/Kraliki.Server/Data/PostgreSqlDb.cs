using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Data;

/// <summary>The same model on PostgreSQL. A type of its own, because EF tells the migrations of one provider from the other's by the context's type.</summary>
internal sealed class PostgreSqlDb(DbContextOptions<KralikiDb> options, Guid? organisation) : KralikiDb(options, organisation)
{
    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder)
    {
        base.ConfigureConventions(configurationBuilder);

        // Texts sort by code point, as in SQLite, whatever locale the database was made with: pages of both are alike, and
        // an upgrade of the system's locale data breaks no index.
        configurationBuilder.Properties<string>().UseCollation("C");
    }
}
