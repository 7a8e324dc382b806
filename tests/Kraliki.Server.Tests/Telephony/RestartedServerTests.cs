using Kraliki.Client;
using Kraliki.Contracts;
using Kraliki.Server.Tests.Sessions;

namespace Kraliki.Server.Tests.Telephony;

/// <summary>A server that goes away in mid-call and comes back at the same address with the same data.</summary>
public sealed class RestartedServerTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("kraliki-test-").FullName;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_server_that_is_killed_in_mid_call_takes_the_call_up_again_with_its_history()
    {
        await using var openAI = await ScriptedOpenAI.StartAsync(Cancelled);
        var url = ServerProcess.FreeUrl();
        using var carrier = new TestCarrier(url);
        Guid session;
        await using (var doomed = await ServerProcess.StartAsync(url, _directory, openAI.Settings(), Cancelled))
        {
            using var client = await doomed.SignInAsync(Cancelled);
            await using var stream = await carrier.TalkAsync(Cancelled);
            await stream.ReceiveAsync("media", Cancelled);
            session = await RunningAsync(client);
            await stream.SpeakAsync(Cancelled);
            await UntilAsync(client, session, fact => fact is TurnFinished { Text: ScriptedOpenAI.CallerWords });

            await doomed.KillAsync(Cancelled);

            Assert.Equal(1006, (await stream.ClosedAsync(Cancelled)).Code);
        }

        await using var server = await ServerProcess.StartAsync(url, _directory, openAI.Settings(), Cancelled);
        using var api = await server.SignInAsync(Cancelled);
        Assert.Equal(SessionState.Active, (await api.GetSessionAsync(session, Cancelled)).State);
        Assert.Contains((await api.GetTranscriptAsync(session, Cancelled)).Lines, line => line.Text == ScriptedOpenAI.CallerWords);

        await GoesOnAsync(carrier, api, session, openAI);
    }

    [Fact]
    public async Task A_server_that_is_restarted_in_mid_call_goes_on_with_it()
    {
        await using var openAI = await ScriptedOpenAI.StartAsync(Cancelled);
        var url = ServerProcess.FreeUrl();
        using var carrier = new TestCarrier(url);
        Guid session;
        var first = await SessionServer.StartAsync(Cancelled, _directory, url: url, settings: openAI.Settings());
        await using (first)
        {
            await using var stream = await carrier.TalkAsync(Cancelled);
            using var client = await first.SignInAsync(Cancelled);
            await stream.ReceiveAsync("media", Cancelled);
            session = await RunningAsync(client);
            await stream.SpeakAsync(Cancelled);
            await UntilAsync(client, session, fact => fact is TurnFinished { Text: ScriptedOpenAI.CallerWords });

            await first.DisposeAsync();

            Assert.Equal((1000, "The server is shutting down."), await stream.ClosedAsync(Cancelled));
        }

        await using var server = await SessionServer.StartAsync(Cancelled, _directory, url: url, settings: openAI.Settings());
        using var api = await server.SignInAsync(Cancelled);
        Assert.Equal(SessionState.Active, (await api.GetSessionAsync(session, Cancelled)).State);

        await GoesOnAsync(carrier, api, session, openAI);
    }

    public void Dispose()
    {
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(_directory, recursive: true);
    }

    /// <summary>The carrier asks what follows the stream, and the conversation goes on where it was.</summary>
    private static async Task GoesOnAsync(TestCarrier carrier, KralikiClient api, Guid session, ScriptedOpenAI openAI)
    {
        int askedBefore = openAI.Asked.Count;
        var after = await carrier.AfterStreamAsync(Cancelled);
        Assert.Equal(["Connect"], after.Verbs);
        await using var stream = await carrier.StreamAsync(after, Cancelled);
        await stream.SpeakAsync(Cancelled);
        await stream.ReceiveAsync("media", Cancelled);

        // What the caller said before the break and again after it.
        Assert.Equal(2, openAI.Asked[askedBefore].Turns.Count(turn => turn.Text == ScriptedOpenAI.CallerWords));
        await stream.HangUpAsync(carrier.CallSid, Cancelled);
        var ended = Assert.IsType<StateChanged>(await UntilAsync(api, session, fact => fact is StateChanged { To: SessionState.WrapUp }));
        Assert.Equal(EndReason.CallerHungUp, ended.Reason);
        var events = (await api.GetEventsAsync(session, limit: 1000, cancellationToken: Cancelled)).Items;
        Assert.Equal(Enumerable.Range(1, events.Count).Select(seq => (long)seq), events.Select(happened => happened.Seq));
        Assert.Single(events, happened => happened.Data is CallResumed);
    }

    private static async Task<Guid> RunningAsync(KralikiClient client)
        => Assert.Single((await client.ListSessionsAsync(cancellationToken: Cancelled)).Items, session => !SessionStates.IsTerminal(session.State)).Id;

    private static async Task<SessionFact> UntilAsync(KralikiClient client, Guid session, Func<SessionFact, bool> wanted)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        limit.CancelAfter(SessionServer.Patience);
        await using var socket = client.OpenSocket(await client.GetSessionAsync(session, Cancelled));
        try
        {
            await foreach (var message in socket.ReadAsync(limit.Token))
            {
                if (message is EventMessage { Data: var fact } && wanted(fact))
                {
                    return fact;
                }
            }
        }
        catch (OperationCanceledException) when (!Cancelled.IsCancellationRequested)
        {
        }

        throw new TimeoutException("The session's socket did not tell what was awaited.");
    }
}
