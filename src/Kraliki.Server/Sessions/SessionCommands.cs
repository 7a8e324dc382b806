using Kraliki.Contracts;
using Kraliki.Server.Hosting;
using Kraliki.Server.Sessions.Calls;
using Kraliki.Server.Sessions.Journal;

namespace Kraliki.Server.Sessions;

/// <summary>What the rest of the server asks of sessions. Who may do it is decided before. Safe from any thread.</summary>
/// <exception cref="JournalUnavailableException">Any of these, when the database is away for longer than the retries last.</exception>
public sealed class SessionCommands
{
    private readonly IGrainFactory _grains;
    private readonly NodeLink _node;
    private readonly decimal? _costCap;
    private readonly TimeProvider _time;

    /// <param name="costCap">Of sessions that name none; null: no limit.</param>
    internal SessionCommands(IGrainFactory grains, NodeLink node, decimal? costCap, TimeProvider time)
    {
        _grains = grains;
        _costCap = costCap;
        _node = node;
        _time = time;
    }

    public Task<SessionRow> CreateAsync(Guid organisation, SessionCreated facts, CancellationToken cancellationToken) =>
        CreateAsync(Guid.CreateVersion7(_time.GetUtcNow()), organisation, facts, cancellationToken);

    /// <summary>For who knows the session's id beforehand. A session that exists already is returned as it is.</summary>
    internal Task<SessionRow> CreateAsync(Guid session, Guid organisation, SessionCreated facts, CancellationToken cancellationToken) =>
        GrainCalls.RepeatAsync(() => Grain(session).CreateAsync(organisation, Traced(facts) with { CostCap = facts.CostCap ?? _costCap }), _time, cancellationToken);

    internal Task<ChangeOutcome> UpdateAsync(Guid session, UpdateSession change, string by, long? ifVersion, CancellationToken cancellationToken) =>
        RepeatAsync(request => Grain(session).UpdateAsync(change, by, ifVersion, request), cancellationToken);

    /// <summary>Ends it as wanted: a running call is told to stop. Harmless when it has ended.</summary>
    internal Task<ChangeOutcome> EndAsync(Guid session, string by, string? note, long? ifVersion, CancellationToken cancellationToken) =>
        RepeatAsync(request => Grain(session).EndAsync(by, note, ifVersion, request), cancellationToken);

    internal Task<ChangeOutcome> TakeMicrophoneAsync(Guid session, string user, string clientId, bool takeOver, long? ifVersion, CancellationToken cancellationToken) =>
        GrainCalls.RepeatAsync(() => Grain(session).TakeMicrophoneAsync(user, clientId, takeOver, ifVersion), _time, cancellationToken);

    internal Task<ChangeOutcome> ReleaseMicrophoneAsync(Guid session, string user, string? clientId, CancellationToken cancellationToken) =>
        GrainCalls.RepeatAsync(() => Grain(session).ReleaseMicrophoneAsync(user, clientId), _time, cancellationToken);

    /// <summary>Ends it because the caller is gone, whoever of us noticed. Harmless when it has ended.</summary>
    internal Task CarrierEndedAsync(Guid session, EndReason reason, string detail, CancellationToken cancellationToken) =>
        GrainCalls.RepeatAsync(
            async () =>
            {
                await Grain(session).CarrierEndedAsync(reason, detail);
                return true;
            },
            _time,
            cancellationToken);

    /// <summary>What a carrier whose stream is over is told. Not repeated by itself: it waits on the line.</summary>
    internal Task<AfterStream> AfterStreamAsync(Guid session, bool redirected) => Grain(session).AfterStreamAsync(redirected);

    /// <summary>Told to the AI at most once, however often the way to the session breaks.</summary>
    internal Task<DeliveryOutcome> InstructAsync(Guid session, string text, string by) =>
        RepeatAsync(request => Grain(session).InstructAsync(text, by, request), CancellationToken.None);

    internal Task<DeliveryOutcome> ProvideToolResultAsync(Guid session, string callId, string output) =>
        Grain(session).ProvideToolResultAsync(callId, output);

    /// <summary>Whether the call did so, the journal tells.</summary>
    internal Task<DeliveryOutcome> SwitchProviderAsync(Guid session, ChangeProvider wish, CancellationToken cancellationToken) =>
        RepeatAsync(request => Grain(session).SwitchProviderAsync(wish, request), cancellationToken);

    internal Task<ChangeOutcome> SetFailoverPolicyAsync(Guid session, FailoverPolicy policy, string by, long? ifVersion, CancellationToken cancellationToken) =>
        RepeatAsync(request => Grain(session).SetFailoverPolicyAsync(policy, by, ifVersion, request), cancellationToken);

    /// <summary>What was found out beside the call.</summary>
    internal Task RecordAsync(Guid session, SessionFact[] found) =>
        RepeatAsync(
            async request =>
            {
                await Grain(session).RecordAsync(found, request);
                return true;
            },
            CancellationToken.None);

    /// <inheritdoc cref="InstructAsync"/>
    internal Task<DecisionOutcome> DecideAsync(Guid session, string suggestionId, SuggestionDecision decision, string? text, string by) =>
        RepeatAsync(request => Grain(session).DecideAsync(suggestionId, decision, text, by, request), CancellationToken.None);

    /// <summary>Committed events of the session come to this node's feed.</summary>
    internal Task<long> WatchAsync(Guid session) =>
        GrainCalls.RepeatAsync(() => Grain(session).WatchAsync(_node.Reference(_grains)), _time, CancellationToken.None);

    private static SessionCreated Traced(SessionCreated facts) =>
        RequestTrace.Current is { } trace ? facts with { RequestId = trace.RequestId, TraceParent = trace.Parent } : facts;

    private Task<T> RepeatAsync<T>(Func<Guid, Task<T>> call, CancellationToken cancellationToken)
    {
        var request = Guid.CreateVersion7(_time.GetUtcNow());
        return GrainCalls.RepeatAsync(() => call(request), _time, cancellationToken);
    }

    private ISessionGrain Grain(Guid session) => _grains.GetGrain<ISessionGrain>(session);
}
