using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Server.Operations;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Kraliki.Server.Tests.Data;

public sealed class DatabaseTests(ServerFixture fixture)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public void Migrations_of_both_databases_say_the_same_as_the_entities()
    {
        using var sqlite = new KralikiDb(new DbContextOptionsBuilder<KralikiDb>().UseSqlite().Options, organisation: null);
        using var postgreSql = new PostgreSqlDb(new DbContextOptionsBuilder<KralikiDb>().UseNpgsql().Options, organisation: null);
        Assert.All([sqlite, postgreSql], db =>
        {
            Assert.NotEmpty(db.Database.GetMigrations());
            Assert.False(db.Database.HasPendingModelChanges(), "Entities changed without a migration: tools/Kraliki.Migrations/README.md has the command.");
        });
    }

    [Fact]
    public async Task A_commit_survives_a_power_cut()
    {
        await using var db = Open();
        await db.Database.OpenConnectionAsync(Cancel);
        Assert.Equal("wal", await PragmaAsync(db, "journal_mode"));
        Assert.Equal(2L, await PragmaAsync(db, "synchronous"));
        Assert.Equal(1L, await PragmaAsync(db, "foreign_keys"));
        Assert.Equal(10_000L, await PragmaAsync(db, "busy_timeout"));
    }

    [Fact]
    public async Task Audit_entries_cannot_be_rewritten()
    {
        await fixture.Server.Services.GetRequiredService<AuditLog>().WriteAsync("tested", "kept", actor: "test");

        await using var db = Open();
        await Assert.ThrowsAsync<SqliteException>(() => db.Set<AuditEntry>().Where(entry => entry.Number == 1).ExecuteDeleteAsync(Cancel));
        await Assert.ThrowsAsync<SqliteException>(() => db.Database.ExecuteSqlRawAsync("UPDATE audit_entries SET actor = 'nobody'", Cancel));
    }

    [Fact]
    public async Task A_database_of_another_version_is_refused_in_one_sentence()
    {
        var directory = Directory.CreateTempSubdirectory("kraliki-test-");
        await using (var connection = new SqliteConnection($"Data Source={Path.Combine(directory.FullName, "kraliki.db")};Pooling=false"))
        {
            await connection.OpenAsync(Cancel);
            await using var command = connection.CreateCommand();
            command.CommandText =
                """
                CREATE TABLE __EFMigrationsHistory (MigrationId TEXT NOT NULL PRIMARY KEY, ProductVersion TEXT NOT NULL);
                INSERT INTO __EFMigrationsHistory VALUES ('20990101000000_Future', '99');
                """;
            await command.ExecuteNonQueryAsync(Cancel);
        }

        var refusal = await Assert.ThrowsAsync<StartRefusedException>(() => RunningServer.StartAsync(Cancel, new ServerSetup(directory.FullName)));
        Assert.Contains("made by another version of Kraliki (\"20990101000000_Future\"", Assert.Single(refusal.Reasons));
        directory.Delete(recursive: true);
    }

    private static async Task<object?> PragmaAsync(KralikiDb db, string name)
    {
        await using var command = db.Database.GetDbConnection().CreateCommand();
        command.CommandText = $"PRAGMA {name}";
        return await command.ExecuteScalarAsync(Cancel);
    }

    private KralikiDb Open() => fixture.Server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem();
}
