using System.Diagnostics.Metrics;
using Kraliki.Contracts;
using Kraliki.Server.Operations.Flags;
using Kraliki.Server.Sessions.Journal;

namespace Kraliki.Server.Sessions;

/// <summary>Sessions in numbers, made from their committed events: each session is counted once in the whole cluster. Only organisations that want it (<see cref="Flag.MetricsCollection"/>).</summary>
internal sealed class SessionMetrics
{
    public const string MeterName = "Kraliki.Sessions";

    private readonly FeatureFlags _flags;
    private readonly Meter _meter;
    private readonly Counter<long> _started;
    private readonly Counter<long> _ended;
    private readonly Counter<long> _bargeIns;
    private readonly Counter<long> _tokens;
    private readonly Counter<double> _cost;
    private readonly Counter<long> _costWarnings;
    private readonly Histogram<double> _connects;
    private readonly Histogram<double> _firstAnswers;

    public SessionMetrics(FeatureFlags flags, IMeterFactory meters)
    {
        _flags = flags;
        _meter = meters.Create(MeterName);
        _started = _meter.CreateCounter<long>("kraliki.session.started", "{session}", "Conversations that began.");
        _ended = _meter.CreateCounter<long>("kraliki.session.ended", "{session}", "Sessions that ended, by reason.");
        _bargeIns = _meter.CreateCounter<long>("kraliki.session.barge_ins", "{interruption}", "Times that a caller interrupted the assistant.");
        _tokens = _meter.CreateCounter<long>("kraliki.provider.tokens", "{token}", "Tokens that AI providers billed, by provider and model.");
        _cost = _meter.CreateCounter<double>("kraliki.provider.cost", "USD", "What AI providers cost, as far as prices are known, by provider and model.");
        _costWarnings = _meter.CreateCounter<long>("kraliki.session.cost_warnings", "{warning}", "Sessions that came close to their limit of cost, and those that reached it.");
        _connects = _meter.CreateHistogram<double>("kraliki.provider.connect.duration", "s", "Time to connect an AI voice provider; its count is the number of connections.");
        _firstAnswers = _meter.CreateHistogram<double>("kraliki.session.first_answer.duration", "s", "Caller stopped speaking → first audio of the answer sent to the carrier. Told at the call's end.");
    }

    /// <param name="organisations">Whose calls this node holds now; one entry per call.</param>
    public void CountActive(Func<IEnumerable<Guid>> organisations) => _meter.CreateObservableUpDownCounter(
        "kraliki.session.active",
        () => organisations().Count(organisation => _flags.IsEnabled(organisation, Flag.MetricsCollection)),
        "{session}",
        "Calls that this node holds.");

    public void Record(SessionRow row, IEnumerable<SessionEvent> events)
    {
        if (!_flags.IsEnabled(row.OrganisationId, Flag.MetricsCollection))
        {
            return;
        }

        foreach (var happened in events)
        {
            Record(happened.Data, row.EndReason);
        }
    }

    private void Record(SessionFact fact, EndReason? endReason)
    {
        switch (fact)
        {
            case StateChanged { From: SessionState.Connecting, To: SessionState.Active }:
                _started.Add(1);
                break;
            case StateChanged { To: var to } when SessionStates.IsTerminal(to) && endReason is { } reason:
                _ended.Add(1, new KeyValuePair<string, object?>("reason", WireWord.Of(reason)));
                break;
            case BargeIn:
                _bargeIns.Add(1);
                break;
            case ProviderUsed used:
                foreach (var use in used.Used)
                {
                    KeyValuePair<string, object?> provider = new("provider", use.Provider), model = new("model", use.Model);
                    _tokens.Add(use.TextInTokens + use.TextCachedTokens + use.AudioInTokens + use.AudioCachedTokens + use.TextOutTokens + use.AudioOutTokens, provider, model);
                    _cost.Add((double)(use.Cost ?? 0), provider, model);
                }

                break;
            case CostWarning warning:
                _costWarnings.Add(1, new KeyValuePair<string, object?>("reached", warning.Cost >= warning.Cap));
                break;
            case ProviderConnected connected:
                _connects.Record(connected.ConnectMs / 1000.0, new KeyValuePair<string, object?>("provider", connected.Provider));
                break;
            case MediaEnded ended:
                foreach (var milliseconds in ended.FirstAnswerMs)
                {
                    _firstAnswers.Record(milliseconds / 1000.0);
                }

                break;
        }
    }
}
