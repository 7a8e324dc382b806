using Kraliki.Server.Hosting;
using Kraliki.Server.Operations;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Kraliki.Server.Data;

/// <summary>Brings the database up to date before any other part of the server starts.</summary>
internal sealed partial class DatabaseStart(KralikiDbFactory databases, StartTurn turns, KralikiOptions options, TimeProvider time, ILogger<DatabaseStart> log) : IHostedLifecycleService
{
    private bool OnPostgreSql => options.Database.Provider == DatabaseProvider.PostgreSql;

    // A machine that starts as a whole starts its database beside us.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    /// <summary>Without user and password.</summary>
    private string Place => OnPostgreSql && PostgreSqlPool.Settings(options.Database) is var settings
        ? $"\"{settings.Database}\" on {settings.Host}"
        : $"in {options.DataDirectory}";

    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using var turn = await FirstTurnAsync(cancellationToken);
            await BringUpToDateAsync(cancellationToken);
        }
        catch (NpgsqlException e)
        {
            throw new StartRefusedException($"The database {Place} {Fix(e)}");
        }
        catch (InvalidOperationException e) when (e.InnerException is NpgsqlException lost)
        {
            throw new StartRefusedException($"The database {Place} {Fix(lost)}");
        }
    }

    private static string Fix(NpgsqlException failure) => failure switch
    {
        PostgresException { SqlState: "3D000" } => "does not exist: create it (createdb), or correct Kraliki:Database:ConnectionString.",
        PostgresException { SqlState: ['2', '8', ..] } => "refuses the user or the password: correct Kraliki:Database:ConnectionString.",
        PostgresException { SqlState: "42501" } e => $"does not let its user make tables ({e.MessageText}): make that user its owner.",
        PostgresException { SqlState: "25006" } => "is read-only: name the primary in Kraliki:Database:ConnectionString.",
        PostgresException e => $"refuses ({e.SqlState}: {e.MessageText}): mend that, or choose another in Kraliki:Database:ConnectionString.",
        _ => $"cannot be reached ({failure.Message}): start it, or correct Kraliki:Database:ConnectionString.",
    };

    /// <summary>Whether it may yet come: it starts up, or nothing listens there.</summary>
    private static bool MayCome(NpgsqlException failure) => failure is not PostgresException || failure.SqlState is "57P03";

    private async Task<IAsyncDisposable> FirstTurnAsync(CancellationToken cancellationToken)
    {
        var since = time.GetTimestamp();
        for (var first = true; ; first = false)
        {
            try
            {
                return await turns.TakeAsync(cancellationToken);
            }
            catch (NpgsqlException e) when (MayCome(e) && time.GetElapsedTime(since) < Patience)
            {
                if (first)
                {
                    LogWaiting(Place, Patience.TotalSeconds);
                }

                await Task.Delay(Pause, time, cancellationToken);
            }
        }
    }

    private async Task BringUpToDateAsync(CancellationToken cancellationToken)
    {
        await using var db = databases.OpenForSystem();
        var unknown = (await db.Database.GetAppliedMigrationsAsync(cancellationToken)).Except(db.Database.GetMigrations()).FirstOrDefault();
        if (unknown is not null)
        {
            throw new StartRefusedException(
                $"The database {Place} was made by another version of Kraliki (\"{unknown}\" is unknown to this one): "
                + $"start that version, or choose another {(OnPostgreSql ? "Kraliki:Database:ConnectionString" : "Kraliki:DataDirectory")}.");
        }

        if (OnPostgreSql)
        {
            // A migration may take longer than any other statement of ours.
            db.Database.SetCommandTimeout(StartTurn.Longest);
            await db.Database.OpenConnectionAsync(cancellationToken);
            await db.Database.ExecuteSqlRawAsync("SET statement_timeout = 0", cancellationToken);
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
