using Kraliki.Contracts;
using Kraliki.Simulators.Faults;

namespace Kraliki.Server.Tests.Telephony;

public sealed class CallTests(SharedTelephonyServer shared)
{
    private readonly TelephonyServer _server = shared.Server;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_caller_speaks_is_answered_and_hangs_up()
    {
        using var carrier = _server.Carrier();
        var (stream, session) = await _server.TalkAsync(carrier, Cancelled);
        await using var _ = stream;

        await stream.SpeakAsync(Cancelled);
        await _server.UntilSaidAsync(session, ScriptedOpenAI.CallerWords, Cancelled);
        await stream.HangUpAsync(carrier.CallSid, Cancelled);

        var row = await _server.UntilAsync(session, SessionState.Completed, Cancelled);
        Assert.Equal((EndReason.CallerHungUp, "The caller hung up."), (row.EndReason!.Value, row.EndDetail));
        var ended = Assert.Single(await _server.FactsAsync<MediaEnded>(session, Cancelled));
        Assert.Equal((EndReason.CallerHungUp, TestStream.FramesPerTurn, 0), (ended.Reason, ended.FramesIn, ended.FramesDropped));
        Assert.Equal(carrier.CallSid, Assert.Single(await _server.FactsAsync<CarrierConnected>(session, Cancelled)).CallSid);
    }

    [Fact]
    public async Task Keys_that_the_caller_presses_are_in_the_journal_and_the_assistant_is_told()
    {
        using var carrier = _server.Carrier();
        var (stream, session) = await _server.TalkAsync(carrier, Cancelled);
        await using var _ = stream;

        foreach (char digit in "4719#")
        {
            await stream.PressAsync(digit, Cancelled);
        }

        await _server.Sessions.UntilFactAsync<DtmfReceived>(session, key => key.Digit == "#", "the keys did not reach the journal", Cancelled);
        Assert.Equal(["4", "7", "1", "9", "#"], (await _server.FactsAsync<DtmfReceived>(session, Cancelled)).Select(key => key.Digit));
        await stream.ReceiveAsync("media", Cancelled);
        Assert.Contains(_server.OpenAI.Asked, asked => asked.Turns.Any(turn => turn.Text.Contains("4 7 1 9 #", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_provider_that_dies_ends_the_call_with_a_reason_and_an_apology()
    {
        using var carrier = _server.Carrier();
        var (stream, session) = await _server.TalkAsync(carrier, Cancelled);
        await using var _ = stream;
        var provider = Assert.Single(await _server.FactsAsync<ProviderConnected>(session, Cancelled));

        _server.OpenAI.Simulator.Faults.Arm(new Fault(FaultKind.Drop, Connection: provider.ProviderSessionId));

        Assert.Equal(1000, (await stream.ClosedAsync(Cancelled)).Code);
        var after = await carrier.AfterStreamAsync(Cancelled);
        Assert.Equal(["Say", "Hangup"], after.Verbs);
        Assert.Contains("connection to our assistant was lost", after.Said, StringComparison.Ordinal);
        var row = await _server.Sessions.RowAsync(session, Cancelled);
        Assert.Equal((SessionState.Failed, EndReason.TalkProviderLost), (row.State, row.EndReason!.Value));
        Assert.Contains("OpenAI", row.EndDetail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_key_that_the_provider_does_not_accept_ends_the_call_before_it_begins()
    {
        await using var server = await TelephonyServer.StartAsync(Cancelled, key: "sk-wrong");
        using var carrier = server.Carrier();

        await using var stream = await carrier.TalkAsync(Cancelled);

        await stream.ClosedAsync(Cancelled);
        Assert.Equal(["Say", "Hangup"], (await carrier.AfterStreamAsync(Cancelled)).Verbs);
        var row = await server.Sessions.RowAsync(await server.SessionOfAsync(carrier, Cancelled), Cancelled);
        Assert.Equal((SessionState.Failed, EndReason.ConnectProviderUnauthorized), (row.State, row.EndReason!.Value));
        Assert.DoesNotContain("sk-wrong", row.EndDetail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_operator_ends_the_call_from_the_console()
    {
        using var carrier = _server.Carrier();
        var (stream, session) = await _server.TalkAsync(carrier, Cancelled);
        await using var _ = stream;
        using var api = await _server.Sessions.SignInAsync(Cancelled);

        await api.EndSessionAsync(session, "Wrong number", cancellationToken: Cancelled);

        Assert.Equal(1000, (await stream.ClosedAsync(Cancelled)).Code);
        Assert.Equal(["Hangup"], (await carrier.AfterStreamAsync(Cancelled)).Verbs);
        var row = await _server.UntilAsync(session, SessionState.Completed, Cancelled);
        Assert.Equal((EndReason.OperatorEnded, $"Ended by {RunningServer.Operator}: Wrong number"), (row.EndReason!.Value, row.EndDetail));
    }

    [Fact]
    public async Task A_stream_that_the_carrier_lost_is_taken_over_by_the_next_one()
    {
        using var carrier = _server.Carrier();
        var (first, session) = await _server.TalkAsync(carrier, Cancelled);
        await using var _ = first;
        await first.SpeakAsync(Cancelled);
        await _server.UntilSaidAsync(session, ScriptedOpenAI.CallerWords, Cancelled);

        await using var second = await carrier.StreamAsync(await carrier.RingAsync(Cancelled), Cancelled);

        Assert.Equal(1000, (await first.ClosedAsync(Cancelled)).Code);
        await second.SpeakAsync(Cancelled);
        await second.ReceiveAsync("media", Cancelled);
        Assert.Single(await _server.FactsAsync<CallResumed>(session, Cancelled));
        await second.HangUpAsync(carrier.CallSid, Cancelled);
        Assert.Equal(EndReason.CallerHungUp, (await _server.UntilAsync(session, SessionState.Completed, Cancelled)).EndReason);
    }
}
