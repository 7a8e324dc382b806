using Kraliki.Server.Hosting;
using Kraliki.Server.Operations;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Kraliki.Server.Data;

/// <summary>Brings the database up to date before any other part of the server starts.</summary>
internal sealed class DatabaseStart(KralikiDbFactory databases, StartTurn turns, KralikiOptions options) : IHostedLifecycleService
{
    private bool OnPostgreSql => options.Database.Provider == DatabaseProvider.PostgreSql;

    /// <summary>Without user and password.</summary>
    private string Place => OnPostgreSql ? $"on {new NpgsqlConnectionStringBuilder(options.Database.ConnectionString!.Reveal()).Host}" : $"in {options.DataDirectory}";

    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        await using var turn = await turns.TakeAsync(cancellationToken);
        await using var db = databases.OpenForSystem();
        var unknown = (await db.Database.GetAppliedMigrationsAsync(cancellationToken)).Except(db.Database.GetMigrations()).FirstOrDefault();
        if (unknown is not null)
        {
            throw new StartRefusedException(
                $"The database {Place} was made by another version of Kraliki (\"{unknown}\" is unknown to this one): "
                + $"start that version, or choose another {(OnPostgreSql ? "Kraliki:Database:ConnectionString" : "Kraliki:DataDirectory")}.");
        }

        await db.Database.MigrateAsync(cancellationToken);
        if (!OnPostgreSql)
        {
            await db.Database.ExecuteSqlRawAsync("PRAGMA journal_mode=WAL", cancellationToken);
        }

        await db.Database.ExecuteSqlRawAsync(
            OnPostgreSql ? AuditEntryConfiguration.AppendOnlyOnPostgreSql : AuditEntryConfiguration.AppendOnlyOnSqlite, cancellationToken);
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
