using System.Text.Json;
using Kraliki.Contracts;
using Npgsql;

namespace Kraliki.Chaos;

/// <summary>Reads the database itself, past the server.</summary>
public sealed class Ledger(string connection) : IAsyncDisposable
{
    // Faults kill the database and its connections: none is kept.
    private readonly NpgsqlDataSource _source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connection) { Pooling = false, Timeout = 3, CommandTimeout = 10 });

    /// <summary>Session and the silo that holds its media, by the carrier's call.</summary>
    public async Task<IReadOnlyDictionary<string, (Guid Session, string? Node)>> CallsAsync(CancellationToken cancellationToken)
    {
        var calls = new Dictionary<string, (Guid, string?)>();
        await foreach (var row in ReadAsync("SELECT c.call_sid, s.id, s.node FROM carrier_calls c JOIN sessions s ON s.id = c.session_id", cancellationToken))
        {
            calls[row.GetString(0)] = (row.GetGuid(1), row.IsDBNull(2) ? null : row.GetString(2));
        }

        return calls;
    }

    public async Task<IReadOnlyList<SessionRecord>> SessionsAsync(IReadOnlySet<Guid> except, CancellationToken cancellationToken)
    {
        var sessions = new List<SessionRecord>();
        await foreach (var row in ReadAsync("SELECT id, state, end_reason, last_seq FROM sessions", cancellationToken))
        {
            if (!except.Contains(row.GetGuid(0)))
            {
                sessions.Add(new(row.GetGuid(0), row.GetString(1), row.IsDBNull(2) ? null : row.GetString(2), row.GetInt64(3)));
            }
        }

        return sessions;
    }

    /// <summary>Sessions with their journals as they are at one moment.</summary>
    public async Task<(IReadOnlyList<SessionRecord> Sessions, IReadOnlyList<JournalEntry> Journal)> JournalAsync(
        IReadOnlySet<Guid> except, CancellationToken cancellationToken)
    {
        var sessions = new Dictionary<Guid, SessionRecord>();
        var entries = new List<JournalEntry>();
        // One statement is one snapshot: what is written between two would look like a difference.
        var reading = ReadAsync(
            "SELECT s.id, s.state, s.end_reason, s.last_seq, e.seq, e.at, e.payload FROM sessions s LEFT JOIN session_events e ON e.session_id = s.id ORDER BY s.id, e.seq",
            cancellationToken);
        await foreach (var row in reading)
        {
            var id = row.GetGuid(0);
            if (except.Contains(id))
            {
                continue;
            }

            sessions.TryAdd(id, new(id, row.GetString(1), row.IsDBNull(2) ? null : row.GetString(2), row.GetInt64(3)));
            if (!row.IsDBNull(4))
            {
                entries.Add(new(id, row.GetInt64(4), TimeOf(row, 5), JsonSerializer.Deserialize(row.GetString(6), ContractsJson.Default.SessionFact)!));
            }
        }

        return ([.. sessions.Values], entries);
    }

    public ValueTask DisposeAsync() => _source.DisposeAsync();

    private static DateTimeOffset TimeOf(NpgsqlDataReader row, int column) => row.GetFieldValue<object>(column) switch
    {
        DateTime time => new DateTimeOffset(DateTime.SpecifyKind(time, DateTimeKind.Utc)),
        long ticks => new DateTimeOffset(ticks, TimeSpan.Zero),
        var other => throw new InvalidDataException($"session_events.at is a {other.GetType().Name}."),
    };

    private async IAsyncEnumerable<NpgsqlDataReader> ReadAsync(
        string sql, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var command = _source.CreateCommand(sql);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            yield return reader;
        }
    }
}
