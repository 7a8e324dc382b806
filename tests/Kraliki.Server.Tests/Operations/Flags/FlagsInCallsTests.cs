using System.Diagnostics.Metrics;
using System.Net;
using Kraliki.Contracts;
using Kraliki.Server.Sessions;
using Kraliki.Server.Tests.Sessions;
using Kraliki.Server.Tests.Telephony;
using Kraliki.Simulators.OpenAI;
using Microsoft.Extensions.Diagnostics.Metrics.Testing;

namespace Kraliki.Server.Tests.Operations.Flags;

/// <summary>Each flag is switched by the admin's request while a real call runs: carrier's socket, our loop, the provider's socket.</summary>
public sealed class FlagsInCallsTests(FlagsInCallsTests.Shared shared) : IClassFixture<FlagsInCallsTests.Shared>
{
    private readonly TelephonyServer _server = shared.Server;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Without_function_calling_the_model_gets_no_tools_and_what_it_asks_for_all_the_same_is_refused()
    {
        using var carrier = _server.Carrier();
        var (stream, session) = await _server.TalkAsync(carrier, Cancelled);
        await using var _ = stream;
        Assert.Equal(["end_call", "current_time", "request_callback"], _server.OpenAI.Asked[^1].Tools.Select(tool => tool.Name));

        await SwitchAsync("enable_function_calling", false);
        _server.OpenAI.Mind = asked => asked.Turns[^1].Role == MindRole.Tool ? new MindReply("Then I stay.") : new MindReply("Goodbye!", new MindCall("end_call", "{}"));
        await stream.SpeakAsync(Cancelled);
        var refused = await _server.Sessions.UntilFactAsync<ToolCalled>(session, _ => true, "the tool call is not in the journal", Cancelled);
        Assert.True(refused.Refused);
        Assert.Contains("switched off", refused.Result, StringComparison.Ordinal);
        Assert.Empty(_server.OpenAI.Asked.Last(asked => asked.Turns[^1].Role == MindRole.User).Tools);

        await _server.UntilSaidAsync(session, "Then I stay.", Cancelled);
        await SwitchAsync("enable_function_calling", true);
        await stream.SpeakAsync(Cancelled);
        Assert.Equal(EndReason.AssistantEnded, (await _server.UntilAsync(session, SessionState.Completed, Cancelled)).EndReason);
    }

    [Fact]
    public async Task Sentiment_is_measured_while_its_flag_is_on()
    {
        var (carrier, stream, session, socket) = await FollowedCallAsync("this is a terrible service and i am very angry");
        var measured = await NextAsync<SentimentMeasured>(socket, stream);
        Assert.Equal((Mood.Negative, "local"), (measured.Label, measured.Source));
        Assert.InRange(measured.Score, -1, -0.2);

        await SwitchAsync("enable_sentiment_analysis", false);
        Assert.DoesNotContain(SessionFeatures.Sentiment, await FeaturesAsync(socket));
        await NextAsync<IntentDetected>(socket, stream);
        Assert.Single(await _server.FactsAsync<SentimentMeasured>(session, Cancelled));

        await SwitchAsync("enable_sentiment_analysis", true);
        Assert.Contains(SessionFeatures.Sentiment, await FeaturesAsync(socket));
        await NextAsync<SentimentMeasured>(socket, stream);
        await HangUpAsync(carrier, stream, socket);
    }

    [Fact]
    public async Task Intents_are_detected_while_their_flag_is_on()
    {
        var (carrier, stream, session, socket) = await FollowedCallAsync("i want to cancel my trip");
        var detected = await NextAsync<IntentDetected>(socket, stream);
        Assert.Equal(("cancellation", "local"), (detected.Intent, detected.Source));

        await SwitchAsync("enable_intent_detection", false);
        Assert.DoesNotContain(SessionFeatures.Intents, await FeaturesAsync(socket));
        await NextAsync<SentimentMeasured>(socket, stream);
        Assert.Single(await _server.FactsAsync<IntentDetected>(session, Cancelled));

        await SwitchAsync("enable_intent_detection", true);
        Assert.Contains(SessionFeatures.Intents, await FeaturesAsync(socket));
        await NextAsync<IntentDetected>(socket, stream);
        await HangUpAsync(carrier, stream, socket);
    }

    [Fact]
    public async Task Suggestions_are_made_and_decided_about_while_their_flag_is_on()
    {
        var (carrier, stream, session, socket) = await FollowedCallAsync("i want to cancel my trip");
        var made = await NextAsync<SuggestionMade>(socket, stream);
        Assert.Equal((SuggestionCategory.Reply, "local"), (made.Category, made.Source));

        await socket.SendAsync(new SuggestionAction(made.SuggestionId, "accept"), Cancelled);
        Assert.Equal(new SuggestionDecided(made.SuggestionId, SuggestionDecision.Accepted, null, "operator@test.example"), await FactAsync<SuggestionDecided>(socket));
        Assert.Equal(made.Text, (await FactAsync<OperatorText>(socket)).Text);
        await socket.SendAsync(new SuggestionAction(made.SuggestionId, "dismiss"), Cancelled);
        var late = await socket.ReceiveAsync<SocketError>(Cancelled);
        Assert.Equal(("unknown_suggestion", $"Suggestion {made.SuggestionId} is no longer open: operator@test.example has accepted it."), (late.Code, late.Message));

        var second = await NextAsync<SuggestionMade>(socket, stream);
        await SwitchAsync("enable_suggestion_panels", false);
        Assert.DoesNotContain(SessionFeatures.Suggestions, await FeaturesAsync(socket));
        await socket.SendAsync(new SuggestionAction(second.SuggestionId, "dismiss"), Cancelled);
        Assert.Equal("feature_disabled", (await socket.ReceiveAsync<SocketError>(Cancelled)).Code);
        _server.OpenAI.Heard = "can i speak to a real person please";
        Assert.Equal("human_wanted", (await NextAsync<IntentDetected>(socket, stream)).Intent);
        Assert.Equal(2, (await _server.FactsAsync<SuggestionMade>(session, Cancelled)).Count);

        await SwitchAsync("enable_suggestion_panels", true);
        Assert.Contains(SessionFeatures.Suggestions, await FeaturesAsync(socket));
        var third = await NextAsync<SuggestionMade>(socket, stream);
        Assert.Equal(SuggestionCategory.NextBestAction, third.Category);
        await socket.SendAsync(new SuggestionAction(second.SuggestionId, "edit", "Say that we are sorry."), Cancelled);
        Assert.Equal(SuggestionDecision.Edited, (await FactAsync<SuggestionDecided>(socket)).Decision);
        Assert.Equal("Say that we are sorry.", (await FactAsync<OperatorText>(socket)).Text);
        await HangUpAsync(carrier, stream, socket);
    }

    [Fact]
    public async Task Sessions_are_counted_while_the_flag_for_metrics_is_on()
    {
        using var started = Collect<long>("kraliki.session.started");
        using var ended = Collect<long>("kraliki.session.ended");
        using var active = Collect<int>("kraliki.session.active");
        using var connects = Collect<double>("kraliki.provider.connect.duration");
        using var answers = Collect<double>("kraliki.session.first_answer.duration");

        await SwitchAsync("enable_metrics_collection", false);
        var (carrier, stream, _, socket) = await FollowedCallAsync(ScriptedOpenAI.CallerWords);
        active.RecordObservableInstruments();
        Assert.Equal(0, active.LastMeasurement!.Value);
        await SwitchAsync("enable_metrics_collection", true);
        active.RecordObservableInstruments();
        Assert.Equal(1, active.LastMeasurement!.Value);
        await NextAsync<TurnFinished>(socket, stream);
        await HangUpAsync(carrier, stream, socket);
        Assert.Empty(started.GetMeasurementSnapshot());
        Assert.Empty(connects.GetMeasurementSnapshot());
        Assert.Equal("caller_hung_up", Assert.Single(ended.GetMeasurementSnapshot()).Tags["reason"]);

        (carrier, stream, _, socket) = await FollowedCallAsync(ScriptedOpenAI.CallerWords);
        Assert.Equal("openai", Assert.Single(connects.GetMeasurementSnapshot()).Tags["provider"]);
        Assert.Single(started.GetMeasurementSnapshot());
        await SwitchAsync("enable_metrics_collection", false);
        await HangUpAsync(carrier, stream, socket);
        Assert.Single(ended.GetMeasurementSnapshot());
        Assert.All(answers.GetMeasurementSnapshot(), answer => Assert.InRange(answer.Value, 0, 5));
        await SwitchAsync("enable_metrics_collection", true);
    }

    private MetricCollector<T> Collect<T>(string name)
        where T : struct => new(_server.Sessions.Get<IMeterFactory>(), SessionMetrics.MeterName, name);

    /// <summary>A call in which the assistant has greeted, and an operator's socket that has seen its features.</summary>
    private async Task<(TestCarrier Carrier, TestStream Stream, Guid Session, RawSocket Socket)> FollowedCallAsync(string callerSays)
    {
        _server.OpenAI.Heard = callerSays;
        _server.OpenAI.Mind = null;
        var carrier = _server.Carrier();
        var (stream, session) = await _server.TalkAsync(carrier, Cancelled);
        var socket = await RawSocket.ConnectAsync(_server.Sessions.SocketUrl(session), Cancelled);
        await socket.SendAsync(new Identify(_server.Sessions.Ticket(session)), Cancelled);
        await FeaturesAsync(socket);
        return (carrier, stream, session, socket);
    }

    /// <summary>The caller speaks; what follows from it is awaited.</summary>
    private static async Task<T> NextAsync<T>(RawSocket socket, TestStream stream)
        where T : SessionFact
    {
        await stream.SpeakAsync(Cancelled);
        return await FactAsync<T>(socket);
    }

    private static async Task<T> FactAsync<T>(RawSocket socket)
        where T : SessionFact
    {
        while (true)
        {
            if ((await socket.ReceiveAsync<EventMessage>(Cancelled)).Data is T fact)
            {
                return fact;
            }
        }
    }

    /// <summary>Ours are five seconds from the admin's click to every open console.</summary>
    private static async Task<IReadOnlyList<string>> FeaturesAsync(RawSocket socket) =>
        (await socket.ReceiveAsync<FeaturesChanged>(Cancelled).WaitAsync(TimeSpan.FromSeconds(5), Cancelled)).Features;

    private async Task HangUpAsync(TestCarrier carrier, TestStream stream, RawSocket socket)
    {
        await stream.HangUpAsync(carrier.CallSid, Cancelled);
        Assert.Equal("session_over", await socket.ReadToEndAsync(Cancelled));
        await stream.DisposeAsync();
        socket.Dispose();
        carrier.Dispose();
    }

    private async Task SwitchAsync(string flag, bool enabled)
    {
        using var answer = await shared.Admin.SwitchAsync(flag, enabled, "*", Cancelled);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    public sealed class Shared : IAsyncLifetime
    {
        internal TelephonyServer Server { get; private set; } = null!;

        internal HttpClient Admin { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            Server = await TelephonyServer.StartAsync(TestContext.Current.CancellationToken, analyze: true);
            Admin = await Server.Sessions.Host.SignInAsync(TestContext.Current.CancellationToken, RunningServer.Admin);
        }

        public async ValueTask DisposeAsync()
        {
            Admin.Dispose();
            await Server.DisposeAsync();
        }
    }
}
