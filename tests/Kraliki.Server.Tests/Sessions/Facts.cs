using Kraliki.Contracts;

namespace Kraliki.Server.Tests.Sessions;

internal static class Facts
{
    public static IReadOnlyList<SessionFact> OneOfEach { get; } =
    [
        new SessionUpdated("+420226259221", new Dictionary<string, string> { ["k"] = "ž" }),
        new StateChanged(SessionState.Created, SessionState.Connecting, "call"),
        new CarrierConnected("twilio", "CA1", "MZ1"),
        new ProviderConnected("local", "m", "p", 12),
        new TurnFinished("t1", LegRole.Ai, "Good \"morning\"\n", 10, 900, 0.75, true, 480),
        new ProviderFailed("openai", ProviderFailure.Stalled, "Silence.", HadCall: false),
        new ProviderSwitched("openai", "local", SwitchCause.Failover, "Silence.", "server", 320, 1_400, 6, 1),
        new ProviderSwitchFailed("local", "openai", "No key."),
        new FailoverPolicyChanged(new FailoverPolicy(true, ["local", "openai"], 5), "a@b.example"),
        new CallbackRequested("c", "tomorrow at ten", "About the booking."),
        new BargeIn("t1", 480, 900, 1000),
        new FalseInterruption("t1", null, 5),
        new DtmfReceived("#", 7),
        new ToolCalled("c", "end_call", "{}", null),
        new SentimentMeasured("t1", -0.6, Mood.Negative, "local"),
        new IntentDetected("t1", "change_booking", 0.8, "local"),
        new SuggestionMade("s1", SuggestionCategory.NextBestAction, "Offer a person.", "The customer asked for one.", "local", "t1"),
        new SuggestionDecided("s1", SuggestionDecision.Edited, "Say sorry.", "a@b.example"),
        new OperatorText("Be brief.", "a@b.example"),
        new ProviderNotice("openai", "rate_limited", "Slow."),
        new MediaEnded(EndReason.CallerHungUp, "The caller hung up.", 1, 2, 3, [400, 380]),
        new ProviderUsed([new("openai", "gpt-realtime-2.1") { AudioInTokens = 10, AudioOutSeconds = 1.5, Cost = 0.00032m, Estimated = true }]),
        new CostWarning(0.81m, 1),
        new CallInterrupted(EndReason.TalkCarrierLost, "Gone."),
        new CallResumed("Back.", 1200),
        new MicrophoneTaken("eva@demo.example", "tab-1", new("jan@demo.example", "tab-2")),
        new MicrophoneReleased("eva@demo.example", "tab-1", "server"),
    ];
}
