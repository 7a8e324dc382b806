using System.Text.Json.Serialization;

namespace Kraliki.Contracts;

/// <summary>Where a session stands. The allowed moves are in <see cref="SessionStates"/>.</summary>
[JsonConverter(typeof(SnakeCaseEnumConverter<SessionState>))]
public enum SessionState
{
    Created,
    Connecting,
    Active,
    OnHold,
    WrapUp,
    Completed,
    Failed,
}

/// <summary>The session state machine: created → connecting → active ⇄ on_hold → wrap_up → completed; failed from anywhere that is not terminal.</summary>
public static class SessionStates
{
    public static IReadOnlyList<SessionState> AllowedFrom(SessionState state) => state switch
    {
        SessionState.Created => [SessionState.Connecting, SessionState.Failed],
        SessionState.Connecting => [SessionState.Active, SessionState.Failed],
        SessionState.Active => [SessionState.OnHold, SessionState.WrapUp, SessionState.Failed],
        SessionState.OnHold => [SessionState.Active, SessionState.WrapUp, SessionState.Failed],
        SessionState.WrapUp => [SessionState.Completed, SessionState.Failed],
        _ => [],
    };

    public static bool CanMove(SessionState from, SessionState to) => AllowedFrom(from).Contains(to);

    public static bool IsTerminal(SessionState state) => state is SessionState.Completed or SessionState.Failed;
}

/// <summary><c>realtime</c>: one speech-to-speech model. <c>segmented</c>: speech to text, language model, text to speech.</summary>
[JsonConverter(typeof(SnakeCaseEnumConverter<VoiceStrategy>))]
public enum VoiceStrategy
{
    Realtime,
    Segmented,
}

/// <summary>Whose audio or words these are.</summary>
[JsonConverter(typeof(SnakeCaseEnumConverter<LegRole>))]
public enum LegRole
{
    Caller,
    Ai,
    Operator,
    Supervisor,
}

/// <summary>
/// Why a session ended: stage × side × kind. The same word is the metric label, the database column and the key of the
/// console's sentence, so a new member needs all three.
/// </summary>
[JsonConverter(typeof(SnakeCaseEnumConverter<EndReason>))]
public enum EndReason
{
    // Wanted endings.
    CallerHungUp,
    OperatorEnded,
    AssistantEnded,
    CancelledBeforeConnect,
    CostCapReached,

    // Stage connect: media never flowed.
    ConnectCarrierRefused,
    ConnectCarrierTimeout,
    ConnectProviderRefused,
    ConnectProviderUnauthorized,
    ConnectProviderTimeout,

    // Stage talk: media flowed and stopped.
    TalkCarrierLost,
    TalkCarrierIdle,
    TalkCarrierProtocolError,
    TalkProviderLost,
    TalkProviderError,
    TalkProviderExpired,
    TalkProviderStalled,
    TalkServerStopping,
    TalkServerLost,
    TalkServerFault,
}

/// <summary>Body of <c>POST /api/v1/sessions</c>. Null fields take the installation's defaults.</summary>
/// <param name="Provider">AI voice provider: <c>openai</c> or <c>local</c>.</param>
/// <param name="TelephonyProvider">Carrier: <c>twilio</c>.</param>
/// <param name="PhoneNumber">The customer's number, E.164.</param>
/// <param name="Metadata">At most 16 pairs, key ≤ 64 and value ≤ 500 characters.</param>
/// <param name="Assistant">Id of the assistant that leads the conversation, in its newest version; null takes the organisation's default.</param>
/// <param name="CostCap">US dollars that the session's AI providers may cost, 0.01 to 10,000: close to it there is a warning, at it the assistant says goodbye. Null for its assistant's, else the server's.</param>
public sealed record CreateSession(
    string? Provider = null,
    VoiceStrategy? Strategy = null,
    string? TelephonyProvider = null,
    string? PhoneNumber = null,
    IReadOnlyDictionary<string, string>? Metadata = null,
    Guid? Assistant = null,
    decimal? CostCap = null);

/// <summary>Keys of a session's metadata that the server itself reads.</summary>
public static class SessionMetadata
{
    /// <summary>Where the caller's day and hour are meant, as IANA names it: <c>Europe/Prague</c>.</summary>
    public const string TimeZone = "time_zone";
}

/// <summary>Body of <c>PATCH /api/v1/sessions/{id}</c>: null leaves a field as it is; <see cref="State"/> asks for a move of the state machine.</summary>
public sealed record UpdateSession(
    SessionState? State = null,
    string? PhoneNumber = null,
    IReadOnlyDictionary<string, string>? Metadata = null);

public sealed record EndSession(string? Note = null);

/// <summary>Body of <c>POST /api/v1/sessions/{id}/microphone</c>.</summary>
/// <param name="ClientId">The browser tab, by the id that it made up and also identifies its session socket with: 1 to 64 letters, digits, <c>-</c>, <c>_</c> and <c>.</c>.</param>
/// <param name="TakeOver">Take it even though another tab or person holds it; needs <c>If-Match</c>.</param>
public sealed record TakeMicrophone(string ClientId, bool TakeOver = false);

/// <param name="LastSeq">Sequence number of the newest committed event; 0 when there is none.</param>
/// <param name="SocketUrl">Absolute <c>ws(s)://</c> URL of the session's socket.</param>
/// <param name="EndReason">Set once the session has ended.</param>
/// <param name="EndDetail">The end in one plain sentence for people.</param>
/// <param name="Version">Counts changes of state, phone number, metadata and microphone; also the <c>ETag</c>, for <c>If-Match</c>.</param>
/// <param name="Microphone">Who holds the operator's microphone; null when it is free.</param>
/// <param name="Assistant">Id of the assistant that leads the conversation; null for the server's own.</param>
/// <param name="AssistantVersion">The assistant's version that the session was created with, and keeps.</param>
/// <param name="Usage">What was used of AI providers so far, one entry for each provider and model.</param>
public sealed record SessionView(
    Guid Id,
    SessionState State,
    string Provider,
    VoiceStrategy Strategy,
    string TelephonyProvider,
    string? PhoneNumber,
    IReadOnlyDictionary<string, string> Metadata,
    DateTimeOffset CreatedAt,
    DateTimeOffset UpdatedAt,
    DateTimeOffset? StartedAt,
    DateTimeOffset? EndedAt,
    EndReason? EndReason,
    string? EndDetail,
    long LastSeq,
    string SocketUrl,
    long Version = 0,
    MicrophoneHolder? Microphone = null,
    Guid? Assistant = null,
    int? AssistantVersion = null,
    IReadOnlyList<ModelUsage>? Usage = null,
    SessionCost? Cost = null);

/// <summary>Everything a browser needs to join a session, in one call.</summary>
/// <param name="Features">What the organisation has switched on and this server can do: <see cref="SessionFeatures"/>.</param>
public sealed record SessionBootstrap(
    SessionView Session,
    string SocketUrl,
    SocketTicket Ticket,
    IReadOnlyList<IceServer> IceServers,
    IReadOnlyList<string> Features);

/// <summary>Names of what a client may find in a session.</summary>
public static class SessionFeatures
{
    public const string LiveTranscript = "live_transcript";
    public const string Listen = "listen";
    public const string OperatorText = "operator_text";
    public const string FunctionCalling = "function_calling";
    public const string Sentiment = "sentiment";
    public const string Intents = "intents";
    public const string Suggestions = "suggestions";

    /// <summary>An operator can speak to the caller: only then does a console offer a free microphone. No server offers it yet.</summary>
    public const string OperatorAudio = "operator_audio";
}

/// <summary>Opens one socket once, within 30 seconds.</summary>
public sealed record SocketTicket(string Ticket, DateTimeOffset ExpiresAt);

public sealed record IceServer(IReadOnlyList<string> Urls, string? Username = null, string? Credential = null);

public sealed record SessionEventPage(IReadOnlyList<SessionEvent> Items, long LastSeq, bool More);

/// <summary>The finished turns of a session.</summary>
public sealed record Transcript(Guid SessionId, DateTimeOffset? StartedAt, IReadOnlyList<TranscriptLine> Lines);

/// <param name="StartMs">Milliseconds since the media first started; they go on through interruptions of the call.</param>
/// <param name="Interrupted">The speaker was cut off; <see cref="Text"/> holds what was said up to there as far as known.</param>
public sealed record TranscriptLine(
    long Seq,
    string TurnId,
    LegRole Speaker,
    string Text,
    long StartMs,
    long EndMs,
    double? Confidence,
    bool Interrupted);
