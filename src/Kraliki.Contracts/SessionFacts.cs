using System.Text.Json.Serialization;

namespace Kraliki.Contracts;

/// <summary>A committed entry of the session's journal. <see cref="Seq"/> is gap-free per session, from 1.</summary>
public sealed record SessionEvent(long Seq, DateTimeOffset At, SessionFact Data);

/// <summary>
/// Something that happened in a session and must never be lost. Facts are made where they happen (call loop, grain,
/// telephony), travel unchanged through grain, journal and socket, and become visible once the database has them.
/// </summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(SessionCreated), "session_created")]
[JsonDerivedType(typeof(SessionUpdated), "session_updated")]
[JsonDerivedType(typeof(StateChanged), "state_changed")]
[JsonDerivedType(typeof(CarrierConnected), "carrier_connected")]
[JsonDerivedType(typeof(ProviderConnected), "provider_connected")]
[JsonDerivedType(typeof(ProviderFailed), "provider_failed")]
[JsonDerivedType(typeof(ProviderSwitched), "provider_switched")]
[JsonDerivedType(typeof(ProviderSwitchFailed), "provider_switch_failed")]
[JsonDerivedType(typeof(FailoverPolicyChanged), "failover_policy_changed")]
[JsonDerivedType(typeof(TurnFinished), "turn_finished")]
[JsonDerivedType(typeof(BargeIn), "barge_in")]
[JsonDerivedType(typeof(FalseInterruption), "false_interruption")]
[JsonDerivedType(typeof(DtmfReceived), "dtmf_received")]
[JsonDerivedType(typeof(ToolCalled), "tool_called")]
[JsonDerivedType(typeof(CallbackRequested), "callback_requested")]
[JsonDerivedType(typeof(OperatorText), "operator_text")]
[JsonDerivedType(typeof(ProviderNotice), "provider_notice")]
[JsonDerivedType(typeof(ProviderUsed), "provider_used")]
[JsonDerivedType(typeof(CostWarning), "cost_warning")]
[JsonDerivedType(typeof(SentimentMeasured), "sentiment_measured")]
[JsonDerivedType(typeof(IntentDetected), "intent_detected")]
[JsonDerivedType(typeof(SuggestionMade), "suggestion_made")]
[JsonDerivedType(typeof(SuggestionDecided), "suggestion_decided")]
[JsonDerivedType(typeof(MediaEnded), "media_ended")]
[JsonDerivedType(typeof(CallInterrupted), "call_interrupted")]
[JsonDerivedType(typeof(CallResumed), "call_resumed")]
[JsonDerivedType(typeof(MicrophoneTaken), "microphone_taken")]
[JsonDerivedType(typeof(MicrophoneReleased), "microphone_released")]
public abstract record SessionFact;

/// <summary>The session's fixed facts at birth; first entry of every journal.</summary>
/// <param name="RequestId">The <c>X-Request-ID</c> of the request that created it; goes along to the AI provider.</param>
/// <param name="TraceParent">W3C trace context of that request.</param>
/// <param name="AssistantId">Who leads the conversation; null for the server's own.</param>
/// <param name="AssistantVersion">In this version, to the end.</param>
/// <param name="Failover">Who takes over from whom, as the assistant has it; null leaves it to the installation.</param>
/// <param name="CostCap">US dollars for AI providers; null: no limit.</param>
public sealed record SessionCreated(
    string Provider,
    VoiceStrategy Strategy,
    string TelephonyProvider,
    string? PhoneNumber,
    IReadOnlyDictionary<string, string> Metadata,
    string? RequestId = null,
    string? TraceParent = null,
    Guid? AssistantId = null,
    int? AssistantVersion = null,
    FailoverPolicy? Failover = null,
    decimal? CostCap = null) : SessionFact;

public sealed record SessionUpdated(string? PhoneNumber, IReadOnlyDictionary<string, string>? Metadata) : SessionFact;

/// <param name="By">Who asked: <c>call</c>, <c>carrier</c>, <c>server</c>, or a user's e-mail address.</param>
/// <param name="Detail">One sentence for people; set on the way to an end.</param>
public sealed record StateChanged(SessionState From, SessionState To, string By, EndReason? Reason = null, string? Detail = null) : SessionFact;

/// <summary>The carrier's media stream opened. The first time: 0 of the conversation's time, in which the milliseconds of turns and other facts count; it goes on through interruptions.</summary>
public sealed record CarrierConnected(string Carrier, string CallSid, string StreamSid) : SessionFact;

public sealed record ProviderConnected(string Provider, string? Model, string ProviderSessionId, int ConnectMs) : SessionFact;

/// <summary>A provider's connection is no longer used, because it failed. The call goes on with another one where there is one.</summary>
/// <param name="HadCall">The call was this connection's, or was to be: it needs another one. False: it only stood by, and who has the call keeps it.</param>
public sealed record ProviderFailed(string Provider, ProviderFailure Failure, string Detail, bool HadCall = true) : SessionFact;

/// <summary>Another connection has the conversation from now on.</summary>
/// <param name="By">Who asked: an e-mail address, or <c>server</c>.</param>
/// <param name="TookMs">From the request, or from the failure being noticed, until the new provider had the call.</param>
/// <param name="ReplayedMs">How much of the caller's audio the new provider heard again because the one before had not written it down.</param>
/// <param name="Turns">Finished turns that it was told of.</param>
/// <param name="ToolCalls">Tool calls, with their results, that it was told of.</param>
public sealed record ProviderSwitched(
    string From, string To, SwitchCause Cause, string Reason, string By, int TookMs, int ReplayedMs, int Turns, int ToolCalls) : SessionFact;

/// <summary>A switch did not come about; the provider before keeps the call.</summary>
public sealed record ProviderSwitchFailed(string From, string To, string Detail) : SessionFact;

/// <summary>Somebody decided which providers take over from each other in this session.</summary>
/// <param name="By">E-mail address.</param>
public sealed record FailoverPolicyChanged(FailoverPolicy Policy, string By) : SessionFact;

/// <summary>How a provider's connection failed.</summary>
[JsonConverter(typeof(SnakeCaseEnumConverter<ProviderFailure>))]
public enum ProviderFailure
{
    /// <summary>It could not be reached, or refused the connection.</summary>
    Refused,

    /// <summary>The key was not accepted.</summary>
    Unauthorized,

    /// <summary>It was not ready in time.</summary>
    ConnectTimeout,

    /// <summary>The connection ended without a word.</summary>
    Lost,

    /// <summary>It reported an error and no answer.</summary>
    Error,

    /// <summary>The connection's maximum life was over.</summary>
    Expired,

    /// <summary>The connection lives, and nothing comes of it.</summary>
    Stalled,

    /// <summary>A fault of ours.</summary>
    Fault,
}

/// <summary>Why another connection got the conversation.</summary>
[JsonConverter(typeof(SnakeCaseEnumConverter<SwitchCause>))]
public enum SwitchCause
{
    /// <summary>Somebody asked for it.</summary>
    Requested,

    /// <summary>The provider before failed.</summary>
    Failover,

    /// <summary>The provider before reached the end of its connection's life.</summary>
    Recycled,

    /// <summary>The provider that had just taken over did not answer; the one before has the call again.</summary>
    RolledBack,
}

/// <summary>A finished utterance of one speaker.</summary>
/// <param name="TurnId">Equal to the id of the partials that came before.</param>
/// <param name="StartMs">In the conversation's time, see <see cref="CarrierConnected"/>.</param>
/// <param name="HeardMs">For the AI: how much of the utterance the caller really heard, ±1 frame of 20 ms.</param>
public sealed record TurnFinished(
    string TurnId,
    LegRole Speaker,
    string Text,
    long StartMs,
    long EndMs,
    double? Confidence = null,
    bool Interrupted = false,
    int? HeardMs = null) : SessionFact;

/// <summary>The caller spoke over the AI and the AI stopped.</summary>
/// <param name="HeardMs">How much of the cut utterance the caller heard; the provider's history is truncated to it.</param>
/// <param name="ClearMicros">From the speech-start event's arrival to the carrier's <c>clear</c> being written, in microseconds.</param>
public sealed record BargeIn(string TurnId, int HeardMs, long ClearMicros, long AtMs) : SessionFact;

/// <summary>A cough or backchannel ("uh-huh") that made the provider stop or nearly stop; the agent went on.</summary>
public sealed record FalseInterruption(string TurnId, string? Heard, long AtMs) : SessionFact;

public sealed record DtmfReceived(string Digit, long AtMs) : SessionFact;

/// <param name="Refused">The tool is unknown or switched off: nothing was done, and the assistant was told so by <paramref name="Result"/>.</param>
public sealed record ToolCalled(string CallId, string Name, string Arguments, string? Result, bool Refused = false) : SessionFact;

/// <summary>The assistant promised that somebody will call back.</summary>
/// <param name="CallId">Of the <see cref="ToolCalled"/> that asked for it.</param>
/// <param name="When">As the assistant understood it: a date and time where the caller named one, else his words.</param>
public sealed record CallbackRequested(string CallId, string When, string Note) : SessionFact;

/// <summary>An operator typed a line for the AI to say or to follow.</summary>
public sealed record OperatorText(string Text, string By) : SessionFact;

/// <summary>Something the provider reported that did not end the call, in plain words.</summary>
public sealed record ProviderNotice(string Provider, string Code, string Message) : SessionFact;

/// <summary>What was used of AI providers since the last such fact; all of them together are the session's use.</summary>
public sealed record ProviderUsed(IReadOnlyList<ModelUsage> Used) : SessionFact;

/// <summary>What the session's AI providers cost has come close to the limit, or has reached it: then the assistant is told to say goodbye, and the call ends.</summary>
/// <param name="Cost">So far, US dollars.</param>
public sealed record CostWarning(decimal Cost, decimal Cap) : SessionFact;

/// <summary>Media stopped on this node. Counters cover the whole stream.</summary>
/// <param name="FramesIn">Frames of 20 ms received from the carrier.</param>
/// <param name="FramesDropped">Caller frames dropped by a full queue toward the provider.</param>
/// <param name="FirstAnswerMs">Per AI turn: caller stopped speaking → first answer audio written to the carrier, milliseconds.</param>
public sealed record MediaEnded(
    EndReason Reason,
    string Detail,
    long FramesIn,
    long FramesOut,
    long FramesDropped,
    IReadOnlyList<int> FirstAnswerMs) : SessionFact;

/// <summary>The call's media is gone, but nobody has ended the call: the caller is being brought back.</summary>
/// <param name="Reason">What vanished: <see cref="EndReason.TalkCarrierLost"/>, <see cref="EndReason.TalkServerLost"/>, <see cref="EndReason.TalkServerStopping"/>.</param>
public sealed record CallInterrupted(EndReason Reason, string Detail) : SessionFact;

/// <summary>A new media connection took the session over; the conversation goes on where it was.</summary>
/// <param name="GapMs">Since the loss was noticed, which is some 2 s after a server has died; 0 when the earlier connection was still alive (a planned move).</param>
public sealed record CallResumed(string Detail, long GapMs) : SessionFact;

/// <summary>One browser tab of one person holds the operator's microphone from now on, until it is released or the session comes to its end (wrap-up).</summary>
/// <param name="User">E-mail address.</param>
/// <param name="ClientId">Made up by the tab when it opened the session.</param>
/// <param name="From">Whose it was until now; null when it was free.</param>
public sealed record MicrophoneTaken(string User, string ClientId, MicrophoneHolder? From) : SessionFact;

/// <summary>Nobody holds the operator's microphone any more.</summary>
/// <param name="By">Who gave it back, or <c>server</c> when the holder's last socket was gone for too long.</param>
public sealed record MicrophoneReleased(string User, string ClientId, string By) : SessionFact;

/// <param name="Since">Null inside facts, which have their own time.</param>
public sealed record MicrophoneHolder(string User, string ClientId, DateTimeOffset? Since = null);
