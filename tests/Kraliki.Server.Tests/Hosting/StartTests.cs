using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Kraliki.Server.Tests.Hosting;

/// <summary>The executable itself: what a person at a terminal gets to see.</summary>
public sealed class StartTests : IDisposable
{
    private readonly string _data = Directory.CreateTempSubdirectory("kraliki-test-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_wrong_setting_ends_the_start_with_one_sentence()
    {
        var (code, error) = await RunAsync("--Kraliki:Demo=perhaps");
        Assert.Equal(1, code);
        Assert.Equal("Kraliki:Demo is \"perhaps\" but must be true or false.", error.Trim());
    }

    [Fact]
    public async Task A_taken_port_ends_the_start_with_one_sentence()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var (code, error) = await RunAsync($"--urls=http://127.0.0.1:{((IPEndPoint)taken.LocalEndpoint).Port}");
        Assert.Equal(1, code);
        Assert.Contains("is taken", Assert.Single(error.Trim().Split('\n')));
    }

    public void Dispose() => Directory.Delete(_data, recursive: true);

    private async Task<(int Code, string Error)> RunAsync(params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(
            Environment.ProcessPath!.EndsWith("dotnet", StringComparison.Ordinal) ? Environment.ProcessPath : "dotnet",
            [Path.Combine(AppContext.BaseDirectory, "Kraliki.Server.dll"), $"--Kraliki:DataDirectory={_data}", .. arguments])
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
        })!;
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(Cancel);
            var error = await process.StandardError.ReadToEndAsync(Cancel);
            await output;
            await process.WaitForExitAsync(Cancel);
            return (process.ExitCode, error);
        }
        finally
        {
            process.Kill();
        }
    }
}
