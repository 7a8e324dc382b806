using System.Diagnostics;
using Kraliki.Client;
using Kraliki.Contracts;

namespace Kraliki.Server.Tests.Sessions;

/// <summary>The executable with a real call in it, killed without a chance to tidy up.</summary>
public sealed class KilledServerTests : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly string _data = Directory.CreateTempSubdirectory("kraliki-test-").FullName;
    private readonly Uri _url = ServerProcess.FreeUrl();
    private ServerProcess? _server;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_a_client_has_seen_is_there_after_a_kill_and_the_lost_call_ends_with_its_reason()
    {
        await StartAsync();
        using var api = await _server!.SignInAsync(Cancelled);
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
                await _server.KillAsync(Cancelled);
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

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        Directory.Delete(_data, recursive: true);
    }

    private async Task StartAsync() =>
        _server = await ServerProcess.StartAsync(_url, _data, new Dictionary<string, string> { ["Kraliki:Sessions:RecoverySeconds"] = "2" }, Cancelled);

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
