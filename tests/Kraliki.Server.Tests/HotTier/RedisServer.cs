using System.Diagnostics;
using System.Globalization;
using Kraliki.Tests.Shared;
using StackExchange.Redis;

namespace Kraliki.Server.Tests.HotTier;

/// <summary>A real redis-server on a port of its own, to be killed, frozen, emptied and started again.</summary>
public sealed class RedisServer : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly string _directory = Directory.CreateTempSubdirectory("kraliki-redis-").FullName;
    private readonly string? _password;
    private Process? _process;

    private RedisServer(int port, string? password)
    {
        Port = port;
        _password = password;
    }

    public int Port { get; }

    public string ConnectionString => _password is null ? $"127.0.0.1:{Port}" : $"127.0.0.1:{Port},password={_password}";

    public bool IsRunning => _process is { HasExited: false };

    /// <summary>For a server's settings.</summary>
    public Dictionary<string, string> Settings => new() { ["Kraliki:Redis:ConnectionString"] = ConnectionString };

    /// <summary>Nothing runs yet.</summary>
    public static RedisServer Prepare(string? password = null) => new(Loopback.FreePort(), password);

    public static async Task<RedisServer> StartAsync(CancellationToken cancellationToken)
    {
        var server = Prepare();
        await server.RunAsync(cancellationToken);
        return server;
    }

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        List<string> arguments = ["--port", Port.ToString(CultureInfo.InvariantCulture), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", _directory];
        if (_password is not null)
        {
            arguments.AddRange(["--requirepass", _password]);
        }

        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _process = new Process { StartInfo = new("redis-server", arguments) { RedirectStandardOutput = true, RedirectStandardError = true } };
        _process.OutputDataReceived += (_, line) =>
        {
            if (line.Data?.Contains("Ready to accept connections", StringComparison.Ordinal) == true)
            {
                ready.TrySetResult();
            }
        };
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        try
        {
            await ready.Task.WaitAsync(Patience, cancellationToken);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException("redis-server did not become ready.");
        }
    }

    /// <summary>kill -9.</summary>
    public async Task KillAsync(CancellationToken cancellationToken)
    {
        _process!.Kill();
        await _process.WaitForExitAsync(cancellationToken);
    }

    public Task FreezeAsync(CancellationToken cancellationToken) => SignalAsync("STOP", cancellationToken);

    public Task ThawAsync(CancellationToken cancellationToken) => SignalAsync("CONT", cancellationToken);

    /// <summary>A client beside the server's own.</summary>
    public async Task<ConnectionMultiplexer> ConnectAsync() => await ConnectionMultiplexer.ConnectAsync($"{ConnectionString},allowAdmin=true");

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false })
        {
            await KillAsync(CancellationToken.None);
        }

        _process?.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private async Task SignalAsync(string signal, CancellationToken cancellationToken)
    {
        using var kill = Process.Start("kill", [$"-{signal}", _process!.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync(cancellationToken);
    }
}
