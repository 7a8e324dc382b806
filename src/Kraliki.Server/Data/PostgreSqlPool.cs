using Npgsql;

namespace Kraliki.Server.Data;

/// <summary>How connections to PostgreSQL are made, shared and given up. What the connection string says itself wins.</summary>
internal static class PostgreSqlPool
{
    /// <summary>Below the server's own limit, so that we know of a slow statement's end before the server does.</summary>
    public const int CommandSeconds = 10;

    public static NpgsqlDataSource Open(DatabaseOptions options)
    {
        var builder = new NpgsqlDataSourceBuilder(options.ConnectionString!.Reveal());
        return builder.BuildMultiHost().WithTargetSession(TargetSessionAttributes.Primary);
    }
}
