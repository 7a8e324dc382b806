using System.Data.Common;
using System.Globalization;
using Kraliki.Server.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Storage;

namespace Kraliki.Server.Sessions.Journal;

/// <summary>
/// The journal's three statements, prepared once on one open connection. Names, types and conversions come from the
/// EF model, the SQL is the part that all databases share.
/// </summary>
/// <remarks>For one task at a time. After a failure of the database it is thrown away and opened anew.</remarks>
internal sealed class JournalTables : IAsyncDisposable
{
    private readonly KralikiDb _db;
    private readonly Statement _createSession;
    private readonly Statement _updateSession;
    private readonly Statement _addEvent;

    private JournalTables(KralikiDb db)
    {
        _db = db;
        var sql = db.GetService<ISqlGenerationHelper>();
        var session = db.Model.FindEntityType(typeof(SessionRow))!;
        var entry = db.Model.FindEntityType(typeof(SessionEventRow))!;
        var connection = db.Database.GetDbConnection();

        _createSession = Insert(connection, sql, session);
        _addEvent = Insert(connection, sql, entry);

        // The fence: nobody else has written, and nobody has taken the session over, since the writer read it.
        _updateSession = new Statement(connection, session.GetProperties());
        var id = session.FindPrimaryKey()!.Properties.Single();
        var sets = session.GetProperties().Where(property => property != id).Select(property => $"{Column(sql, property)} = {Statement.Name(property)}");
        _updateSession.Add("@after_seq", session.FindProperty(nameof(SessionRow.LastSeq))!);
        _updateSession.Add("@after_epoch", session.FindProperty(nameof(SessionRow.Epoch))!);
        _updateSession.Add("@after_facts", session.FindProperty(nameof(SessionRow.OwnerFacts))!);
        _updateSession.Command.CommandText = $"""
            UPDATE {Table(sql, session)} SET {string.Join(", ", sets)}
            WHERE {Column(sql, id)} = {Statement.Name(id)}
              AND {Column(sql, session.FindProperty(nameof(SessionRow.LastSeq))!)} = @after_seq
              AND {Column(sql, session.FindProperty(nameof(SessionRow.Epoch))!)} = @after_epoch
              AND {Column(sql, session.FindProperty(nameof(SessionRow.OwnerFacts))!)} = @after_facts
            """;
    }

    public static async Task<JournalTables> OpenAsync(KralikiDbFactory databases, CancellationToken cancellationToken)
    {
        var db = databases.OpenForSystem();
        try
        {
            await db.Database.OpenConnectionAsync(cancellationToken);
            DatabaseWatch.Hurry(db.Database.GetDbConnection());
            var tables = new JournalTables(db);
            foreach (var statement in new[] { tables._createSession, tables._updateSession, tables._addEvent })
            {
                await statement.Command.PrepareAsync(cancellationToken);
            }

            return tables;
        }
        catch
        {
            await db.DisposeAsync();
            throw;
        }
    }

    /// <summary>Writes all or, when the database fails, none. A write that is refused does not keep the others out.</summary>
    /// <returns>For each write whether it was taken.</returns>
    public async Task<bool[]> CommitAsync(IReadOnlyList<JournalWrite> writes, CancellationToken cancellationToken)
    {
        var taken = new bool[writes.Count];

        // Microsoft.Data.Sqlite begins a plain transaction with BEGIN IMMEDIATE: the write lock is taken at the start,
        // where waiting for it can still succeed.
        await using var transaction = await _db.Database.BeginTransactionAsync(cancellationToken);
        _createSession.Command.Transaction = _updateSession.Command.Transaction = _addEvent.Command.Transaction = transaction.GetDbTransaction();
        try
        {
            for (var i = 0; i < writes.Count; i++)
            {
                taken[i] = await WriteAsync(writes[i], cancellationToken);
            }
        }
        catch (DbException e) when (PostgreSqlPool.LeadsNowhere(e))
        {
            // Past EF, whose commands see to this themselves.
            PostgreSqlPool.Forget(_db.Database.GetDbConnection());
            throw;
        }

        await transaction.CommitAsync(cancellationToken);
        return taken;
    }

    public async ValueTask DisposeAsync()
    {
        await _createSession.Command.DisposeAsync();
        await _updateSession.Command.DisposeAsync();
        await _addEvent.Command.DisposeAsync();
        await _db.DisposeAsync();
    }

    private async Task<bool> WriteAsync(JournalWrite write, CancellationToken cancellationToken)
    {
        if (write.Before is { } before)
        {
            _updateSession.Fill(write.After);
            _updateSession.Set("@after_seq", before.LastSeq);
            _updateSession.Set("@after_epoch", before.Epoch);
            _updateSession.Set("@after_facts", before.OwnerFacts);
            if (await _updateSession.Command.ExecuteNonQueryAsync(cancellationToken) == 0)
            {
                return false;
            }
        }
        else
        {
            _createSession.Fill(write.After);
            await _createSession.Command.ExecuteNonQueryAsync(cancellationToken);
        }

        foreach (var entry in write.Events)
        {
            _addEvent.Fill(new SessionEventRow
            {
                SessionId = write.After.Id,
                Seq = entry.Seq,
                Epoch = write.After.Epoch,
                Kind = JournalJson.KindOf(entry.Data),
                At = entry.At,
                Payload = JournalJson.Write(entry.Data),
            });
            await _addEvent.Command.ExecuteNonQueryAsync(cancellationToken);
        }

        return true;
    }

    private static Statement Insert(DbConnection connection, ISqlGenerationHelper sql, IEntityType entity)
    {
        var statement = new Statement(connection, entity.GetProperties());
        var columns = string.Join(", ", entity.GetProperties().Select(property => Column(sql, property)));
        var values = string.Join(", ", entity.GetProperties().Select(Statement.Name));
        statement.Command.CommandText = $"INSERT INTO {Table(sql, entity)} ({columns}) VALUES ({values})";
        return statement;
    }

    private static string Table(ISqlGenerationHelper sql, IEntityType entity) => sql.DelimitIdentifier(entity.GetTableName()!, entity.GetSchema());

    private static string Column(ISqlGenerationHelper sql, IProperty property) => sql.DelimitIdentifier(property.GetColumnName());

    /// <summary>A command with one parameter per property of an entity.</summary>
    private sealed class Statement
    {
        private readonly List<(IProperty Property, DbParameter Parameter)> _parameters = [];

        public Statement(DbConnection connection, IEnumerable<IProperty> properties)
        {
            Command = connection.CreateCommand();
            foreach (var property in properties)
            {
                _parameters.Add((property, Add(Name(property), property)));
            }
        }

        public DbCommand Command { get; }

        public static string Name(IProperty property) => string.Create(CultureInfo.InvariantCulture, $"@p{property.GetIndex()}");

        public DbParameter Add(string name, IProperty property)
        {
            var parameter = property.GetRelationalTypeMapping().CreateParameter(Command, name, null, nullable: true);
            Command.Parameters.Add(parameter);
            return parameter;
        }

        public void Set(string name, object value) => Command.Parameters[name].Value = value;

        public void Fill(object entity)
        {
            foreach (var (property, parameter) in _parameters)
            {
                var value = property.PropertyInfo!.GetValue(entity);
                var converter = property.GetRelationalTypeMapping().Converter;
                value = value is null || converter is null ? value : converter.ConvertToProvider(value);
                parameter.Value = value is string text ? PostgreSqlCommands.Storable(text) : value ?? DBNull.Value;
            }
        }
    }
}
