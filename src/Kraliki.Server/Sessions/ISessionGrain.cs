using Kraliki.Contracts;
using Kraliki.Server.Hosting;
using Kraliki.Server.Sessions.Calls;
using Kraliki.Server.Sessions.Journal;
using Kraliki.Voice.Calls;
using Orleans.Concurrency;

namespace Kraliki.Server.Sessions;

/// <summary>
/// The owner of one session's decisions: its state machine, the order of its events, which call may speak for it. One at a
/// time in the whole cluster; should there ever be two, the journal refuses the one that knows less.
/// </summary>
/// <remarks>
/// Every method may throw <see cref="JournalUnavailableException"/> and may then be called again without harm: what is not
/// harmless by itself has a parameter <c>request</c>, the same each time, by which the session knows it again.
/// </remarks>
[Alias("kraliki.session")]
internal interface ISessionGrain : IGrainWithGuidKey
{
    /// <summary>Creates it; a session that exists already is returned as it is.</summary>
    Task<SessionRow> CreateAsync(Guid organisation, SessionCreated facts);

    /// <param name="ifVersion">Null changes it in any version.</param>
    /// <param name="request">The same when it is called again.</param>
    Task<ChangeOutcome> UpdateAsync(UpdateSession change, string by, long? ifVersion, Guid request);

    /// <summary>Ends the session as wanted; a running call is told to stop and its end completes the session. Without the database too: then the row is the one before.</summary>
    /// <inheritdoc cref="UpdateAsync"/>
    Task<ChangeOutcome> EndAsync(string by, string? note, long? ifVersion, Guid request);

    /// <summary>A browser tab takes the operator's microphone. Taken already by the same one, nothing changes.</summary>
    /// <param name="takeOver">From whoever holds it.</param>
    /// <param name="ifVersion">Null takes it in any version.</param>
    Task<ChangeOutcome> TakeMicrophoneAsync(string user, string clientId, bool takeOver, long? ifVersion);

    /// <summary>Gives it back. Free already, nothing changes.</summary>
    /// <param name="clientId">Null for whichever tab of this person holds it.</param>
    Task<ChangeOutcome> ReleaseMicrophoneAsync(string user, string? clientId);

    /// <summary>Comes again and again from every node, about the holder that it read. Releases the microphone when no node has seen that tab for <see cref="SessionLimits.MicrophoneGrace"/>.</summary>
    /// <param name="here">The tab has a socket on the asking node.</param>
    Task TendMicrophoneAsync(string user, string clientId, bool here);

    /// <summary>The carrier says that the call is over: a running call is told so and its end completes the session; without one the session ends here.</summary>
    Task CarrierEndedAsync(EndReason reason, string detail);

    /// <summary>A call takes the session over; whoever had it before can no longer write, but for its last words.</summary>
    /// <param name="life">The node's, as <see cref="Cluster.ClusterNodes"/> names it.</param>
    /// <param name="socket">Made up for each media connection: the same one asking again gets the same attachment, or none when a newer one has taken the session over since.</param>
    /// <returns>Null when there is no such session or it has ended, or is about to.</returns>
    Task<Attachment?> AttachAsync(INodeLink node, string life, Guid socket);

    /// <summary>The node still holds the call of this epoch.</summary>
    /// <returns>False when the session went to someone else or has ended.</returns>
    Task<bool> RenewAsync(long epoch, INodeLink node);

    /// <returns>False when the session went to someone else: nothing of the batch is kept.</returns>
    Task<bool> AppendAsync(FactBatch batch);

    /// <summary>The call of this epoch closes its media for good; its last facts and <see cref="CompleteAsync"/> follow.</summary>
    Task EndingAsync(long epoch);

    /// <summary>The call of this epoch has no more media and all its facts are appended. Ends the session, unless the media was merely lost: then the caller is brought back.</summary>
    Task CompleteAsync(long epoch, CallOutcome outcome);

    /// <summary>The carrier asks what comes after the stream.</summary>
    /// <param name="redirected">It asks because it was told to by REST, not because its stream ended.</param>
    Task<AfterStream> AfterStreamAsync(bool redirected);

    /// <summary>The interrupted call of this epoch has neither come back nor ended.</summary>
    Task<bool> IsAwayAsync(long epoch);

    /// <summary>The carrier is about to be told to ask again what to do with the caller of this interrupted call.</summary>
    /// <returns>False when that is not wanted: the call has come back or has ended, or the carrier is about to open a stream for it.</returns>
    Task<bool> RedirectingAsync(long epoch);

    /// <summary>The carrier has answered to that, or to <see cref="MovingAsync"/>.</summary>
    /// <param name="taken">It will do so.</param>
    Task RedirectedAsync(bool taken);

    /// <summary>The carrier is about to be told to leave this living call's stream and to open one elsewhere: what the old one then reports is no end and no interruption.</summary>
    /// <returns>False when no such call runs.</returns>
    Task<bool> MovingAsync(long epoch);

    /// <summary>Nothing brought the interrupted call of this epoch back: the session fails with the reason of the interruption.</summary>
    Task AbandonAsync(long epoch);

    /// <summary>The operator's line goes into the journal and to the AI.</summary>
    Task<DeliveryOutcome> InstructAsync(string text, string by, Guid request);

    Task<DeliveryOutcome> ProvideToolResultAsync(string callId, string output);

    /// <summary>The running call is to change to another provider. Whether it did, the journal tells.</summary>
    Task<DeliveryOutcome> SwitchProviderAsync(ChangeProvider wish, Guid request);

    /// <summary>Which providers take over from each other in this session, from now on and in a call that runs.</summary>
    /// <inheritdoc cref="UpdateAsync"/>
    Task<ChangeOutcome> SetFailoverPolicyAsync(FailoverPolicy policy, string by, long? ifVersion, Guid request);

    /// <summary>What was found out beside the call goes into the journal; suggestions too, as long as the session has not ended and they say something new.</summary>
    Task RecordAsync(SessionFact[] found, Guid request);

    /// <summary>The operator decided about a suggestion. An accepted reply goes to the AI.</summary>
    /// <param name="text">The operator's own words; null takes the suggestion's.</param>
    Task<DecisionOutcome> DecideAsync(string suggestionId, SuggestionDecision decision, string? text, string by, Guid request);

    /// <summary>Committed events go to the node from now on, for a while: call it again before <see cref="SessionLimits.OwnerExpires"/>.</summary>
    /// <returns>The newest seq; -1 when there is no such session.</returns>
    Task<long> WatchAsync(INodeLink node);

    /// <summary>The node holds no call of this session, which names it.</summary>
    Task DisownAsync(string life);

    /// <summary>Looks after a session that no call speaks for any more: interrupted when its node is gone, brought back, or brought to its end.</summary>
    Task ReapAsync();
}

/// <summary>A node of the cluster as session grains see it: it holds calls and has people who watch.</summary>
internal interface INodeLink : IGrainObserver
{
    /// <param name="request">The same when the command is sent again: the call then does nothing. Empty for what may come twice.</param>
    /// <returns>False when the node does not hold this call.</returns>
    Task<bool> CommandAsync(Guid session, long epoch, CallCommand command, Guid request);

    /// <summary>Committed events, in order. May be lost: each event's seq tells.</summary>
    [OneWay]
    Task PublishAsync(Guid session, Immutable<SessionEvent[]> events);

    /// <summary>To the node that holds the call: somebody on another node watches it. Comes again as long as that is so.</summary>
    [OneWay]
    Task RelayAsync(Guid session, INodeLink to);

    /// <summary>From the node that holds the call.</summary>
    /// <returns>What the people here still want of it.</returns>
    Task<FeedInterest> TakeAsync(Guid session, FleetingBatch batch);
}

/// <summary>What is fleeting in a call and has gathered since the last batch. May be lost.</summary>
/// <param name="Partials">The newest of each unfinished turn.</param>
/// <param name="Unsaved">Null when nothing changed.</param>
/// <param name="Audio">Frames with their headers, in order.</param>
[GenerateSerializer, Immutable]
internal sealed record FleetingBatch(PartialTranscript[] Partials, CallMeters? Meters, Unsaved? Unsaved, byte[][] Audio);

[GenerateSerializer]
internal enum FeedInterest
{
    /// <summary>Nobody watches.</summary>
    None,

    /// <summary>All but audio.</summary>
    Watching,
    Listening,
}

/// <summary>A call's right to speak for its session.</summary>
/// <param name="History">What was said and done before this call, oldest first: turns, tools with their results, and what operators had told the assistant.</param>
/// <param name="Continued">There was media before: a call was lost and has come back.</param>
/// <param name="Trace">Of the request that created the session; null when it was none.</param>
[GenerateSerializer, Immutable]
internal sealed record Attachment(Guid Organisation, long Epoch, string Provider, SessionFact[] History, bool Continued, RequestTrace? Trace = null)
{
    /// <summary>The break was planned: the caller has hardly noticed it.</summary>
    [Id(0)] public bool Moved { get; init; }

    /// <summary>Lines of operators that the assistant had not followed yet.</summary>
    [Id(1)] public string[] Unfollowed { get; init; } = [];

    /// <summary>Where the conversation's time is, in milliseconds since its first media began; 0 when it begins now.</summary>
    [Id(2)] public long AtMs { get; init; }

    /// <summary>The session's own policy; null takes the installation's.</summary>
    [Id(3)] public FailoverPolicy? Failover { get; init; }

    /// <summary>Who leads the conversation, in the version that the session was created with; null takes the server's own.</summary>
    [Id(7)] public AssistantContent? Assistant { get; init; }

    /// <summary>Where the session takes place, as its metadata names it; null when they do not.</summary>
    [Id(4)] public string? TimeZone { get; init; }

    /// <summary>What the session's AI providers have cost before this call, US dollars.</summary>
    [Id(5)] public decimal Spent { get; init; }

    /// <summary>What they may cost; null: no limit.</summary>
    [Id(6)] public decimal? CostCap { get; init; }

    [Id(8)] public bool OnHold { get; init; }
}

/// <param name="Before">How many facts of this epoch came before the batch.</param>
[GenerateSerializer, Immutable]
internal sealed record FactBatch(long Epoch, long Before, TimedFact[] Facts);

[GenerateSerializer, Immutable]
internal readonly record struct TimedFact(SessionFact Fact, DateTimeOffset At);

[GenerateSerializer]
internal enum ChangeResult
{
    Done,
    NoSuchSession,

    /// <summary>Somebody changed it since; the row is the current one.</summary>
    VersionConflict,

    /// <summary>The state machine does not allow it; the row is the current one.</summary>
    IllegalMove,

    /// <summary>Another tab or person holds the microphone, as the row says.</summary>
    MicrophoneHeld,

    /// <summary>The conversation has ended; the row is the current one.</summary>
    SessionOver,
}

/// <param name="Row">The session as it is now; null when there is none.</param>
[GenerateSerializer, Immutable]
internal sealed record ChangeOutcome(ChangeResult Result, SessionRow? Row);

/// <param name="Earlier">With <see cref="DeliveryOutcome.NoSuchSuggestion"/>: who was faster; null when it was never made or that is long ago.</param>
[GenerateSerializer, Immutable]
internal readonly record struct DecisionOutcome(DeliveryOutcome Result, SuggestionDecided? Earlier = null);

/// <summary>What a carrier whose stream is over is told.</summary>
[GenerateSerializer]
internal enum AfterStream
{
    /// <summary>The session goes on: a new stream.</summary>
    ComeBack,

    /// <summary>The call closes and its end is not written yet, or the carrier was told this very moment to open a stream and could not, or it is being told by REST to ask again.</summary>
    AskAgain,

    Apologise,

    /// <summary>No provider is left that could talk to the caller: a person, where there is one, else an apology.</summary>
    Human,

    HangUp,
}

[GenerateSerializer]
internal enum DeliveryOutcome
{
    Delivered,
    NoSuchSession,

    /// <summary>No call runs that could take it.</summary>
    NoCall,

    /// <summary>There is no such suggestion, or it has been decided about.</summary>
    NoSuchSuggestion,
}
