using Kraliki.Contracts;
using Kraliki.Server.Assistants;
using Kraliki.Server.Hosting;
using Kraliki.Server.Insights;
using Kraliki.Server.Providers;
using Kraliki.Server.Providers.Costs;
using Kraliki.Server.Providers.Tools;
using Kraliki.Server.Sessions.Journal;
using Kraliki.Server.Sessions.Live;
using Kraliki.Voice.Calls;

namespace Kraliki.Server.Sessions.Calls;

/// <summary>
/// A call that this node holds, as its session sees it: facts go to the session's grain, what is fleeting goes straight to
/// the sockets of this node, commands come back to the loop.
/// </summary>
/// <remarks>
/// <list type="number">
/// <item>The loop reports (<see cref="ICallSink"/>) inside its gate; nothing here waits.</item>
/// <item>Facts queue up and one task brings them to the grain in batches, again and again until they are in the journal;
/// watchers are told what is not (<see cref="TellUnsaved"/>).</item>
/// <item>Partials, meters and audio go to the feed, when anybody watches.</item>
/// <item><see cref="CompleteAsync"/> waits for the last fact, a moment for what is found out about it, and then ends the session.</item>
/// </list>
/// </remarks>
public sealed partial class LiveCall : ICallSink, IAsyncDisposable
{
    private const int MostRequests = 16;

    private readonly FactQueue _facts;
    private readonly ISessionGrain _grain;
    private readonly LiveCalls _calls;
    private readonly SessionFeeds _feeds;
    private readonly InsightQueue _insights;
    private readonly DatabaseWatch _database;
    private readonly Failover _failover;
    private readonly ServerTools _tools;
    private readonly CallCost _cost;
    private readonly SessionLimits _limits;
    private readonly ConversationMood _mood = new();
    private readonly TimeProvider _time;
    private readonly ILogger<LiveCall> _log;
    private readonly CancellationTokenSource _abandoned = new();
    private readonly Task _delivering;

    // Until what is found out about the newest turn is in the journal.
    private Task _found = Task.CompletedTask;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _binding = new();

    // What came before the loop did: within moments, so a handful at most.
    private readonly List<CallCommand> _early = [];

    // The newest requests whose commands the loop got. One that comes again does so within seconds: more are not needed.
    private readonly Queue<Guid> _requests = new(MostRequests);
    private Action<CallCommand>? _post;
    private Action<bool>? _listen;
    private bool _completed;
    private bool _connected;
    private bool _ending;
    private volatile bool _lost;
    private volatile bool _speaking;
    private volatile bool _overflowed;
    private int _missing;
    private int _roundsSaved;

    internal LiveCall(
        Guid sessionId,
        Attachment attachment,
        ISessionGrain grain,
        LiveCalls calls,
        SessionFeeds feeds,
        InsightQueue insights,
        FactBudget budget,
        DatabaseWatch database,
        Failover failover,
        ServerTools tools,
        PriceTable prices,
        SessionLimits limits,
        TimeProvider time,
        ILogger<LiveCall> log)
    {
        SessionId = sessionId;
        Organisation = attachment.Organisation;
        Epoch = attachment.Epoch;
        Provider = attachment.Provider;
        History = attachment.History;
        Continued = attachment.Continued;
        Moved = attachment.Moved;
        Unfollowed = attachment.Unfollowed;
        OnHold = attachment.OnHold;
        AtMs = attachment.AtMs;
        Trace = attachment.Trace;
        Failover = attachment.Failover;
        TimeZone = attachment.TimeZone;
        Assistant = attachment.Assistant ?? DefaultAssistant.Content;
        _grain = grain;
        _calls = calls;
        _feeds = feeds;
        _insights = insights;
        _facts = new(budget);
        _database = database;
        _failover = failover;
        _tools = tools;
        _cost = new(prices, attachment.Spent, attachment.CostCap);
        _limits = limits;
        _time = time;
        _log = log;
        _delivering = DeliverAsync();
    }

    public Guid SessionId { get; }

    public Guid Organisation { get; }

    /// <summary>Name of the AI voice provider that has the call, or is to have it.</summary>
    public string Provider { get; private set; }

    /// <summary>Who leads the conversation; stays the same to its end.</summary>
    internal AssistantContent Assistant { get; }

    /// <inheritdoc cref="Attachment.History"/>
    public IReadOnlyList<SessionFact> History { get; }

    /// <summary>The session had media before: the caller has come back.</summary>
    public bool Continued { get; }

    /// <summary>He was moved here on purpose: nothing of the conversation was cut.</summary>
    internal bool Moved { get; }

    /// <summary>Operators' lines that the assistant had not followed when the earlier call was lost.</summary>
    internal IReadOnlyList<string> Unfollowed { get; }

    /// <summary>When the call began, the caller was on hold.</summary>
    internal bool OnHold { get; }

    /// <inheritdoc cref="Attachment.AtMs"/>
    internal long AtMs { get; }

    /// <summary>The media is being closed for good; the session's end is not written yet.</summary>
    internal bool Closing { get; private set; }

    /// <summary>The carrier was asked to take the call to another node.</summary>
    internal bool Moving { get; set; }

    /// <summary>Nobody speaks, as of the last half second.</summary>
    internal bool IsQuiet => !_speaking;

    /// <summary>Of the request that created the session, if it was one.</summary>
    public RequestTrace? Trace { get; }

    /// <summary>Ends when the session has its end, or the call was given up.</summary>
    public Task Ended => _ended.Task;

    internal long Epoch { get; }

    /// <summary>When the first fact that is not in the journal happened; null when all are.</summary>
    internal DateTimeOffset? UnsavedSince => _facts.Since;

    /// <summary>The carrier's own id, once its stream is open.</summary>
    internal string? CarrierCall { get; private set; }

    /// <summary>Whether it was ended because it could not be written down any longer, and its caller is to be told so.</summary>
    internal bool IsApologised(string carrierCall) => _overflowed && CarrierCall == carrierCall;

    /// <summary>From now on commands reach the loop. Call it before the loop runs.</summary>
    public void Bind(CallLoop loop) => Bind(loop.Post, listening => loop.Listening = listening);

    internal void Bind(Action<CallCommand> post, Action<bool> listen)
    {
        lock (_binding)
        {
            _post = post;
            _listen = listen;
        }

        listen(_feeds.Find(SessionId)?.HasListeners == true);
        _early.ForEach(post);
    }

    /// <summary>
    /// Brings every fact into the journal and then the session to the state that follows from the outcome, however long the
    /// database is away. Call it once, after the loop has ended.
    /// </summary>
    public async Task CompleteAsync(CallOutcome outcome)
    {
        _completed = true;
        _facts.Close();
        await _delivering;
        if (!SessionRules.IsLoss(outcome.Reason) && _database.Fault is null)
        {
            await _found.WaitAsync(_limits.LastInsights, _time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await InsistAsync(async () =>
        {
            await _grain.CompleteAsync(Epoch, outcome);
            return true;
        });
    }

    /// <summary>A call that was not completed ends as a fault of the server.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            if (!_completed)
            {
                await CompleteAsync(new CallOutcome(EndReason.TalkServerFault, "The call ended by a fault of the server."));
            }
        }
        finally
        {
            _calls.Remove(this);
            _ended.TrySetResult();
            await _abandoned.CancelAsync();
            _facts.Close();
            GiveUpFacts();
            _feeds.Find(SessionId)?.Tell(unsaved: null);
        }
    }

    void ICallSink.Fact(SessionFact fact)
    {
        if (fact is CarrierConnected connected)
        {
            CarrierCall = connected.CallSid;
        }

        fact = Follow(fact);
        if (_lost)
        {
            return;
        }

        // A carrier that follows our wish stops the old stream as it does when the caller hangs up.
        if (Moving && fact is MediaEnded { Reason: EndReason.CallerHungUp } ended)
        {
            fact = ended with { Reason = EndReason.TalkServerStopping, Detail = "The call goes on on another server." };
        }

        switch (_facts.Add(new TimedFact(fact, _time.GetUtcNow())))
        {
            case FactRoom.Last when !_overflowed:
                _overflowed = true;
                LogNoRoom(SessionId);

                // Never back into the loop from inside its gate.
                _ = Task.Run(() => Post(new EndCall(EndReason.TalkServerFault, $"The call was ended because nothing more of it could be saved: {_database.Fault?.Words ?? "the database is too slow"}.")));
                break;
            case FactRoom.None when !_completed:
                Interlocked.Increment(ref _missing);
                break;
        }

        // A call that ends by itself needs no goodbye; one that comes back is told then.
        if (fact is ProviderUsed && !_ending && _cost.Crossed() is { } warning)
        {
            WarnOfCost(warning);
        }
    }

    bool ICallSink.IsUrgent(IReadOnlyList<ModelUsage> used) => !_ending && _cost.WouldCross(used);

    void ICallSink.Ending(CallOutcome outcome)
    {
        _ending = true;
        if (!SessionRules.IsLoss(outcome.Reason))
        {
            Closing = true;
            _ = TellEndingAsync();
        }
    }

    void ICallSink.Partial(PartialTranscript partial) => _feeds.Find(SessionId)?.Partial(partial);

    void ICallSink.Meters(CallMeters meters)
    {
        _speaking = meters.AiSpeaking || meters.CallerSpeaking;
        _feeds.Find(SessionId)?.Meters(meters);
    }

    void ICallSink.Audio(LegRole leg, AudioFrameKind kind, uint mediaMs, ReadOnlySpan<byte> mulaw) =>
        _feeds.Find(SessionId)?.Audio(new AudioFrameHeader(leg, kind, mediaMs), mulaw);

    internal void Post(CallCommand wish)
    {
        if (Resolve(wish) is not { } command)
        {
            return;
        }

        Action<CallCommand>? post;
        lock (_binding)
        {
            post = _post;
            if (post is null)
            {
                _early.Add(command);
            }
        }

        post?.Invoke(command);
    }

    /// <summary>Whether a command of this request has not come before. From now on it has.</summary>
    internal bool IsNew(Guid request)
    {
        lock (_binding)
        {
            if (_requests.Contains(request))
            {
                return false;
            }

            if (_requests.Count == MostRequests)
            {
                _requests.Dequeue();
            }

            _requests.Enqueue(request);
            return true;
        }
    }

    internal void SetListening(bool listening)
    {
        lock (_binding)
        {
            _listen?.Invoke(listening);
        }
    }

    /// <summary>The session went to another call or has ended: this one must fall silent.</summary>
    internal void LoseSession()
    {
        // What it still says belongs to nobody, and its end is no fault.
        _lost = true;
        LogSessionLost(SessionId, Epoch);
        Post(new EndCall(EndReason.TalkServerLost, "The session was taken over by another connection."));
    }
}
