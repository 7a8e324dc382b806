using Kraliki.Contracts;
using Kraliki.Server.Sessions;
using Kraliki.Server.Sessions.Calls;
using Kraliki.Server.Sessions.Journal;
using Kraliki.Voice.Calls;

namespace Kraliki.Server.Tests.Sessions;

/// <summary>A command whose answer got lost is sent again; it must not be carried out again, not even by the node that takes the session over.</summary>
public sealed class RepeatedCommandsTests(SharedSessionServer shared)
{
    private readonly SessionServer _server = shared.Server;
    private readonly Guid _request = Guid.CreateVersion7();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_operators_line_that_is_sent_again_is_recorded_and_told_once()
    {
        var call = await _server.StartCallAsync(Cancel);
        var grain = Grain(call.Id);
        Assert.Equal(DeliveryOutcome.Delivered, await grain.InstructAsync("Be brief.", "o@x.example", _request));
        Assert.Equal(DeliveryOutcome.Delivered, await grain.InstructAsync("Be brief.", "o@x.example", _request));
        Assert.Equal(DeliveryOutcome.Delivered, await grain.InstructAsync("Be kind.", "o@x.example", Guid.CreateVersion7()));
        Assert.Equal(new InstructProvider("Be brief."), await call.CommandAsync(Cancel));
        Assert.Equal(new InstructProvider("Be kind."), await call.CommandAsync(Cancel));

        await ForgetAsync(grain);
        await Assert.ThrowsAsync<JournalUnavailableException>(() => grain.InstructAsync("Be brief.", "o@x.example", _request));
        await grain.RenewAsync(call.Live.Epoch, _server.Get<NodeLink>().Reference(_server.Get<IGrainFactory>()));
        Assert.Equal(DeliveryOutcome.Delivered, await grain.InstructAsync("Be brief.", "o@x.example", _request));
        Assert.Equal(DeliveryOutcome.Delivered, await grain.InstructAsync("Be quick.", "o@x.example", Guid.CreateVersion7()));
        Assert.Equal(new InstructProvider("Be quick."), await call.CommandAsync(Cancel));
        Assert.Equal(["Be brief.", "Be kind.", "Be quick."], (await FactsAsync<OperatorText>(call.Id)).Select(line => line.Text));
        await call.EndAsync(EndReason.OperatorEnded);
        Assert.Equal(DeliveryOutcome.NoCall, await grain.InstructAsync("Be brief.", "o@x.example", _request));
    }

    [Fact]
    public async Task What_was_found_out_is_recorded_once_and_other_findings_still_are()
    {
        var row = await _server.CreateAsync(Cancel);
        var grain = Grain(row.Id);
        await grain.RecordAsync([new SentimentMeasured("t1", 0.5, Mood.Positive, "test")], _request);
        await grain.RecordAsync([new SentimentMeasured("t1", 0.5, Mood.Positive, "test")], _request);
        await ForgetAsync(grain);
        await grain.RecordAsync([new SentimentMeasured("t1", 0.5, Mood.Positive, "test")], _request);
        Assert.Single(await FactsAsync<SentimentMeasured>(row.Id));

        await grain.RecordAsync([new SentimentMeasured("t2", 0.1, Mood.Neutral, "test")], Guid.CreateVersion7());
        Assert.Equal(2, (await FactsAsync<SentimentMeasured>(row.Id)).Count);
    }

    [Fact]
    public async Task A_change_that_is_sent_again_is_made_once()
    {
        var row = await _server.CreateAsync(Cancel);
        var grain = Grain(row.Id);
        var change = new UpdateSession(Metadata: new Dictionary<string, string> { ["crm"] = "7" });
        var first = await grain.UpdateAsync(change, "o@x.example", null, _request);
        Assert.Equal(first.Row!.Version, (await grain.UpdateAsync(change, "o@x.example", null, _request)).Row!.Version);

        await ForgetAsync(grain);
        var again = await grain.UpdateAsync(change, "o@x.example", row.Version, _request);
        Assert.Equal((ChangeResult.Done, first.Row.Version), (again.Result, again.Row!.Version));
        Assert.Single(await FactsAsync<SessionUpdated>(row.Id));

        Assert.Equal(ChangeResult.VersionConflict, (await grain.UpdateAsync(change, "o@x.example", row.Version, Guid.CreateVersion7())).Result);
    }

    [Fact]
    public void A_session_knows_its_newest_requests_again()
    {
        var row = SessionRow.Born(
            Guid.NewGuid(), Guid.NewGuid(), new SessionCreated("local", VoiceStrategy.Realtime, "twilio", null, new Dictionary<string, string>()), DateTimeOffset.UnixEpoch);
        var requests = Enumerable.Range(0, 20).Select(_ => Guid.CreateVersion7()).ToList();
        row = requests.Aggregate(row, (before, request) => before.Doing(request));
        Assert.Equal(requests.TakeLast(16), requests.Where(row.Did));
        Assert.Equal(16 * 16, row.Requests.Length);
    }

    private ISessionGrain Grain(Guid session) => _server.Get<IGrainFactory>().GetGrain<ISessionGrain>(session);

    /// <summary>The next call finds a grain that has just woken and knows only what is in the journal, as after the death of its node.</summary>
    private static async Task ForgetAsync(ISessionGrain grain) => await grain.Cast<Orleans.Core.Internal.IGrainManagementExtension>().DeactivateOnIdle();

    private async Task<List<T>> FactsAsync<T>(Guid session)
        where T : SessionFact =>
        [.. (await _server.Get<JournalReader>().EventsAsync(session, 0, 100, Cancel)).Select(happened => happened.Data).OfType<T>()];
}
