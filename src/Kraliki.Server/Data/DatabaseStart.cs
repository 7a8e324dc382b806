using Kraliki.Server.Hosting;
using Kraliki.Server.Operations;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Data;

/// <summary>Brings the database up to date before any other part of the server starts.</summary>
internal sealed class DatabaseStart(KralikiDbFactory databases, KralikiOptions options) : IHostedLifecycleService
{
    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        await using var db = databases.OpenForSystem();
        var unknown = (await db.Database.GetAppliedMigrationsAsync(cancellationToken)).Except(db.Database.GetMigrations()).FirstOrDefault();
        if (unknown is not null)
        {
            throw new StartRefusedException(
                $"The database in {options.DataDirectory} was made by another version of Kraliki (\"{unknown}\" is unknown to this one): "
                + "start that version, or choose another Kraliki:DataDirectory.");
        }

        await db.Database.MigrateAsync(cancellationToken);
        await db.Database.ExecuteSqlRawAsync("PRAGMA journal_mode=WAL", cancellationToken);
        await db.Database.ExecuteSqlRawAsync(AuditEntryConfiguration.AppendOnly, cancellationToken);
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
