using Kraliki.Server.Hosting;
using Kraliki.Server.Identity;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Kraliki.Server.Data;

public static class DataSetup
{
    public static void AddData(this WebApplicationBuilder builder, KralikiOptions options)
    {
        if (options.Database.Provider == DatabaseProvider.PostgreSql)
        {
            builder.Services.AddSingleton(_ => PostgreSqlPool.Open(options.Database));
            builder.Services.AddSingleton(services => new DbContextOptionsBuilder<KralikiDb>()
                .UseNpgsql(services.GetRequiredService<NpgsqlDataSource>())
                .AddInterceptors(new PostgreSqlLiveness(services.GetRequiredService<TimeProvider>()), new PostgreSqlCommands())
                .Options);
        }
        else
        {
            var connection = new SqliteConnectionStringBuilder
            {
                DataSource = Path.Combine(options.DataDirectory, "kraliki.db"),
                ForeignKeys = true,
                // Seconds that a writer waits for another writer before it gives up.
                DefaultTimeout = 10,
            }.ToString();
            builder.Services.AddSingleton(new DbContextOptionsBuilder<KralikiDb>()
                .UseSqlite(connection)
                .AddInterceptors(new SqlitePragmas())
                .Options);
        }

        builder.Services.AddSingleton<KralikiDbFactory>();
        builder.Services.AddSingleton<StartTurn>();
        builder.Services.AddScoped(services => services.GetRequiredService<KralikiDbFactory>()
            .OpenFor(services.GetRequiredService<CurrentUser>().OrganisationOrNone));
        builder.Services.AddHostedService<DatabaseStart>();
    }
}
