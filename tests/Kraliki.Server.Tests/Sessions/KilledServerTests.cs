using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Kraliki.Client;
using Kraliki.Contracts;

namespace Kraliki.Server.Tests.Sessions;

/// <summary>The executable with a real call in it, killed without a chance to tidy up.</summary>
public sealed class KilledServerTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly string _data = Directory.CreateTempSubdirectory("kraliki-test-").FullName;
    private readonly Uri _url = new($"http://127.0.0.1:{FreePort()}/");
    private Process? _process;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_a_client_has_seen_is_there_after_a_kill_and_the_lost_call_ends_with_its_reason()
    {
        await StartAsync();
        using var api = await SignInAsync();
        var rehearsal = await api.StartRehearsalAsync(new StartRehearsal(Provider: "openai"), Cancelled);
        var session = await SessionOfAsync(api, rehearsal.Id);

        var seen = new List<EventMessage>();
        var (over, killed) = (false, false);
        await using var socket = api.OpenSocket(session);
        using var limit = new CancellationTokenSource(Patience);
        await foreach (var message in socket.ReadAsync(limit.Token))
        {
            if (message is not EventMessage happened)
            {
                continue;
            }

            seen.Add(happened);
            over = happened.Data is StateChanged { To: SessionState.Failed or SessionState.Completed };
            if (happened.Data is TurnFinished && !killed)
            {
                // SIGKILL with a turn just committed; the same socket then sees the session through.
                killed = true;
                await KillAsync();
                await StartAsync();
            }
        }

        Assert.True(over, "The socket closed before the session's end was seen.");
        Assert.Equal(Enumerable.Range(1, seen.Count).Select(i => (long)i), seen.Select(e => e.Seq));
        var end = Assert.IsType<StateChanged>(seen[^1].Data);
        Assert.Equal((SessionState.Failed, EndReason.TalkServerLost), (end.To, end.Reason!.Value));
        Assert.NotEmpty((await api.GetTranscriptAsync(session.Id, Cancelled)).Lines);
        Assert.True(socket.Metrics.TotalDisconnections >= 1);
    }

    public void Dispose()
    {
        _process?.Kill();
        _process?.Dispose();
        Directory.Delete(_data, recursive: true);
    }

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }

    private async Task StartAsync()
    {
        _process = Process.Start(new ProcessStartInfo(
            "dotnet",
            [
                Path.Combine(AppContext.BaseDirectory, "Kraliki.Server.dll"),
                $"--Kraliki:DataDirectory={_data}",
                "--Kraliki:Sessions:RecoverySeconds=2",
                $"--urls={_url.GetLeftPart(UriPartial.Authority)}",
            ])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        using var http = new HttpClient { BaseAddress = _url };
        using var client = new KralikiClient(http) { MaxAttempts = 10 };
        await client.GetConsoleInfoAsync(Cancelled);
    }

    private async Task KillAsync()
    {
        _process!.Kill();
        await _process.WaitForExitAsync(Cancelled);
        _process.Dispose();
        _process = null;
    }

    private async Task<KralikiClient> SignInAsync()
    {
        using var credentials = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(_data, "demo-credentials.json"), Cancelled));
        var api = new KralikiClient(new HttpClient { BaseAddress = _url });
        await api.LoginAsync(RunningServer.Operator, credentials.RootElement.GetProperty("password").GetString()!, TokenTransport.Body, Cancelled);
        return api;
    }

    private static async Task<SessionView> SessionOfAsync(KralikiClient api, Guid rehearsal)
    {
        var start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < Patience)
        {
            if ((await api.GetRehearsalAsync(rehearsal, Cancelled)).SessionId is { } id)
            {
                return await api.GetSessionAsync(id, Cancelled);
            }
        }

        throw new TimeoutException("The rehearsal got no session.");
    }
}
