using Kraliki.Contracts;
using Kraliki.Voice.Providers;

namespace Kraliki.Voice.Calls;

/// <summary>Where a call loop reports. Implemented by the session's side of the server and by tests.</summary>
/// <remarks>
/// Every member is called inside the loop's gate, one at a time, in the order of events. Implementations must return at
/// once: hand over to a queue of their own, never block, never call back into the loop.
/// </remarks>
public interface ICallSink
{
    /// <summary>Must be delivered, in order.</summary>
    void Fact(SessionFact fact);

    /// <summary>Whether use of providers is to be told now as a fact, because a limit may be reached by it; otherwise some of it is gathered first.</summary>
    /// <param name="used">What was not told yet.</param>
    bool IsUrgent(IReadOnlyList<ModelUsage> used);

    /// <summary>The call is about to close both sides; what is still known follows as facts.</summary>
    void Ending(CallOutcome outcome);

    /// <summary>Newest wins per turn; may be dropped.</summary>
    void Partial(PartialTranscript partial);

    /// <summary>Newest wins; may be dropped.</summary>
    void Meters(CallMeters meters);

    /// <summary>Audio of one leg for people who listen in; called only while <see cref="CallLoop.Listening"/>. The span is valid during the call only.</summary>
    /// <param name="mulaw">G.711 μ-law, 8 kHz; empty for <see cref="AudioFrameKind.Flush"/>.</param>
    void Audio(LegRole leg, AudioFrameKind kind, uint mediaMs, ReadOnlySpan<byte> mulaw);
}

/// <summary>What others ask of a running call. Posted from any thread; never dropped.</summary>
public abstract record CallCommand;

/// <summary>Ends the call: the carrier's socket is closed and the carrier goes on with what follows the stream.</summary>
public sealed record EndCall(EndReason Reason, string Detail) : CallCommand;

/// <summary>Ends the call without cutting anybody's word: when nobody is in the middle of a sentence, the assistant is told to say goodbye, and is heard out.</summary>
/// <param name="Instruction">What the assistant is told.</param>
public sealed record EndAfterGoodbye(EndReason Reason, string Detail, string Instruction) : CallCommand;

/// <summary>The operator typed a line: the AI takes it as an instruction and answers.</summary>
public sealed record InstructProvider(string Text) : CallCommand;

public sealed record ProvideToolResult(string CallId, string Output) : CallCommand;

/// <summary>From now on the assistant may use these tools and no others.</summary>
public sealed record OfferTools(IReadOnlyList<CallTool> Tools) : CallCommand;

/// <summary>Another provider is to have the conversation: it is connected first, and takes over when nobody is in the middle of anything.</summary>
/// <param name="By">An e-mail address, or <c>server</c>.</param>
/// <param name="AtOnce">As soon as it is ready, in the middle of a sentence if need be.</param>
public sealed record SwitchProvider(IVoiceProvider Target, string Reason, string By, bool AtOnce = false) : CallCommand
{
    internal SwitchCause Cause { get; init; } = SwitchCause.Requested;
}

/// <summary>From now on these take over from each other; who has the call keeps it.</summary>
public sealed record ReplaceOrder(ProviderOrder Order) : CallCommand;

/// <summary>The caller waits for a person, or does no longer: meanwhile the assistant ends nothing by itself.</summary>
public sealed record HoldCall(bool OnHold) : CallCommand;

/// <summary>How a call's media ended on this node.</summary>
public sealed record CallOutcome(EndReason Reason, string Detail);
