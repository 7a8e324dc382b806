using Kraliki.Contracts;

namespace Kraliki.OperatorConsole.Calls;

/// <summary>How it stands between a call and its AI provider.</summary>
public enum ProviderPhase
{
    /// <summary>Nobody has had the call since its line was opened.</summary>
    Connecting,

    Talking,

    /// <summary>Who had the call has failed, and nobody has it yet.</summary>
    Failing,
}

/// <summary>Which AI provider has a call, and what became of those before: the projection of the journal's facts about them. Pure; one thread.</summary>
public sealed class ProviderStory
{
    private readonly Dictionary<string, ProviderConnected> _connections = [];
    private readonly List<SessionEvent> _changes = [];
    private readonly List<int> _answers = [];
    private long? _askedUntil;

    /// <summary>Who has the call, or had it last; before the first event null.</summary>
    public string? Current { get; private set; }

    public ProviderPhase Phase { get; private set; }

    /// <summary>The provider has the call because another one failed.</summary>
    public bool StandsIn { get; private set; }

    /// <summary>Since when nobody has the call; null while somebody has.</summary>
    public DateTimeOffset? FailingSince { get; private set; }

    /// <summary>All facts about providers so far, oldest first.</summary>
    public IReadOnlyList<SessionEvent> Changes => _changes;

    /// <summary>The newest change of hands, or attempt of one, that happened while the call was looked at.</summary>
    public SessionEvent? News { get; private set; }

    /// <summary>As the provider names it; null before it is connected, and for providers without models.</summary>
    public string? Model => Current is not null ? _connections.GetValueOrDefault(Current)?.Model : null;

    /// <summary>The last time the caller waited for this provider: from the end of his turn, as it was noticed, to the first sound of the answer, milliseconds. Null until it has answered him.</summary>
    public int? LastAnswerMs => _answers is [.., var last] ? last : null;

    /// <summary>The median of those times.</summary>
    public int? TypicalAnswerMs => _answers.Count == 0 ? null : _answers.Order().ElementAt((_answers.Count - 1) / 2);

    /// <summary>How often this provider's connections failed in this call.</summary>
    public int FailuresOf(string provider) => _changes.Count(happened => happened.Data is ProviderFailed failed && failed.Provider == provider);

    /// <param name="isNews">It happened just now, and is not read up on.</param>
    public void Apply(SessionEvent happened, bool isNews)
    {
        switch (happened.Data)
        {
            case SessionCreated created:
                Current = created.Provider;
                break;
            case ProviderConnected connected:
                _connections[connected.Provider] = connected;
                if (Phase == ProviderPhase.Connecting)
                {
                    Take(connected.Provider, standsIn: false);
                }

                break;
            case ProviderFailed { HadCall: true } failed when failed.Provider == Current:
                Phase = ProviderPhase.Failing;
                FailingSince ??= happened.At;
                break;
            case ProviderSwitched change:
                Take(change.To, change.Cause == SwitchCause.Failover && change.To != change.From);
                break;
            case ProviderSwitchFailed { To: var to } when to == Current && Phase == ProviderPhase.Failing:
                // A fresh connection to the same provider did not come about; the one before has the call still.
                (Phase, FailingSince) = (ProviderPhase.Talking, null);
                break;
            case CallInterrupted or CallResumed:
                (Phase, FailingSince) = (ProviderPhase.Connecting, null);
                break;
            case TurnFinished { Speaker: LegRole.Caller } asked:
                _askedUntil = Math.Max(_askedUntil ?? 0, asked.EndMs);
                break;
            case TurnFinished { Speaker: LegRole.Ai } said:
                Measure(said);
                break;
        }

        if (happened.Data is ProviderConnected or ProviderFailed or ProviderSwitched or ProviderSwitchFailed)
        {
            _changes.Add(happened);
        }

        // That a connection is renewed in good time, or is not, concerns nobody who looks at the call.
        if (isNews && (happened.Data is ProviderSwitched { Cause: not SwitchCause.Recycled } || (happened.Data is ProviderSwitchFailed { From: var from, To: var wanted } && from != wanted)))
        {
            News = happened;
        }
    }

    private void Take(string provider, bool standsIn)
    {
        if (provider != Current)
        {
            // Another one's times say nothing of this one.
            _answers.Clear();
        }

        (Current, Phase, StandsIn, FailingSince) = (provider, ProviderPhase.Talking, standsIn, null);
    }

    private void Measure(TurnFinished said)
    {
        if (_askedUntil is not { } until)
        {
            return;
        }

        if (said.StartMs >= until)
        {
            _answers.Add((int)(said.StartMs - until));
            _askedUntil = null;
        }
        else if (said.EndMs > until)
        {
            // What the caller murmured while the assistant went on talking waits for no answer.
            _askedUntil = null;
        }
    }
}
