using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Kraliki.Client;
using Kraliki.Contracts;
using Kraliki.Server.Tests.Sessions;
using Kraliki.Tests.Shared;

namespace Kraliki.Server.Tests;

/// <summary>The real server as a process of its own, which can die.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private readonly Process _process;

    private ServerProcess(Process process, Uri url, string directory)
    {
        _process = process;
        Url = url;
        DataDirectory = directory;
    }

    public Uri Url { get; }

    public string DataDirectory { get; }

    /// <summary>An address that is free now, for a server that must come back at the same address.</summary>
    public static Uri FreeUrl() => new($"http://127.0.0.1:{Loopback.FreePort()}");

    public static async Task<ServerProcess> StartAsync(Uri url, string directory, IReadOnlyDictionary<string, string> settings, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "Kraliki.Server")) { RedirectStandardOutput = true };
        var database = settings.ContainsKey("Kraliki:Database:Provider") ? new Dictionary<string, string>() : await TestDatabase.SettingsAsync(directory, cancellationToken);
        foreach (var (key, value) in new Dictionary<string, string>([.. database, .. settings])
        {
            ["urls"] = url.GetLeftPart(UriPartial.Authority),
            ["Kraliki:DataDirectory"] = directory,
            ["Kraliki:Demo"] = "true",
            ["Logging:LogLevel:Default"] = "Warning",
        })
        {
            start.ArgumentList.Add($"--{key}={value}");
        }

        var ready = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        var server = new ServerProcess(new Process { StartInfo = start }, url, directory);
        server._process.OutputDataReceived += (_, line) =>
        {
            // Its warnings stand among those of the servers inside the tests.
            if (line.Data?.Contains(": Kraliki.", StringComparison.Ordinal) == true)
            {
                Console.WriteLine(line.Data);
            }

            if (line.Data is null || line.Data.Contains("Kraliki is ready", StringComparison.Ordinal))
            {
                ready.TrySetResult(line.Data is not null);
            }
        };
        server._process.Start();
        server._process.BeginOutputReadLine();
        try
        {
            return await ready.Task.WaitAsync(SessionServer.Patience * 2, cancellationToken)
                ? server
                : throw new InvalidOperationException("The server's process ended before it was ready.");
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>The typed client, signed in with the demo's password.</summary>
    public async Task<KralikiClient> SignInAsync(CancellationToken cancellationToken)
    {
        var credentials = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(DataDirectory, "demo-credentials.json"), cancellationToken))!;
        var client = new KralikiClient(new HttpClient { BaseAddress = Url });
        await client.LoginAsync(RunningServer.Operator, (string)credentials["password"]!, TokenTransport.Body, cancellationToken);
        return client;
    }

    /// <summary>As a power cut would: SIGKILL, no word to anybody.</summary>
    public async Task KillAsync(CancellationToken cancellationToken)
    {
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync(cancellationToken);
    }

    /// <summary>As a supervisor asks a process to end, and as it asks again.</summary>
    /// <returns>The process' exit code, once it has ended.</returns>
    public async Task<int> TerminateAsync(CancellationToken cancellationToken)
    {
        using var kill = Process.Start("kill", ["-TERM", _process.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync(cancellationToken);
        await _process.WaitForExitAsync(cancellationToken);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await KillAsync(CancellationToken.None);
        }

        _process.Dispose();
    }
}
