using Kraliki.Contracts;
using Kraliki.Simulators.Faults;

namespace Kraliki.Server.Tests.Telephony;

/// <summary>A provider fails in the middle of a real call: carrier's socket, our loop, the provider's socket.</summary>
public sealed class FailoverTests(FailoverTests.Shared shared) : IClassFixture<FailoverTests.Shared>
{
    private readonly TelephonyServer _server = shared.Server;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task When_the_provider_leaves_another_one_answers_what_the_caller_has_just_asked()
    {
        using var carrier = _server.Carrier();
        var (stream, session) = await _server.TalkAsync(carrier, Cancelled);
        await using var _ = stream;
        var first = Assert.Single(await _server.FactsAsync<ProviderConnected>(session, Cancelled));

        _server.OpenAI.Heard = "when are you open";

        // A close frame and not a cut, which would take along what is still on its way: the words are written down, and their answer is owed.
        Break(first, FaultKind.Close, on: "conversation.item.input_audio_transcription.completed");
        await stream.SpeakAsync(Cancelled);

        var switched = await SwitchedAsync(session);
        Assert.Equal(("openai", "local", SwitchCause.Failover, "server"), (switched.From, switched.To, switched.Cause, switched.By));
        Assert.InRange(switched.TookMs, 0, 2_000);
        Assert.Single(await _server.FactsAsync<ProviderFailed>(session, Cancelled));

        // The office hours.
        var answer = await _server.Sessions.UntilFactAsync<TurnFinished>(session, turn => turn.Speaker == LegRole.Ai && turn.Text.Contains("open", StringComparison.OrdinalIgnoreCase), "the other one did not answer", Cancelled);
        Assert.False(answer.Interrupted);
        Assert.Single(await _server.FactsAsync<TurnFinished>(session, Cancelled), turn => turn.Text == "when are you open");
        Assert.Equal("local", (await _server.Sessions.RowAsync(session, Cancelled)).Provider);

        await stream.HangUpAsync(carrier.CallSid, Cancelled);
        Assert.Equal(EndReason.CallerHungUp, (await _server.UntilAsync(session, SessionState.Completed, Cancelled)).EndReason);
    }

    [Fact]
    public async Task A_provider_that_falls_silent_with_an_open_socket_is_replaced_after_the_sessions_own_patience()
    {
        using var carrier = _server.Carrier();
        var (stream, session) = await _server.TalkAsync(carrier, Cancelled);
        await using var _ = stream;
        using var api = await _server.Sessions.SignInAsync(Cancelled);
        await api.SetFailoverPolicyAsync(session, new FailoverPolicy(true, ["local"], 2), (await api.GetSessionAsync(session, Cancelled)).Version, Cancelled);

        Break(Assert.Single(await _server.FactsAsync<ProviderConnected>(session, Cancelled)), FaultKind.Freeze);
        await stream.SpeakAsync(Cancelled, more: 20);

        var switched = await SwitchedAsync(session);
        Assert.Equal("local", switched.To);
        Assert.True(switched.ReplayedMs >= 800, $"Only {switched.ReplayedMs} ms were heard again.");
        Assert.Equal(ProviderFailure.Stalled, Assert.Single(await _server.FactsAsync<ProviderFailed>(session, Cancelled)).Failure);
        Assert.True((await api.GetSessionProviderAsync(session, Cancelled)) is { Provider: "local", Live: true, Switches: 1, ConnectMs: not null });
    }

    [Fact]
    public async Task A_call_whose_first_provider_refuses_the_key_begins_with_the_next_one()
    {
        await using var server = await TelephonyServer.StartAsync(Cancelled, key: "sk-wrong", failover: true);
        using var carrier = server.Carrier();

        var (stream, session) = await server.TalkAsync(carrier, Cancelled);
        await using var _ = stream;

        Assert.Equal(("openai", ProviderFailure.Unauthorized), Assert.Single(await server.FactsAsync<ProviderFailed>(session, Cancelled)) is var failed ? (failed.Provider, failed.Failure) : default);
        using var api = await server.Sessions.SignInAsync(Cancelled);
        Assert.Equal(("local", true), await api.GetSessionProviderAsync(session, Cancelled) is var now ? (now.Provider, now.Live) : default);
        var health = await api.GetSessionProviderHealthAsync(session, Cancelled);
        Assert.Equal(["local", "openai"], health.Select(provider => provider.Provider));
        Assert.Equal([(true, 0), (false, 1)], health.Select(provider => (provider.Current, provider.Failures)));
        Assert.DoesNotContain("sk-wrong", health[1].LastError, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Calls_keep_away_from_a_provider_that_has_refused_the_key()
    {
        await using var server = await TelephonyServer.StartAsync(Cancelled, key: "sk-wrong", failover: true);
        using var first = server.Carrier();
        var (stream, session) = await server.TalkAsync(first, Cancelled);
        await using var _ = stream;
        Assert.Single(await server.FactsAsync<ProviderFailed>(session, Cancelled));

        using var second = server.Carrier();
        var (other, next) = await server.TalkAsync(second, Cancelled);
        await using var __ = other;
        Assert.Empty(await server.FactsAsync<ProviderFailed>(next, Cancelled));
        Assert.Equal("local", Assert.Single(await server.FactsAsync<ProviderConnected>(next, Cancelled)).Provider);
        using var api = await server.Sessions.SignInAsync(Cancelled, RunningServer.Admin);
        var health = await api.GetProvidersHealthAsync(Cancelled);
        Assert.Equal(BreakerState.Open, health.Providers.Single(provider => provider.Provider == "openai").State);
        Assert.Equal(1.0, health.Providers.Single(provider => provider.Provider == "local").SuccessRate);
    }

    [Fact]
    public async Task A_provider_without_an_alternative_is_connected_again_and_knows_what_was_said()
    {
        await using var server = await TelephonyServer.StartAsync(Cancelled, failover: true, settings: new Dictionary<string, string> { ["Kraliki:Providers:Failover:Order"] = "openai" });
        using var carrier = server.Carrier();
        var (stream, session) = await server.TalkAsync(carrier, Cancelled);
        await using var _ = stream;
        await stream.SpeakAsync(Cancelled);
        await server.UntilAnsweredAsync(session, Cancelled);

        server.OpenAI.Heard = "And the number eight.";
        server.OpenAI.Simulator.Faults.Arm(new Fault(
            FaultKind.Drop, new FaultMoment(On: "input_audio_buffer.speech_started"), Connection: Assert.Single(await server.FactsAsync<ProviderConnected>(session, Cancelled)).ProviderSessionId));
        await stream.SpeakAsync(Cancelled);

        // Nobody had written them down: they are heard again, and once.
        await server.UntilSaidAsync(session, "And the number eight.", Cancelled);
        await server.Sessions.UntilFactAsync<TurnFinished>(session, turn => turn.Speaker == LegRole.Ai && turn.StartMs > 1_500 && turn.Text == ScriptedOpenAI.AnswerWords, "the second question was not answered", Cancelled);
        Assert.Equal(
            [ScriptedOpenAI.CallerWords, "And the number eight."],
            (await server.FactsAsync<TurnFinished>(session, Cancelled)).Where(turn => turn.Speaker == LegRole.Caller).Select(turn => turn.Text));
        Assert.Contains(server.OpenAI.Asked[^1].Turns, turn => turn.Text == ScriptedOpenAI.CallerWords);
        Assert.True((await server.FactsAsync<ProviderSwitched>(session, Cancelled))[0].ReplayedMs > 0);
    }

    [Fact]
    public async Task While_nobody_can_be_reached_the_caller_is_asked_to_wait_and_then_connected_with_a_person()
    {
        await using var server = await TelephonyServer.StartAsync(Cancelled, failover: true, settings: new Dictionary<string, string>
        {
            ["Kraliki:Providers:Failover:Order"] = "openai",
            ["Kraliki:Telephony:HumanNumber"] = "+420226259221",
        });
        using var carrier = server.Carrier();
        var (stream, session) = await server.TalkAsync(carrier, Cancelled);
        await using var _ = stream;

        server.OpenAI.Simulator.Faults.Arm(new Fault(FaultKind.Drop, Connections: 0));
        server.OpenAI.Simulator.Faults.Arm(new Fault(FaultKind.Drop, Connection: Assert.Single(await server.FactsAsync<ProviderConnected>(session, Cancelled)).ProviderSessionId));
        await server.UntilSaidAsync(session, "One moment, please.", Cancelled);

        using var api = await server.Sessions.SignInAsync(Cancelled);
        await api.SetFailoverPolicyAsync(session, new FailoverPolicy(false, [], 2), (await api.GetSessionAsync(session, Cancelled)).Version, Cancelled);
        await stream.ClosedAsync(Cancelled);
        var after = await carrier.AfterStreamAsync(Cancelled);
        Assert.Equal(["Say", "Dial"], after.Verbs);
        Assert.Equal("+420226259221", after.Response.Element("Dial")!.Value);
        Assert.Equal(["Hangup"], (await carrier.AfterDialAsync("completed", Cancelled)).Verbs);
        Assert.Equal(["Say", "Hangup"], (await carrier.AfterDialAsync("no-answer", Cancelled)).Verbs);
        Assert.Single(await server.FactsAsync<TurnFinished>(session, Cancelled), turn => turn.Text == "One moment, please.");
    }

    private void Break(ProviderConnected connection, FaultKind kind, string? on = null) =>
        _server.OpenAI.Simulator.Faults.Arm(new Fault(kind, on is null ? null : new FaultMoment(On: on), Connection: connection.ProviderSessionId));

    private Task<ProviderSwitched> SwitchedAsync(Guid session) =>
        _server.Sessions.UntilFactAsync<ProviderSwitched>(session, _ => true, "nobody took the call over", Cancelled);

    public sealed class Shared : IAsyncLifetime
    {
        internal TelephonyServer Server { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Server = await TelephonyServer.StartAsync(
            // What the caller said is written down before the answer to it begins.
            TestContext.Current.CancellationToken, failover: true, thinkTime: TimeSpan.FromMilliseconds(250));

        public ValueTask DisposeAsync() => Server.DisposeAsync();
    }
}
