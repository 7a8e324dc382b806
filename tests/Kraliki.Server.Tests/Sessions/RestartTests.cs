using Kraliki.Contracts;

namespace Kraliki.Server.Tests.Sessions;

public sealed class RestartTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task After_a_restart_the_session_is_there_and_the_call_goes_on_when_the_carrier_comes_back()
    {
        using var data = new DataDirectory();
        await using var before = await SessionServer.StartAsync(Cancelled, data.Path);
        var lost = await before.StartCallAsync(Cancelled);
        lost.Say(LegRole.Caller, "Remember the number seven.");
        await before.UntilAsync(lost.Id, row => row.LastSeq >= 6, "the turn was not written", Cancelled);
        await before.DisposeAsync();

        await using var after = await SessionServer.StartAsync(Cancelled, data.Path);
        Assert.Equal(SessionState.Active, (await after.RowAsync(lost.Id, Cancelled)).State);
        var back = await after.AttachAsync(lost.Id, Cancelled);
        Assert.Equal("Remember the number seven.", Assert.IsType<TurnFinished>(Assert.Single(back.Live.History)).Text);
        back.Connect();
        back.Say(LegRole.Ai, "Seven.");
        await back.EndAsync(EndReason.CallerHungUp);

        var row = await after.RowAsync(lost.Id, Cancelled);
        Assert.Equal(SessionState.Completed, row.State);
        var events = await after.Journal.EventsAsync(lost.Id, 0, 100, Cancelled);
        Assert.Equal(Enumerable.Range(1, events.Count).Select(i => (long)i), events.Select(e => e.Seq));
        Assert.Single(events, e => e.Data is CallResumed);
    }

    [Fact]
    public async Task A_call_that_does_not_come_back_in_time_fails_with_a_clear_sentence()
    {
        using var data = new DataDirectory();
        await using var before = await SessionServer.StartAsync(Cancelled, data.Path);
        var lost = await before.StartCallAsync(Cancelled);
        await before.DisposeAsync();

        await using var after = await SessionServer.StartAsync(Cancelled, data.Path, new()
        {
            RecoveryGrace = TimeSpan.FromSeconds(1),
            SweepInterval = TimeSpan.FromMilliseconds(100),
        });
        var row = await after.UntilAsync(lost.Id, row => row.State == SessionState.Failed, "the session was not given up", Cancelled);

        Assert.Equal(EndReason.TalkServerLost, row.EndReason);
        Assert.Contains("did not come back", row.EndDetail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_call_that_renews_its_claim_is_left_alone_and_an_unused_session_is_given_up()
    {
        await using var server = await SessionServer.StartAsync(Cancelled, limits: new()
        {
            RenewInterval = TimeSpan.FromMilliseconds(500),
            RecoveryGrace = TimeSpan.FromMilliseconds(100),
            SweepInterval = TimeSpan.FromMilliseconds(50),
            UnusedSessionLife = TimeSpan.FromSeconds(2),
        });
        var call = await server.StartCallAsync(Cancelled);
        var unused = await server.CreateAsync(Cancelled);

        var row = await server.UntilAsync(unused.Id, row => row.State == SessionState.Failed, "the unused session was not given up", Cancelled);

        Assert.Equal(EndReason.CancelledBeforeConnect, row.EndReason);
        Assert.Equal(SessionState.Active, (await server.RowAsync(call.Id, Cancelled)).State);
        await call.EndAsync(EndReason.CallerHungUp);
    }

    private sealed class DataDirectory : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("kraliki-test-").FullName;

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
