using System.Collections.Concurrent;
using System.Data.Common;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Npgsql;

namespace Kraliki.Server.Data;

/// <summary>
/// Liveness before use: a pooled connection that was idle is asked whether its server is there and takes writes before
/// anybody builds on it. One that was used a moment ago is handed out as it is, so that busy times pay nothing.
/// </summary>
internal sealed class PostgreSqlLiveness(TimeProvider time) : DbConnectionInterceptor
{
    private static readonly TimeSpan FreshFor = TimeSpan.FromSeconds(1);

    // Seconds that the answer may take: it costs the server nothing.
    private const int Patience = 2;

    // Some times the pool's largest size, so that what has ended since is rarely looked for.
    private const int MostKnown = 256;

    // When each server process that serves us was last given back. Unknown ones were just started for us.
    private readonly ConcurrentDictionary<(string? Host, int Port, int Process), long> _lastUsed = new();

    public override async Task ConnectionOpenedAsync(DbConnection connection, ConnectionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        var pooled = (NpgsqlConnection)connection;
        if (!_lastUsed.TryRemove(KeyOf(pooled), out var last) || time.GetElapsedTime(last) < FreshFor || await IsGoodAsync(pooled, cancellationToken))
        {
            return;
        }

        PostgreSqlPool.Forget(pooled);
        await pooled.CloseAsync();
        await pooled.OpenAsync(cancellationToken);
    }

    public override InterceptionResult ConnectionClosing(DbConnection connection, ConnectionEventData eventData, InterceptionResult result)
    {
        Remember((NpgsqlConnection)connection);
        return result;
    }

    public override ValueTask<InterceptionResult> ConnectionClosingAsync(DbConnection connection, ConnectionEventData eventData, InterceptionResult result)
    {
        Remember((NpgsqlConnection)connection);
        return ValueTask.FromResult(result);
    }

    private static async Task<bool> IsGoodAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            // A former primary answers anything but writes (SELECT 1 passes for days).
            await using var question = new NpgsqlCommand("SHOW transaction_read_only", connection) { CommandTimeout = Patience };
            return await question.ExecuteScalarAsync(cancellationToken) is "off";
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }

    private static (string? Host, int Port, int Process) KeyOf(NpgsqlConnection connection) => (connection.Host, connection.Port, connection.ProcessID);

    private void Remember(NpgsqlConnection connection)
    {
        if (connection.FullState != System.Data.ConnectionState.Open)
        {
            return;
        }

        if (_lastUsed.Count >= MostKnown)
        {
            // Whoever is forgotten here counts as fresh once.
            _lastUsed.Clear();
        }

        _lastUsed[KeyOf(connection)] = time.GetTimestamp();
    }
}
