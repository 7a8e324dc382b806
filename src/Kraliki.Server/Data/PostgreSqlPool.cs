using System.Data.Common;
using Npgsql;

namespace Kraliki.Server.Data;

/// <summary>How connections to PostgreSQL are made, shared and given up. What the connection string says itself wins.</summary>
/// <remarks>
/// A connection that breaks takes all idle ones of its server along (Npgsql), and so does a server that writes no more
/// (<see cref="Forget"/>): after a restart or a failover nobody gets one that leads nowhere.
/// </remarks>
internal static class PostgreSqlPool
{
    /// <summary>Below the server's own limit (<see cref="ServerLimits"/>), so that a statement that takes too long ends as ours, with our clean-up.</summary>
    public const int CommandSeconds = 10;

    /// <summary>What the server does when we cannot any more: a node that froze or vanished must not hold others up with its locks.</summary>
    private const string ServerLimits =
        "-c statement_timeout=15s -c idle_in_transaction_session_timeout=5s -c client_connection_check_interval=2s";

    private static readonly string Defaults = new NpgsqlConnectionStringBuilder
    {
        ApplicationName = "kraliki",
        MinPoolSize = 10,
        MaxPoolSize = 30,

        // Seconds to connect, and to wait for one of the 30: then the request is refused and may come again.
        Timeout = 5,
        CommandTimeout = CommandSeconds,

        // Milliseconds that a statement which was given up may take to say so; then its connection is broken off.
        CancellationTimeout = 1000,

        // Seconds between questions to idle connections: a server that vanished is noticed before somebody needs it.
        KeepAlive = 5,
        TcpKeepAlive = true,
        TcpKeepAliveTime = 5,
        TcpKeepAliveInterval = 2,

        // Of several hosts the one that writes is found again within a second after they have changed places.
        HostRecheckSeconds = 1,
        Options = ServerLimits,
    }.ConnectionString;

    public static NpgsqlDataSource Open(DatabaseOptions options)
    {
        var settings = Settings(options);
        var severalHosts = settings.Host?.Contains(',', StringComparison.Ordinal) == true;
        settings.TargetSessionAttributes = null;
        var builder = new NpgsqlDataSourceBuilder(settings.ConnectionString);

        // One host is asked whatever it was like a moment ago; of several, one that failed is left out until it is looked at
        // again. Primary that also writes: one may have been made read-only before another takes its place.
        return severalHosts ? builder.BuildMultiHost().WithTargetSession(TargetSessionAttributes.ReadWrite) : builder.Build();
    }

    /// <exception cref="ArgumentException">It is not what Npgsql understands.</exception>
    internal static NpgsqlConnectionStringBuilder Settings(DatabaseOptions options) => new($"{Defaults};{options.ConnectionString!.Reveal()}");

    /// <summary>The server was promoted away or made read-only (SQLSTATE 25006): every pooled connection still leads there.</summary>
    public static bool LeadsNowhere(Exception failure) => failure is DbException { SqlState: "25006" };

    /// <summary>No idle connection of this one's pool is handed out again, nor this one after its use.</summary>
    public static void Forget(DbConnection connection)
    {
        if (connection is NpgsqlConnection pooled)
        {
            NpgsqlConnection.ClearPool(pooled);
        }
    }
}
