using System.Data.Common;
using Npgsql;

namespace Kraliki.Server.Data;

/// <summary>How connections to PostgreSQL are made, shared and given up. What the connection string says itself wins.</summary>
internal static class PostgreSqlPool
{
    /// <summary>Below the server's own limit, so that we know of a slow statement's end before the server does.</summary>
    public const int CommandSeconds = 10;

    private const string HostRecheck = "Host Recheck Seconds";

    public static NpgsqlDataSource Open(DatabaseOptions options)
    {
        var builder = new NpgsqlDataSourceBuilder(options.ConnectionString!.Reveal());
        // Npgsql's own builder contains every key that there is, written or not.
        if (!new DbConnectionStringBuilder { ConnectionString = builder.ConnectionString }.ContainsKey(HostRecheck))
        {
            // A host that failed is not tried again for so long; Npgsql's 10 s would be added to every restart of the server.
            builder.ConnectionStringBuilder.HostRecheckSeconds = 1;
        }

        return builder.BuildMultiHost().WithTargetSession(TargetSessionAttributes.Primary);
    }
}
