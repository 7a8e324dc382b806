using System.Text.Json.Serialization;

namespace Kraliki.Contracts;

// The session socket, /ws/sessions/{id}. Life: server hello → client identify → server ready → events from after_seq →
// live. Text frames are one JSON message each; binary frames are audio (see AudioFrameHeader).

/// <summary>Server to client.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(Hello), "hello")]
[JsonDerivedType(typeof(Ready), "ready")]
[JsonDerivedType(typeof(EventMessage), "event")]
[JsonDerivedType(typeof(PartialTranscript), "transcript_partial")]
[JsonDerivedType(typeof(CallMeters), "meters")]
[JsonDerivedType(typeof(FeaturesChanged), "features")]
[JsonDerivedType(typeof(Pong), "pong")]
[JsonDerivedType(typeof(SocketError), "error")]
[JsonDerivedType(typeof(Resync), "resync")]
[JsonDerivedType(typeof(Unsaved), "unsaved")]
[JsonDerivedType(typeof(Reconnect), "reconnect")]
public abstract record ServerMessage;

/// <summary>First message. The client must identify within <see cref="IdentifyWithinMs"/>.</summary>
public sealed record Hello(Guid SessionId, int HeartbeatIntervalMs, int IdentifyWithinMs, DateTimeOffset ServerTimestamp) : ServerMessage;

/// <summary>The client is in. Events after <see cref="ResumedFrom"/> follow, in order and without gaps.</summary>
/// <param name="RequestId">Under which the server logs everything about this socket.</param>
public sealed record Ready(SessionView Session, long LastSeq, long ResumedFrom, string? RequestId = null) : ServerMessage;

public sealed record EventMessage(long Seq, DateTimeOffset At, SessionFact Data) : ServerMessage;

/// <summary>The newest state of an unfinished turn: replaces every earlier partial with the same <see cref="TurnId"/>. Has no seq and may be skipped.</summary>
/// <param name="Text">Empty: nothing of the turn was said or heard after all, and no turn comes of it.</param>
public sealed record PartialTranscript(string TurnId, LegRole Speaker, string Text, long StartMs) : ServerMessage;

/// <summary>About twice a second while media flows; newest wins.</summary>
/// <param name="CallerLevel">0–1, peak since the last report.</param>
/// <param name="AiLevel">0–1.</param>
/// <param name="MediaMs">The conversation's time, see <see cref="CarrierConnected"/>.</param>
public sealed record CallMeters(double CallerLevel, double AiLevel, long MediaMs, bool AiSpeaking, bool CallerSpeaking) : ServerMessage;

/// <summary>What the client can use from now on; replaces what was said before, in <see cref="SessionBootstrap.Features"/> or here. Follows ready, and each change.</summary>
public sealed record FeaturesChanged(IReadOnlyList<string> Features) : ServerMessage;

/// <param name="Timestamp">The client's own <see cref="Ping.Timestamp"/>, unchanged.</param>
public sealed record Pong(long Timestamp, DateTimeOffset ServerTimestamp, Guid SessionId) : ServerMessage;

/// <param name="Code">Stable snake_case name: <c>invalid_json</c>, <c>unknown_type</c>, <c>not_identified</c>, <c>invalid_ticket</c>, <c>message_too_large</c>, <c>too_slow</c>, <c>forbidden</c>, <c>no_call</c>, <c>unknown_suggestion</c>, <c>feature_disabled</c>…</param>
/// <param name="Fatal">The server closes the socket after this message.</param>
public sealed record SocketError(string Code, string Message, bool Fatal, string? RequestId = null) : ServerMessage;

/// <summary>The client was too slow and missed messages: fetch events after its own last seq, or reconnect.</summary>
public sealed record Resync(long LastSeq) : ServerMessage;

/// <summary>
/// What has happened but is not yet in the database; replaces what was said before, and an empty list says that all is
/// saved. Each fact comes again, with its seq, as an <see cref="EventMessage"/> once it is committed.
/// </summary>
/// <param name="Facts">The newest of them, oldest first.</param>
/// <param name="Count">All of them; more than the list when that is cut.</param>
/// <param name="Reason">For people; null when all is saved.</param>
public sealed record Unsaved(IReadOnlyList<SessionFact> Facts, int Count, DateTimeOffset? Since, string? Reason) : ServerMessage;

/// <summary>This node is about to stop: leave it and connect again, after a random time up to <see cref="WithinMs"/>.</summary>
public sealed record Reconnect(int WithinMs) : ServerMessage;

/// <summary>Client to server.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(Identify), "identify")]
[JsonDerivedType(typeof(Ping), "ping")]
[JsonDerivedType(typeof(TextMessage), "text")]
[JsonDerivedType(typeof(FunctionResult), "function_result")]
[JsonDerivedType(typeof(SuggestionAction), "suggestion-action")]
[JsonDerivedType(typeof(Listen), "listen")]
public abstract record ClientMessage;

/// <param name="Ticket">From bootstrap or <c>POST /api/v1/sessions/{id}/ticket</c>; single use, 30 s.</param>
/// <param name="AfterSeq">The last seq the client saw; 0 for all.</param>
/// <param name="ClientId">The same as in <see cref="TakeMicrophone"/>: as long as a socket of this tab is open, its microphone is not taken for abandoned.</param>
public sealed record Identify(string Ticket, long AfterSeq = 0, string? ClientId = null) : ClientMessage;

public sealed record Ping(long Timestamp) : ClientMessage;

/// <summary>A line typed by the operator for the AI.</summary>
public sealed record TextMessage(string Text) : ClientMessage;

public sealed record FunctionResult(string CallId, string Output) : ClientMessage;

/// <param name="Action"><c>accept</c>, <c>edit</c> (with <paramref name="Text"/>) or <c>dismiss</c>. An accepted reply goes to the AI as an operator's line.</param>
public sealed record SuggestionAction(string SuggestionId, string Action, string? Text = null) : ClientMessage;

/// <summary>Starts or stops the binary audio of the call on this socket.</summary>
public sealed record Listen(bool Enabled) : ClientMessage;

/// <summary>What a binary frame carries.</summary>
public enum AudioFrameKind : byte
{
    /// <summary>G.711 μ-law, 8 kHz, 1 byte per sample, any length.</summary>
    Mulaw = 0,

    /// <summary>No payload: everything of this leg that is not yet played was cut off (barge-in); drop it.</summary>
    Flush = 1,
}

/// <summary>
/// The 8 bytes before the payload of a binary frame: leg (1 byte, <see cref="LegRole"/>), kind (1 byte), reserved (2 bytes,
/// zero), media time in milliseconds (4 bytes, unsigned, little endian).
/// </summary>
public readonly record struct AudioFrameHeader(LegRole Leg, AudioFrameKind Kind, uint MediaMs)
{
    public const int Size = 8;

    public void Write(Span<byte> destination)
    {
        destination[0] = (byte)Leg;
        destination[1] = (byte)Kind;
        destination[2] = destination[3] = 0;
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32LittleEndian(destination[4..], MediaMs);
    }

    /// <returns>False when the frame is shorter than a header or names an unknown leg or kind.</returns>
    public static bool TryRead(ReadOnlySpan<byte> frame, out AudioFrameHeader header)
    {
        header = default;
        if (frame.Length < Size || frame[0] > (byte)LegRole.Supervisor || frame[1] > (byte)AudioFrameKind.Flush)
        {
            return false;
        }

        header = new((LegRole)frame[0], (AudioFrameKind)frame[1], System.Buffers.Binary.BinaryPrimitives.ReadUInt32LittleEndian(frame[4..]));
        return true;
    }
}
