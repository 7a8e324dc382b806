using Kraliki.Contracts;

namespace Kraliki.OperatorConsole.Text;

public sealed partial record Words
{
    // AI provider of a call
    public string ProviderOfCall { get; init; } = "AI provider";
    public string ProviderChange { get; init; } = "Change of AI provider";
    public string ProviderConnecting { get; init; } = "{0} is connecting…";
    public string ProviderFailing { get; init; } = "{0} failed…";
    public string ProviderStandsIn { get; init; } = "{0} stands in";
    public string SwitchingTo { get; init; } = "{0} → {1}…";
    public string AnswersAfter { get; init; } = "answers {0} after the caller's turn";
    public string AnswersTypically { get; init; } = "answers {0} after the caller's turn, typically {1}";
    public string NoAnswerYet { get; init; } = "has not answered the caller yet";
    public string SwitchProvider { get; init; } = "Switch to";
    public string SwitchWhen { get; init; } = "When";
    public string SwitchAtPause { get; init; } = "At the next pause";
    public string SwitchAtOnce { get; init; } = "At once";
    public string HasTheCall { get; init; } = "Has the call";
    public string Configured { get; init; } = "Configured";
    public string NotConfigured { get; init; } = "Not available";
    public string BreakerClosed { get; init; } = "Well";
    public string BreakerOpen { get; init; } = "Resting";
    public string BreakerHalfOpen { get; init; } = "Being tried";
    public string ConnectsIn { get; init; } = "connects in {0}";
    public string NotUsedYet { get; init; } = "no calls yet";
    public string OfCalls { get; init; } = "{0} of {1} connections good";
    public string FailedInCall { get; init; } = "failed {0}× in this call";
    public string UnhealthyAsk { get; init; } = "Calls are kept from {0} at present, because it failed too often.";
    public string TryAllTheSame { get; init; } = "Try it all the same";
    public string ProvidersStale { get; init; } = "What is shown may be old. Nothing can be chosen until it is known again how they are.";
    public string FailOverNow { get; init; } = "Fail over now";
    public string WhoTakesOver { get; init; } = "Who takes over…";
    public string ProviderHistory { get; init; } = "History";
    public string NoProviderHistory { get; init; } = "Nothing has happened yet.";
    public string ShortcutProvider { get; init; } = "AI provider: see and switch";

    public string SwitchingAtPause { get; init; } = "Switching to {0} at the next pause. {1} goes on until then.";
    public string SwitchingAtOnce { get; init; } = "Switching to {0}…";
    public string FailingOver { get; init; } = "Looking for another provider…";
    public string SwitchRefused { get; init; } = "The call was not switched. {0}";
    public string SwitchUnknown { get; init; } = "The server gave no usable answer, so it is not known whether the call is being switched. If it is, that will be seen here.";
    public string ProviderGone { get; init; } = "{0}. Another provider is taking over…";
    public string SwitchBack { get; init; } = "Switch back to {0}";

    // Who takes over
    public string FailoverTitle { get; init; } = "Who takes over in this call";
    public string FailoverEnabled { get; init; } = "Another provider takes over when one fails";
    public string FailoverEnabledHint { get; init; } = "Otherwise the call ends with its provider.";
    public string FailoverWho { get; init; } = "Who";
    public string FailoverAll { get; init; } = "All that are configured";
    public string FailoverAllHint { get; init; } = "In the order of this installation.";
    public string FailoverOwn { get; init; } = "Only these, in this order";
    public string FailoverNobody { get; init; } = "Choose at least one provider.";
    public string MoveUp { get; init; } = "Move {0} up";
    public string MoveDown { get; init; } = "Move {0} down";
    public string StallSeconds { get; init; } = "Seconds of silence";
    public string StallHint { get; init; } = "A provider whose turn it is and who says nothing for so long counts as failed: {0} to {1}.";
    public string InEffect { get; init; } = "In effect then";
    public string InEffectNobody { get; init; } = "Only {0}. When it fails, the call ends.";
    public string AtPresentSkipped { get; init; } = "skipped at present";
    public string FailoverNow { get; init; } = "Somebody has set: {0}.";

    // Providers page
    public string Providers { get; init; } = "AI providers";
    public string ProvidersIntro { get; init; } = "Who can answer calls here, how they have been doing on all nodes, and whether their keys work.";
    public string Model { get; init; } = "Model";
    public string NoModel { get; init; } = "none of its own";
    public string Strategies { get; init; } = "Ways of working";
    public string StrategyRealtime { get; init; } = "speech to speech";
    public string StrategySegmented { get; init; } = "by way of text";
    public string Health { get; init; } = "State";
    public string Since { get; init; } = "since";
    public string Connections { get; init; } = "Connections";
    public string NoConnections { get; init; } = "none yet";
    public string ConnectionsGood { get; init; } = "{0} % of the last {1} good";
    public string ConnectTime { get; init; } = "Time to connect";
    public string ConnectTimes { get; init; } = "{0} typical, 95 % within {1}";
    public string LastError { get; init; } = "Last error";
    public string NextProbe { get; init; } = "Next test";
    public string NextProbeIn { get; init; } = "in {0} s";
    public string LastProbe { get; init; } = "Last test";
    public string ProbePassed { get; init; } = "Passed: connected in {0}, answered after {1}.";
    public string ProbeFailed { get; init; } = "Failed: {0}";
    public string ProbeNow { get; init; } = "Test now";
    public string Probing { get; init; } = "Calling…";
    public string ProbingHint { get; init; } = "A real connection hears a question and must answer it: up to 24 seconds.";
    public string BreakerReset { get; init; } = "Give it calls again";
    public string BreakerResetAsk { get; init; } = "Customers' calls go to {0} at once, whatever was found out. Test it first when in doubt.";
    public string BreakerResetDone { get; init; } = "{0} gets calls again.";
    public string KeysTitle { get; init; } = "Do the keys work?";
    public string KeysExplained { get; init; } = "Each service is asked for something that costs nothing, such as its list of models. No call is made.";
    public string CheckKeys { get; init; } = "Check the keys";
    public string CheckingKeys { get; init; } = "Asking the services…";
    public string KeysUsable { get; init; } = "Nothing is wrong with what is configured.";
    public string KeysNotUsable { get; init; } = "Something that is configured does not work:";
    public string KeyValid { get; init; } = "Valid";
    public string KeyRefused { get; init; } = "Refused";
    public string KeyWrongModel { get; init; } = "Wrong model";
    public string KeyUnreachable { get; init; } = "Unreachable";
    public string KeyUntested { get; init; } = "Not tested";
    public string BreakerChanges { get; init; } = "Changes of state";
    public string NoBreakerChanges { get; init; } = "No provider has failed so often that calls were kept from it.";
    public string ByServer { get; init; } = "by itself";
    public string ByPerson { get; init; } = "by {0}";

    public string Of(BreakerState state) => state switch
    {
        BreakerState.Closed => BreakerClosed,
        BreakerState.Open => BreakerOpen,
        _ => BreakerHalfOpen,
    };

    public string Of(VoiceStrategy strategy) => strategy == VoiceStrategy.Realtime ? StrategyRealtime : StrategySegmented;

    public string Of(KeyVerdict verdict) => verdict switch
    {
        KeyVerdict.Valid => KeyValid,
        KeyVerdict.Refused => KeyRefused,
        KeyVerdict.WrongModel => KeyWrongModel,
        KeyVerdict.Unreachable => KeyUnreachable,
        _ => KeyUntested,
    };
}
