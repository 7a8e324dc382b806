using System.Diagnostics;
using System.Globalization;
using Kraliki.Tests.Shared;
using Npgsql;

namespace Kraliki.Server.Tests;

/// <summary>A real PostgreSQL server on a free port of this machine, with its data in a temporary directory; it can stop, die and come back.</summary>
/// <remarks>
/// A shell stands between: it waits for the end of its input, so that a test process that ends, however, leaves neither server nor data behind.
/// PostgreSQL refuses to run as root; then it runs as the user that its package has made.
/// </remarks>
public sealed class PostgreSqlServer : IAsyncDisposable
{
    private const string Owner = "postgres";

    private static readonly string Programs = Directory.Exists("/usr/lib/postgresql")
        ? Directory.GetDirectories("/usr/lib/postgresql").Select(version => Path.Combine(version, "bin")).Where(bin => File.Exists(Path.Combine(bin, "initdb"))).Order(StringComparer.Ordinal).LastOrDefault() ?? ""
        : "";

    private readonly string _directory;
    private Process? _guard;

    private PostgreSqlServer(string directory, int port)
    {
        _directory = directory;
        Port = port;
    }

    public int Port { get; }

    private string Data => Path.Combine(_directory, "data");

    /// <param name="settings">Lines for postgresql.conf.</param>
    public static async Task<PostgreSqlServer> StartAsync(CancellationToken cancellationToken, params string[] settings)
    {
        var server = await MakeAsync();
        await server.RunAsync(cancellationToken, $"{Path.Combine(Programs, "initdb")} -D {server.Data} -U {Owner} -A trust -E UTF8 --locale=C.UTF-8 --no-sync");
        await server.ConfigureAsync(
            [
                // A power cut is not what is tested here, and a commit that waits for the disk is most of a test's time.
                "fsync = off",
                "full_page_writes = off",
                "max_connections = 400",
                "shared_buffers = 64MB",
                .. settings,
            ],
            cancellationToken);
        await server.StartAsync(cancellationToken);
        return server;
    }

    /// <summary>A second server that follows the first one and can take its place (<see cref="PromoteAsync"/>).</summary>
    public async Task<PostgreSqlServer> StandbyAsync(CancellationToken cancellationToken)
    {
        var standby = await MakeAsync();
        await standby.RunAsync(
            cancellationToken,
            string.Create(CultureInfo.InvariantCulture, $"{Path.Combine(Programs, "pg_basebackup")} -D {standby.Data} -R --checkpoint=fast --no-sync -h 127.0.0.1 -p {Port} -U {Owner}"));
        await standby.ConfigureAsync([], cancellationToken);
        await standby.StartAsync(cancellationToken);
        return standby;
    }

    /// <param name="database">Null is the one that every server has.</param>
    public string Connection(string? database = null) =>
        string.Create(CultureInfo.InvariantCulture, $"Host=127.0.0.1;Port={Port};Username={Owner};Database={database ?? Owner}");

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var control = $"{Path.Combine(Programs, "pg_ctl")} -D {Data}";
        var options = string.Create(CultureInfo.InvariantCulture, $"-l {Path.Combine(_directory, "log")} -w -o '-p {Port} -k {_directory} -h 127.0.0.1'");
        var start = AsOwner($"if {control} {options} start >/dev/null; then echo started; read word; {control} -m immediate stop; [ \"$word\" = keep ] || rm -rf {_directory}; fi");
        _guard = Process.Start(start)!;
        if (await _guard.StandardOutput.ReadLineAsync(cancellationToken) != "started")
        {
            throw new InvalidOperationException($"PostgreSQL did not start: {await File.ReadAllTextAsync(Path.Combine(_directory, "log"), cancellationToken)}");
        }
    }

    /// <summary>Ends it in good order (<c>fast</c>: sessions are told 57P01) or as a crash would (<c>immediate</c>). The data stay.</summary>
    public async Task StopAsync(string mode, CancellationToken cancellationToken)
    {
        await RunAsync(cancellationToken, $"{Path.Combine(Programs, "pg_ctl")} -D {Data} -m {mode} -w stop");
        await _guard!.StandardInput.WriteLineAsync("keep");
        await DismissAsync();
    }

    public async Task RestartAsync(string mode, CancellationToken cancellationToken)
    {
        await StopAsync(mode, cancellationToken);
        await StartAsync(cancellationToken);
    }

    /// <summary>It keeps its connections, takes new ones, and says nothing.</summary>
    public Task FreezeAsync(CancellationToken cancellationToken) => SignalAsync("STOP", cancellationToken);

    public Task ThawAsync(CancellationToken cancellationToken) => SignalAsync("CONT", cancellationToken);

    public Task PromoteAsync(CancellationToken cancellationToken) => RunAsync(cancellationToken, $"{Path.Combine(Programs, "pg_ctl")} -D {Data} -w promote");

    /// <summary>For statements of the test itself, past every pool.</summary>
    public async Task<object?> ExecuteAsync(string sql, CancellationToken cancellationToken, string? database = null)
    {
        await using var connection = new NpgsqlConnection(Connection(database) + ";Pooling=false");
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await DismissAsync();
        await RunAsync(CancellationToken.None, $"rm -rf {_directory}");
    }

    private Task SignalAsync(string signal, CancellationToken cancellationToken) =>
        RunAsync(cancellationToken, $"server=$(head -1 {Path.Combine(Data, "postmaster.pid")}); kill -{signal} $server $(ps -o pid= --ppid $server)");

    private async Task DismissAsync()
    {
        if (_guard is { } guard)
        {
            _guard = null;
            guard.StandardInput.Close();
            await guard.WaitForExitAsync(CancellationToken.None);
            guard.Dispose();
        }
    }

    private static async Task<PostgreSqlServer> MakeAsync()
    {
        if (Programs is "")
        {
            throw new InvalidOperationException("PostgreSQL is not installed: apt-get install postgresql, as ./test.sh does.");
        }

        // Not a directory of .NET's making: it must belong to the user that the server runs as.
        var making = Process.Start(AsOwner("mktemp -d /tmp/kraliki-postgres-XXXXXX"))!;
        var directory = await making.StandardOutput.ReadLineAsync();
        await making.WaitForExitAsync();
        return new(directory!, Loopback.FreePort());
    }

    private static ProcessStartInfo AsOwner(string script)
    {
        string[] command = Environment.UserName == "root" ? ["runuser", "-u", Owner, "--", "sh", "-c", script] : ["sh", "-c", script];
        return new(command[0], command[1..]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/tmp" };
    }

    private async Task ConfigureAsync(IEnumerable<string> settings, CancellationToken cancellationToken) =>
        await RunAsync(cancellationToken, $"cat >> {Path.Combine(Data, "postgresql.conf")} <<'END'\n{string.Join('\n', settings)}\nEND");

    private async Task RunAsync(CancellationToken cancellationToken, string script)
    {
        using var process = Process.Start(AsOwner("exec 2>&1; " + script))!;
        process.StandardInput.Close();
        var output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{script} ended with {process.ExitCode}: {output}");
        }
    }
}
