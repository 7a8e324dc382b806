using System.Globalization;
using Kraliki.Server.Data;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Kraliki.Server.Tests;

/// <summary>
/// Which database the servers of this run have: SQLite, or with <c>KRALIKI_TEST_DATABASE=postgresql</c> one PostgreSQL for the
/// whole process, where each data directory stands for a database of its own. <c>test.sh</c> runs every test on both.
/// </summary>
public static class TestDatabase
{
    private const string Template = "kraliki_template";

    // Ends with the process, after the last of the fixtures that share it.
    private static readonly Lazy<Task<PostgreSqlServer>> Shared = new(async () =>
    {
        var server = await PostgreSqlServer.StartAsync(CancellationToken.None);
        await server.ExecuteAsync($"CREATE DATABASE {Template}", CancellationToken.None);
        await using var db = new PostgreSqlDb(new DbContextOptionsBuilder<KralikiDb>().UseNpgsql(server.Connection(Template) + ";Pooling=false").Options, organisation: null);
        await db.Database.MigrateAsync(CancellationToken.None);
        return server;
    });

    // A template can be copied by one at a time.
    private static readonly SemaphoreSlim Copying = new(1);

    public static bool IsPostgreSql { get; } = Environment.GetEnvironmentVariable("KRALIKI_TEST_DATABASE") switch
    {
        null or "" or "sqlite" => false,
        "postgresql" => true,
        var other => throw new InvalidOperationException($"KRALIKI_TEST_DATABASE is \"{other}\"; possible are sqlite and postgresql."),
    };

    /// <summary>What a server whose data lie in this directory needs to be told; the same directory gives the same database again.</summary>
    public static async Task<IReadOnlyDictionary<string, string>> SettingsAsync(string dataDirectory, CancellationToken cancellationToken) =>
        IsPostgreSql ? await PostgreSqlSettingsAsync(dataDirectory, cancellationToken) : new Dictionary<string, string>();

    /// <summary>As <see cref="SettingsAsync"/>, for what is tested on PostgreSQL in every run. <see cref="DropPostgreSqlAsync"/> it afterwards.</summary>
    public static async Task<IReadOnlyDictionary<string, string>> PostgreSqlSettingsAsync(string dataDirectory, CancellationToken cancellationToken)
    {
        var server = await Shared.Value;
        await Copying.WaitAsync(cancellationToken);
        try
        {
            if (await server.ExecuteAsync($"SELECT 1 FROM pg_database WHERE datname = '{NameFor(dataDirectory)}'", cancellationToken) is null)
            {
                await server.ExecuteAsync($"CREATE DATABASE {NameFor(dataDirectory)} TEMPLATE {Template}", cancellationToken);
            }
        }
        finally
        {
            Copying.Release();
        }

        return new Dictionary<string, string>
        {
            ["Kraliki:Database:Provider"] = "postgresql",

            // Many servers at once, most of them idle.
            ["Kraliki:Database:ConnectionString"] = server.Connection(NameFor(dataDirectory)) + ";Minimum Pool Size=0;Connection Idle Lifetime=10",
        };
    }

    /// <summary>A test's own hand in all that a server asks of its database.</summary>
    public static void Intercept(IServiceCollection services, IInterceptor interceptor)
    {
        var before = services.Single(service => service.ServiceType == typeof(DbContextOptions<KralikiDb>));
        services.Replace(ServiceDescriptor.Singleton(provider =>
            new DbContextOptionsBuilder<KralikiDb>((DbContextOptions<KralikiDb>)(before.ImplementationInstance ?? before.ImplementationFactory!(provider)))
                .AddInterceptors(interceptor).Options));
    }

    /// <summary>After the server of this directory has ended.</summary>
    public static async Task DeleteAsync(string dataDirectory)
    {
        SqliteConnection.ClearAllPools();
        if (IsPostgreSql)
        {
            await DropPostgreSqlAsync(dataDirectory);
        }
    }

    public static async Task DropPostgreSqlAsync(string dataDirectory) =>
        await (await Shared.Value).ExecuteAsync($"DROP DATABASE IF EXISTS {NameFor(dataDirectory)} WITH (FORCE)", CancellationToken.None);

    private static string NameFor(string dataDirectory) => "t" + string.Concat(
        System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(Path.GetFullPath(dataDirectory))).Take(12).Select(b => b.ToString("x2", CultureInfo.InvariantCulture)));
}
