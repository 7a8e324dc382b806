using System.Data.Common;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Kraliki.Server.Data;

/// <summary>
/// What SQLite forgets with each connection (the journal mode it remembers, see <see cref="DatabaseStart"/>).
/// synchronous=FULL: with WAL it is what makes a commit survive a power cut
/// (https://sqlite.org/pragma.html#pragma_synchronous).
/// </summary>
internal sealed class SqlitePragmas : DbConnectionInterceptor
{
    private const string Pragmas = "PRAGMA synchronous=FULL; PRAGMA busy_timeout=10000;";

    public override void ConnectionOpened(DbConnection connection, ConnectionEndEventData eventData)
    {
        using var command = connection.CreateCommand();
        command.CommandText = Pragmas;
        command.ExecuteNonQuery();
    }

    public override async Task ConnectionOpenedAsync(DbConnection connection, ConnectionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = Pragmas;
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
