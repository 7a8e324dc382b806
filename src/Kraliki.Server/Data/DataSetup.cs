using Kraliki.Server.Hosting;
using Kraliki.Server.Identity;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Data;

public static class DataSetup
{
    public static void AddData(this WebApplicationBuilder builder, KralikiOptions options)
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
        builder.Services.AddSingleton<KralikiDbFactory>();
        builder.Services.AddScoped(services => new KralikiDb(
            services.GetRequiredService<DbContextOptions<KralikiDb>>(),
            services.GetRequiredService<CurrentUser>().OrganisationOrNone));
        builder.Services.AddHostedService<DatabaseStart>();
    }
}
