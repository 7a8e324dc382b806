using System.Threading.Channels;
using Kraliki.Contracts;
using Kraliki.Server.Hosting;
using Kraliki.Server.Insights;
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
/// <item>Facts queue up and one task brings them to the grain in batches, again and again until they are in the journal.</item>
/// <item>Partials, meters and audio go to the feed, when anybody watches.</item>
/// <item><see cref="CompleteAsync"/> waits for the last fact and then ends the session.</item>
/// </list>
/// </remarks>
public sealed partial class LiveCall : ICallSink, IAsyncDisposable
{
    private const int LargestBatch = 64;

    // A call makes about one fact a second: this is a quarter of an hour without a database. Must be delivered, so
    // nothing is dropped to make room; when it is full all the same, the new fact is lost, that is logged once, and the
    // call is ended, because a conversation that cannot be recorded must not go on unnoticed.
    private readonly Channel<TimedFact> _facts = Channel.CreateBounded<TimedFact>(
        new BoundedChannelOptions(1024) { FullMode = BoundedChannelFullMode.Wait, SingleReader = true });

    private readonly ISessionGrain _grain;
    private readonly LiveCalls _calls;
    private readonly SessionFeeds _feeds;
    private readonly InsightQueue _insights;
    private readonly ConversationMood _mood = new();
    private readonly TimeProvider _time;
    private readonly ILogger<LiveCall> _log;
    private readonly CancellationTokenSource _abandoned = new();
    private readonly Task _delivering;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _binding = new();
    private Action<CallCommand>? _post;
    private Action<bool>? _listen;
    private CallCommand? _early;
    private bool _completed;
    private volatile bool _lost;
    private volatile bool _overflowed;

    internal LiveCall(
        Guid sessionId, Attachment attachment, ISessionGrain grain, LiveCalls calls, SessionFeeds feeds, InsightQueue insights, TimeProvider time, ILogger<LiveCall> log)
    {
        SessionId = sessionId;
        Organisation = attachment.Organisation;
        Epoch = attachment.Epoch;
        Provider = attachment.Provider;
        History = attachment.History;
        Continued = attachment.Continued;
        Moved = attachment.Moved;
        Unfollowed = attachment.Unfollowed;
        Trace = attachment.Trace;
        _grain = grain;
        _calls = calls;
        _feeds = feeds;
        _insights = insights;
        _time = time;
        _log = log;
        _delivering = DeliverAsync();
    }

    public Guid SessionId { get; }

    public Guid Organisation { get; }

    /// <summary>Name of the session's AI voice provider.</summary>
    public string Provider { get; }

    /// <summary>Finished turns of this session before this call, oldest first.</summary>
    public IReadOnlyList<TurnFinished> History { get; }

    /// <summary>The session had media before: the caller has come back.</summary>
    public bool Continued { get; }

    /// <summary>He was moved here on purpose: nothing of the conversation was cut.</summary>
    internal bool Moved { get; }

    /// <summary>Operators' lines that the assistant had not followed when the earlier call was lost.</summary>
    internal IReadOnlyList<string> Unfollowed { get; }

    /// <summary>The media is being closed for good; the session's end is not written yet.</summary>
    internal bool Closing { get; private set; }

    /// <summary>Of the request that created the session, if it was one.</summary>
    public RequestTrace? Trace { get; }

    /// <summary>Ends when the session has its end, or the call was given up.</summary>
    public Task Ended => _ended.Task;

    internal long Epoch { get; }

    /// <summary>From now on commands reach the loop. Call it before the loop runs.</summary>
    public void Bind(CallLoop loop) => Bind(loop.Post, listening => loop.Listening = listening);

    internal void Bind(Action<CallCommand> post, Action<bool> listen)
    {
        CallCommand? early;
        lock (_binding)
        {
            _post = post;
            _listen = listen;
            early = _early;
        }

        listen(_feeds.Find(SessionId)?.HasListeners == true);
        if (early is not null)
        {
            post(early);
        }
    }

    /// <summary>Brings every fact into the journal and then the session to the state that follows from the outcome. Call it once, after the loop has ended.</summary>
    public async Task CompleteAsync(CallOutcome outcome)
    {
        _completed = true;
        _facts.Writer.TryComplete();
        await _delivering;
        await GrainCalls.RepeatAsync(
            async () =>
            {
                await _grain.CompleteAsync(Epoch, outcome);
                return true;
            },
            _time,
            CancellationToken.None);
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
            _facts.Writer.TryComplete();
        }
    }

    void ICallSink.Fact(SessionFact fact)
    {
        if (!_facts.Writer.TryWrite(new TimedFact(fact, _time.GetUtcNow())) && !_overflowed && !_completed && !_lost)
        {
            _overflowed = true;
            LogFactsLost(SessionId);
        }
    }

    void ICallSink.Ending(CallOutcome outcome)
    {
        if (!SessionRules.IsLoss(outcome.Reason))
        {
            Closing = true;
            _ = TellEndingAsync();
        }
    }

    void ICallSink.Partial(PartialTranscript partial) => _feeds.Find(SessionId)?.Partial(partial);

    void ICallSink.Meters(CallMeters meters) => _feeds.Find(SessionId)?.Meters(meters);

    void ICallSink.Audio(LegRole leg, AudioFrameKind kind, uint mediaMs, ReadOnlySpan<byte> mulaw) =>
        _feeds.Find(SessionId)?.Audio(new AudioFrameHeader(leg, kind, mediaMs), mulaw);

    internal void Post(CallCommand command)
    {
        Action<CallCommand>? post;
        lock (_binding)
        {
            post = _post;
            if (post is null && command is not OfferTools)
            {
                // The loop does not exist yet; of what can come so early, only the newest matters (an end). Tools are
                // looked up when it begins.
                _early = command;
            }
        }

        post?.Invoke(command);
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

    /// <summary>A carrier that is quick asks another node what comes next before the end is written. Best effort: otherwise the new stream takes the session over.</summary>
    private async Task TellEndingAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            await _grain.EndingAsync(Epoch);
        }
        catch (Exception e) when (GrainCalls.IsTransient(e))
        {
            LogEndingNotTold(e, SessionId);
        }
    }

    private async Task DeliverAsync()
    {
        var batch = new List<TimedFact>(LargestBatch);
        var delivered = 0L;
        while (await _facts.Reader.WaitToReadAsync())
        {
            batch.Clear();
            while (batch.Count < LargestBatch && _facts.Reader.TryRead(out var fact))
            {
                batch.Add(fact);
            }

            if (!await DeliverAsync(new FactBatch(Epoch, delivered, [.. batch])))
            {
                LoseSession();
                _facts.Writer.TryComplete();
                return;
            }

            delivered += batch.Count;

            // Only now: what is found out about a turn must stand after it.
            foreach (var said in batch.Select(timed => timed.Fact).OfType<TurnFinished>().Where(turn => turn is { Speaker: LegRole.Caller, Text.Length: > 0 }))
            {
                _insights.Offer(new HeardTurn(SessionId, Organisation, said, _mood));
            }
        }
    }

    /// <summary>Repeats until the grain has an answer: a fact must not be lost because the database is away for a while.</summary>
    /// <returns>False when the session is no longer ours.</returns>
    private async Task<bool> DeliverAsync(FactBatch batch)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await _grain.AppendAsync(batch);
            }
            catch (Exception e) when (GrainCalls.IsTransient(e))
            {
                LogDeliveryFailed(e, SessionId, batch.Facts.Length, attempt);
            }

            if (_overflowed)
            {
                Post(new EndCall(EndReason.TalkServerFault, "The server cannot record the conversation at present."));
            }

            if (_completed && attempt >= 30)
            {
                // About a minute after the call's end: the node gives up rather than hold a dead call for ever.
                return false;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(Math.Min(200 * attempt, 2_000)), _time, _abandoned.Token);
        }
    }
}
