using Kraliki.Server.Hosting;

namespace Kraliki.Server.Data;

public enum DatabaseProvider
{
    /// <summary>One file in the data directory; one node.</summary>
    Sqlite,

    /// <summary>For several nodes, or when the database lives elsewhere.</summary>
    PostgreSql,
}

/// <summary>Settings under <c>Kraliki:Database</c>.</summary>
/// <param name="ConnectionString">PostgreSQL only, as Npgsql writes it: <c>Host=db;Database=kraliki;Username=kraliki;Password=…</c>. Several hosts are separated by commas; the primary is found among them.</param>
public sealed record DatabaseOptions(DatabaseProvider Provider, Secret? ConnectionString)
{
    internal static DatabaseOptions Read(ConfigurationReader reader)
    {
        var named = reader.Text("Database:Provider");

        // A name that is wrong was complained about; whatever else depends on it is checked as if it were right.
        var provider = reader.Choice<DatabaseProvider>("Database:Provider") ?? (named is null ? DatabaseProvider.Sqlite : DatabaseProvider.PostgreSql);
        var connection = reader.Text("Database:ConnectionString");
        if (provider == DatabaseProvider.PostgreSql && connection is null)
        {
            reader.Complain("Database:ConnectionString", "", "must be set for postgresql: Host=db.example.org;Database=kraliki;Username=kraliki;Password=…");
        }
        else if (provider != DatabaseProvider.PostgreSql && connection is not null)
        {
            reader.Complain("Database:Provider", named ?? "", "must be postgresql when Database:ConnectionString is set; SQLite's file lies in DataDirectory");
        }
        else if (connection is not null && Unusable(connection) is { } complaint)
        {
            reader.Complain("Database:ConnectionString", "***", complaint);
        }

        return new(provider, connection is null ? null : new(connection));
    }

    private static string? Unusable(string connection)
    {
        try
        {
            var settings = PostgreSqlPool.Settings(new(DatabaseProvider.PostgreSql, new(connection)));
            return settings is { Host: { Length: > 0 }, Database: { Length: > 0 } } ? null : "must name Host and Database: Host=db.example.org;Database=kraliki;Username=kraliki;Password=…";
        }
        catch (ArgumentException e)
        {
            // Npgsql names the keyword, never a value.
            return $"cannot be read: {e.Message.Split('\n')[0].Trim()}";
        }
    }
}
