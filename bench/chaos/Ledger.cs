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
        await foreach (var row in ReadAsync("SELECT c.call_sid, s.id, s.node FROM carrier_calls c JOIN sessions s ON s.id = c.session_id", [], cancellationToken))
        {
            calls[row.GetString(0)] = (row.GetGuid(1), row.IsDBNull(2) ? null : row.GetString(2));
        }

        return calls;
    }

    /// <summary>Sessions that carriers' calls made, except those known before.</summary>
    public async Task<IReadOnlyList<SessionRecord>> SessionsAsync(IReadOnlySet<Guid> except, CancellationToken cancellationToken)
    {
        var sessions = new List<SessionRecord>();
        await foreach (var row in ReadAsync("SELECT id, state, end_reason, last_seq FROM sessions", [], cancellationToken))
        {
            if (!except.Contains(row.GetGuid(0)))
            {
                sessions.Add(new(row.GetGuid(0), row.GetString(1), row.IsDBNull(2) ? null : row.GetString(2), row.GetInt64(3)));
            }
        }

        return sessions;
    }

    public async Task<IReadOnlyList<JournalEntry>> JournalAsync(IReadOnlyCollection<Guid> sessions, CancellationToken cancellationToken)
    {
        var entries = new List<JournalEntry>();
        var reading = ReadAsync("SELECT session_id, seq, at, payload FROM session_events WHERE session_id = ANY($1) ORDER BY session_id, seq", [sessions.ToArray()], cancellationToken);
        await foreach (var row in reading)
        {
            var fact = JsonSerializer.Deserialize(row.GetString(3), ContractsJson.Default.SessionFact)!;
            entries.Add(new(row.GetGuid(0), row.GetInt64(1), TimeOf(row, 2), fact));
        }

        return entries;
    }

    public ValueTask DisposeAsync() => _source.DisposeAsync();

    private static DateTimeOffset TimeOf(NpgsqlDataReader row, int column) => row.GetFieldValue<object>(column) switch
    {
        DateTime time => new DateTimeOffset(DateTime.SpecifyKind(time, DateTimeKind.Utc)),
        long ticks => new DateTimeOffset(ticks, TimeSpan.Zero),
        var other => throw new InvalidDataException($"session_events.at is a {other.GetType().Name}."),
    };

    private async IAsyncEnumerable<NpgsqlDataReader> ReadAsync(
        string sql, object[] values, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var command = _source.CreateCommand(sql);
        foreach (var value in values)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        }

        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            yield return reader;
        }
    }
}
