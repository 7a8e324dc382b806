using System.Collections.Concurrent;
using Kraliki.Contracts;
using Kraliki.Server.Cluster;
using Kraliki.Server.Insights;
using Kraliki.Server.Operations.Flags;
using Kraliki.Server.Providers;
using Kraliki.Server.Providers.Costs;
using Kraliki.Server.Providers.Tools;
using Kraliki.Server.Sessions.Journal;
using Kraliki.Server.Sessions.Live;
using Kraliki.Voice.Calls;
using Kraliki.Voice.Providers;

namespace Kraliki.Server.Sessions.Calls;

/// <summary>The calls whose carrier socket this node holds. Safe from any thread.</summary>
public sealed class LiveCalls
{
    private readonly ConcurrentDictionary<Guid, LiveCall> _calls = new();
    private readonly IGrainFactory _grains;
    private readonly SessionFeeds _feeds;
    private readonly NodeLink _node;
    private readonly ClusterNodes _nodes;
    private readonly FeatureFlags _flags;
    private readonly InsightQueue _insights;
    private readonly FactBudget _budget;
    private readonly DatabaseWatch _database;
    private readonly Failover _failover;
    private readonly ServerTools _tools;
    private readonly PriceTable _prices;
    private readonly SessionLimits _limits;
    private readonly TimeProvider _time;
    private readonly ILogger<LiveCall> _log;

    internal LiveCalls(
        IGrainFactory grains,
        SessionFeeds feeds,
        NodeLink node,
        ClusterNodes nodes,
        FeatureFlags flags,
        InsightQueue insights,
        SessionMetrics metrics,
        FactBudget budget,
        DatabaseWatch database,
        Failover failover,
        ServerTools tools,
        PriceTable prices,
        SessionLimits limits,
        TimeProvider time,
        ILogger<LiveCall> log)
    {
        _grains = grains;
        _feeds = feeds;
        _node = node;
        _nodes = nodes;
        _flags = flags;
        _insights = insights;
        _budget = budget;
        _database = database;
        _failover = failover;
        _tools = tools;
        _prices = prices;
        _limits = limits;
        _time = time;
        _log = log;
        node.Calls = this;
        feeds.ListenersChanged += (session, listened) => Find(session)?.SetListening(listened);
        flags.Changed += OfferToolsAgain;
        metrics.CountActive(() => _calls.Values.Select(call => call.Organisation));
    }

    internal IEnumerable<LiveCall> All => _calls.Values;

    public LiveCall? Find(Guid sessionId) => _calls.GetValueOrDefault(sessionId);

    /// <summary>The carrier's call was ended by us because it could not be written down: its caller deserves a word, which needs no database.</summary>
    /// <param name="carrierCall">The carrier's own id.</param>
    public bool IsApologised(string carrierCall) => _calls.Values.Any(call => call.IsApologised(carrierCall));

    /// <summary>The carrier's call was ended on this node and its end is not written yet.</summary>
    /// <param name="carrierCall">The carrier's own id.</param>
    public bool HasEnded(string carrierCall) => _calls.Values.Any(call => call.Closing && call.CarrierCall == carrierCall);

    /// <summary>What the assistant may use in this call, by its own list and as the organisation has it now. Changes are told to the call's loop; ask after it is bound.</summary>
    public IReadOnlyList<CallTool> ToolsOf(LiveCall call) =>
        !_flags.IsEnabled(call.Organisation, Flag.FunctionCalling) ? []
        : call.Assistant.Tools is { } allowed ? [.. _tools.Offers.Where(tool => allowed.Contains(tool.Name))]
        : _tools.Offers;

    /// <summary>A media socket takes the session over. Dispose the call when the socket is done.</summary>
    /// <returns>Null when there is no such session or it has ended.</returns>
    public async Task<LiveCall?> AttachAsync(Guid sessionId, CancellationToken cancellationToken)
    {
        var grain = _grains.GetGrain<ISessionGrain>(sessionId);
        var socket = Guid.NewGuid();
        var attachment = await GrainCalls.RepeatAsync(() => grain.AttachAsync(_node.Reference(_grains), _nodes.Self, socket), _time, cancellationToken);
        if (attachment is null)
        {
            return null;
        }

        // What the call will say to the grain belongs to that request, whichever socket brought it here.
        attachment.Trace?.Enter();
        var call = new LiveCall(sessionId, attachment, grain, this, _feeds, _insights, _budget, _database, _failover, _tools, _prices, _limits, _time, _log);
        var before = Find(sessionId);
        _calls[sessionId] = call;

        // The grain tells the earlier call too, but commands find their call by the session, and that is this one now. Its
        // last words are still taken.
        before?.Post(new EndCall(EndReason.TalkServerLost, "The call was taken over by a newer connection."));
        return call;
    }

    private void OfferToolsAgain(Guid organisation, Flag flag)
    {
        foreach (var call in _calls.Values.Where(call => flag == Flag.FunctionCalling && call.Organisation == organisation))
        {
            call.Post(new OfferTools(ToolsOf(call)));
        }
    }

    internal void Remove(LiveCall call) => _calls.TryRemove(new(call.SessionId, call));
}
