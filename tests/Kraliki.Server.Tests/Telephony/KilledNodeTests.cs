using Kraliki.Contracts;
using Kraliki.Simulators.Twilio;

namespace Kraliki.Server.Tests.Telephony;

/// <summary>The only server is killed in mid-call and started again: the caller waits, and the call goes on.</summary>
public sealed class KilledNodeTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("kraliki-test-").FullName;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("wait")]
    [InlineData("go_on")]
    public async Task A_call_survives_the_death_of_the_only_server(string lostStream)
    {
        await using var openAI = await ScriptedOpenAI.StartAsync(Cancelled);

        // A carrier that goes on at once meets nobody and asks again: by the retries that our addresses ask for.
        await using var twilio = await CarrierServer.StartTwilioAsync(lostStream, Cancelled, retryPause: TimeSpan.FromSeconds(2.5));
        var settings = CarrierServer.Settings(twilio, openAI);
        var url = ServerProcess.FreeUrl();
        SimulatedCall call;
        await using (var doomed = await ServerProcess.StartAsync(url, _directory, settings, Cancelled))
        {
            call = await CarrierServer.PlaceAsync(twilio, url, Cancelled);
            await CarrierServer.UntilAsync(call, report => report.Lines is [{ FirstAnswerMs: not null }, ..], "the assistant did not answer", Cancelled);
            await doomed.KillAsync(Cancelled);
        }

        await using var server = await ServerProcess.StartAsync(url, _directory, settings, Cancelled);

        var report = await CarrierServer.BackAsync(call, Cancelled);
        TestContext.Current.TestOutputHelper?.WriteLine($"{lostStream}: {report.Interruptions[0].SilenceMs} ms without the assistant, the server's start among them");
        using var api = await server.SignInAsync(Cancelled);
        var session = Assert.Single((await api.ListSessionsAsync(cancellationToken: Cancelled)).Items, session => session.State == SessionState.Active);
        var facts = (await api.GetEventsAsync(session.Id, limit: 1000, cancellationToken: Cancelled)).Items;
        Assert.Equal(Enumerable.Range(1, facts.Count).Select(seq => (long)seq), facts.Select(happened => happened.Seq));
        Assert.Single(facts, happened => happened.Data is CallResumed);
        call.HangUp();
        await call.Completion.WaitAsync(Sessions.SessionServer.Patience, Cancelled);
    }

    public void Dispose()
    {
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(_directory, recursive: true);
    }
}
