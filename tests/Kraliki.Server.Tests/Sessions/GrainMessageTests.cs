using Kraliki.Contracts;
using Kraliki.Server.Sessions;
using Kraliki.Server.Sessions.Journal;
using Kraliki.Voice.Calls;
using Orleans.Serialization;

namespace Kraliki.Server.Tests.Sessions;

/// <summary>Within one node grain messages pass by reference; between nodes they are bytes. These tests make them bytes.</summary>
public sealed class GrainMessageTests(SharedSessionServer shared)
{
    private readonly Serializer _serializer = shared.Server.Get<Serializer>();

    [Fact]
    public void Every_fact_survives_the_way_between_nodes()
    {
        var batch = new FactBatch(3, 17, [.. Facts.OneOfEach.Select(fact => new TimedFact(fact, DateTimeOffset.UnixEpoch.AddMilliseconds(5)))]);

        var arrived = RoundTrip(batch);

        Assert.Equal((3, 17), (arrived.Epoch, arrived.Before));
        Assert.Equal(batch.Facts.Select(fact => (JournalJson.Write(fact.Fact), fact.At)), arrived.Facts.Select(fact => (JournalJson.Write(fact.Fact), fact.At)));
    }

    [Fact]
    public void A_failure_that_was_written_before_standbys_were_told_apart_reads_as_a_lost_call()
    {
        var read = JournalJson.Read("""{"kind":"provider_failed","provider":"openai","failure":"lost","detail":"gone"}""");
        Assert.Equal(new ProviderFailed("openai", ProviderFailure.Lost, "gone", HadCall: true), read);
    }

    [Fact]
    public void Commands_outcomes_and_changes_survive_the_way_between_nodes()
    {
        CallCommand[] commands = [new EndCall(EndReason.OperatorEnded, "Ended."), new InstructProvider("Be brief."), new ProvideToolResult("c", "{}"), new HoldCall(OnHold: true)];
        Assert.Equal(commands, commands.Select(RoundTrip));
        Assert.Equal(new CallOutcome(EndReason.CallerHungUp, "x"), RoundTrip(new CallOutcome(EndReason.CallerHungUp, "x")));
        Assert.Equal(new UpdateSession(SessionState.OnHold, "+420226259221"), RoundTrip(new UpdateSession(SessionState.OnHold, "+420226259221")));
        Assert.Equal(DeliveryOutcome.NoCall, RoundTrip(DeliveryOutcome.NoCall));
        Assert.Equal("Away.", RoundTrip(new JournalUnavailableException("Away.", new InvalidOperationException("Disk."))).Message);

        var created = new SessionCreated("local", VoiceStrategy.Segmented, "twilio", null, new Dictionary<string, string> { ["a"] = "b" });
        var row = SessionRow.Born(Guid.CreateVersion7(), Guid.CreateVersion7(), created, DateTimeOffset.UnixEpoch) with { EndReason = EndReason.TalkServerLost };
        var outcome = RoundTrip(new ChangeOutcome(ChangeResult.VersionConflict, row));
        Assert.Equal(row.Metadata, outcome.Row!.Metadata);
        Assert.Equal(row, outcome.Row with { Metadata = row.Metadata, Usage = row.Usage });

        var turn = new TurnFinished("t", LegRole.Ai, "Hello.", 1, 2);
        var assistant = new AssistantContent("Desk", "Be brief.", Tools: ["end_call"], Limits: new(MaxSilenceSeconds: 30));
        var attachment = RoundTrip(new Attachment(Guid.NewGuid(), 2, "local", [turn], true) { Assistant = assistant });
        Assert.Equal([turn], attachment.History);
        Assert.Equal((assistant.Instructions, assistant.Limits, "end_call"), (attachment.Assistant!.Instructions, attachment.Assistant.Limits, Assert.Single(attachment.Assistant.Tools!)));
    }

    [Fact]
    public void What_is_fleeting_survives_the_way_between_nodes()
    {
        var batch = new FleetingBatch(
            [new PartialTranscript("t1", LegRole.Caller, "Good mor", 10), new PartialTranscript("t2", LegRole.Ai, "Hel", 20)],
            new CallMeters(0.5, 0.25, 1_000, AiSpeaking: true, CallerSpeaking: false),
            new Unsaved([new DtmfReceived("5", 1), new TurnFinished("t0", LegRole.Ai, "Hello.", 1, 2)], 2, DateTimeOffset.UnixEpoch, "the disk is full"),
            [[1, 2, 3], []]);

        var arrived = RoundTrip(batch);

        Assert.Equal(batch.Partials, arrived.Partials);
        Assert.Equal(batch.Meters, arrived.Meters);
        Assert.Equal(batch.Unsaved!.Facts.Select(JournalJson.Write), arrived.Unsaved!.Facts.Select(JournalJson.Write));
        Assert.Equal(batch.Unsaved with { Facts = [] }, arrived.Unsaved with { Facts = [] });
        Assert.Equal(batch.Audio, arrived.Audio);
    }

    private T RoundTrip<T>(T message) => _serializer.Deserialize<T>(_serializer.SerializeToArray(message))!;
}
