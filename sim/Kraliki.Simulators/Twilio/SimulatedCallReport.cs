using Kraliki.Simulators.Callers;

namespace Kraliki.Simulators.Twilio;

/// <summary>What happened in a call, seen from the carrier and the caller's telephone. All times are milliseconds since the call was answered.</summary>
/// <param name="Status">Twilio's call status: queued, ringing, in-progress, completed, busy, failed, no-answer, canceled.</param>
/// <param name="Agent">When the agent could be heard.</param>
/// <param name="DigitsSent">Keys that went out as dtmf messages.</param>
/// <param name="Interruptions">Times without a stream in the middle of the call.</param>
/// <param name="Twiml">Verbs and fetches in the order in which they were carried out.</param>
/// <param name="Violations">Messages of the application that Twilio would refuse.</param>
/// <param name="Errors">What else went wrong, with Twilio's error number where there is one.</param>
/// <param name="End">Null while the call lives.</param>
public sealed record SimulatedCallReport(
    string CallSid,
    string From,
    string To,
    string Direction,
    string Script,
    string Status,
    DateTimeOffset CreatedAt,
    IReadOnlyList<SaidLine> Lines,
    IReadOnlyList<SpeechWindow> Agent,
    IReadOnlyList<PlacedExpectation> Expectations,
    IReadOnlyList<ClearSeen> Clears,
    IReadOnlyList<MarkSeen> Marks,
    string DigitsSent,
    IReadOnlyList<StreamSeen> Streams,
    IReadOnlyList<Interruption> Interruptions,
    IReadOnlyList<string> Twiml,
    IReadOnlyList<string> Violations,
    IReadOnlyList<string> Errors,
    double DurationSeconds,
    CallEnd? End);

/// <param name="DiscardedMs">Audio that the caller never heard because of it.</param>
public sealed record ClearSeen(long AtMs, int DiscardedMs);

/// <param name="Played">False when it came back because of a clear.</param>
public sealed record MarkSeen(string Name, long QueuedMs, long ReturnedMs, bool Played);

/// <param name="FramesSent">Caller audio, 20 ms each.</param>
/// <param name="FramesDropped">Caller audio that the application was too slow to take (Twilio's warning 31930).</param>
/// <param name="MessagesReceived">Of the application, every kind.</param>
/// <param name="AudioReceivedMs">Agent audio.</param>
/// <param name="ClosedBy">app, carrier (call over, redirect, refused message), lost (the connection ended without a close frame) or fault; null while open.</param>
/// <param name="CloseCode">WebSocket close code; null when the connection broke.</param>
public sealed record StreamSeen(
    string StreamSid,
    long OpenedMs,
    long? ClosedMs,
    int FramesSent,
    int FramesDropped,
    int MessagesReceived,
    int AudioReceivedMs,
    string? ClosedBy,
    int? CloseCode,
    string? CloseReason)
{
    /// <summary>When the caller heard the agent through this stream for the first time; null as long as he did not.</summary>
    public long? FirstHeardMs { get; init; }

    /// <summary>When the first 20 ms of the caller went out through it: what he said before was heard by nobody, also while it was opening.</summary>
    public long? FirstSentMs { get; init; }

    /// <summary>When the last 20 ms of the caller went out through it.</summary>
    public long? LastSentMs { get; init; }
}

/// <summary>A stream ended and the call went on.</summary>
/// <param name="By">As in <see cref="StreamSeen.ClosedBy"/>.</param>
/// <param name="StreamMs">When the next stream opened.</param>
/// <param name="AgentMs">When the caller heard the agent again.</param>
public sealed record Interruption(long AtMs, string By, long? StreamMs, long? AgentMs)
{
    /// <summary>How long the caller was without the agent's voice: from the end of the stream until he heard it again; null while he waits.</summary>
    public long? SilenceMs => AgentMs - AtMs;
}

/// <summary>Who ended the call.</summary>
public enum CallEnder
{
    Caller,
    App,
    Carrier,
}

/// <param name="How">hang_up, rest, twiml_end, hangup_verb, reject_verb, webhook_failed, twiml_refused, stream_lost, no_answer, expired, stopped.</param>
public sealed record CallEnd(CallEnder By, string How, long AtMs);

/// <summary>One thing that happened, while the call is running.</summary>
/// <param name="Kind">ringing, answered, twiml, stream_started, stream_ended, line_started, line_ended, sound, keys, agent_started, agent_stopped, timed_out, cleared, mark, violation, error, fault, status, ended.</param>
public sealed record CallProgress(long AtMs, string Kind, string Text);
