using System.Data.Common;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Server.Operations;
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
        await using var sqlite = await RunningServer.StartAsync(Cancel, new ServerSetup(Settings: new Dictionary<string, string> { ["Kraliki:Database:Provider"] = "sqlite" }));
        await using var db = Open(sqlite);
        await db.Database.OpenConnectionAsync(Cancel);
        Assert.Equal("wal", await AskAsync(db, "PRAGMA journal_mode"));
        Assert.Equal(2L, await AskAsync(db, "PRAGMA synchronous"));
        Assert.Equal(1L, await AskAsync(db, "PRAGMA foreign_keys"));
        Assert.Equal(10_000L, await AskAsync(db, "PRAGMA busy_timeout"));
    }

    [Fact]
    public async Task Audit_entries_cannot_be_rewritten()
    {
        await fixture.Server.Services.GetRequiredService<AuditLog>().WriteAsync("tested", "kept", actor: "test");

        await using var db = Open(fixture.Server);
        await AssertRefusedAsync(() => db.Set<AuditEntry>().Where(entry => entry.Number == 1).ExecuteDeleteAsync(Cancel));
        await AssertRefusedAsync(() => db.Database.ExecuteSqlRawAsync("UPDATE audit_entries SET actor = 'nobody'", Cancel));
        if (TestDatabase.IsPostgreSql)
        {
            await AssertRefusedAsync(() => db.Database.ExecuteSqlRawAsync("TRUNCATE audit_entries", Cancel));
        }

        static async Task AssertRefusedAsync(Func<Task> rewrite) =>
            Assert.Contains("audit entries are append-only", (await Assert.ThrowsAnyAsync<DbException>(rewrite)).Message);
    }

    [Fact]
    public async Task A_database_of_another_version_is_refused_in_one_sentence()
    {
        var directory = Directory.CreateTempSubdirectory("kraliki-test-");
        await using (var server = await RunningServer.StartAsync(Cancel, new ServerSetup(directory.FullName)))
        await using (var db = Open(server))
        {
            await db.Database.ExecuteSqlRawAsync("""INSERT INTO "__EFMigrationsHistory" VALUES ('20990101000000_Future', '99')""", Cancel);
        }

        var refusal = await Assert.ThrowsAsync<StartRefusedException>(() => RunningServer.StartAsync(Cancel, new ServerSetup(directory.FullName)));
        Assert.Contains("made by another version of Kraliki (\"20990101000000_Future\"", Assert.Single(refusal.Reasons));
        await TestDatabase.DeleteAsync(directory.FullName);
        directory.Delete(recursive: true);
    }

    private static async Task<object?> AskAsync(KralikiDb db, string question)
    {
        await using var command = db.Database.GetDbConnection().CreateCommand();
        command.CommandText = question;
        return await command.ExecuteScalarAsync(Cancel);
    }

    private static KralikiDb Open(RunningServer server) => server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem();
}
