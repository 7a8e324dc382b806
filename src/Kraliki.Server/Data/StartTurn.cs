using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Kraliki.Server.Data;

/// <summary>
/// What is made once for all nodes (tables, keys, first accounts, samples) one node makes at a time: those that start
/// together find it done. On SQLite there is one node, and nothing to wait for.
/// </summary>
internal sealed class StartTurn(KralikiDbFactory databases)
{
    // "kraliki" in ASCII; advisory locks share one space of numbers in a database.
    private const long LockNumber = 0x6B72616C696B69;

    /// <summary>More than the longest migration takes.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);

    /// <summary>Waits for the turn and holds it until disposed; a node that dies gives it back with its connection.</summary>
    /// <exception cref="NpgsqlException">The database is away, or refuses.</exception>
    public async Task<IAsyncDisposable> TakeAsync(CancellationToken cancellationToken)
    {
        var db = databases.OpenForSystem();
        if (!db.Database.IsNpgsql())
        {
            return db;
        }

        try
        {
            await db.Database.OpenConnectionAsync(cancellationToken);

            // It ends with the transaction: a pooled connection cannot take it along. The wait is for another node's
            // migration, which may take longer than any statement of ours.
            await db.Database.BeginTransactionAsync(cancellationToken);
            db.Database.SetCommandTimeout(Longest);
            await db.Database.ExecuteSqlAsync($"SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; SELECT pg_advisory_xact_lock({LockNumber})", cancellationToken);
            return db;
        }
        catch (InvalidOperationException e) when (e.InnerException is NpgsqlException cause)
        {
            // What may pass comes wrapped into the advice to try again, which is what the start does with it.
            await db.DisposeAsync();
            throw cause;
        }
        catch
        {
            await db.DisposeAsync();
            throw;
        }
    }
}
