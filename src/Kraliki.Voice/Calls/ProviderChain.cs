using Kraliki.Contracts;
using Kraliki.LocalSpeech;
using Kraliki.Voice.Providers;

namespace Kraliki.Voice.Calls;

/// <summary>Keeps a provider on the line: connects, watches, replaces. The call's turn taking knows only that there is one, or none for a moment.</summary>
/// <remarks>
/// <code>
///  tape ──► active leg ──► events ──► the call
///             ▲   │ dies, owes too long, takes no audio
///   switch    │   ▼
///  standby ───┴─ failover: former leg on probation · a standby that is there · the next healthy one · the same again after
///                1, 2, 4, 8, 16 s · last resort
/// </code>
/// <para>Make before break: a switch connects a <b>standby</b> and hands over when nobody is in the middle of anything; the one
/// before stays as <b>former</b> until the new one has proven itself, and gets the call back when it does not.</para>
/// <para>What the caller says is kept on a tape. A new provider hears again what the one before did not write down, so no
/// word is lost and none is told twice. What the caller is hearing plays on from the player meanwhile.</para>
/// <para>Guarded by the call's gate.</para>
/// </remarks>
internal sealed class ProviderChain
{
    // One try after each, when no healthy provider is at hand; ± 20 %, so that calls do not come back in step.
    private static readonly TimeSpan[] Waits = [.. new[] { 1, 2, 4, 8, 16 }.Select(seconds => TimeSpan.FromSeconds(seconds))];

    // A caller waits: with somebody else to ask, a connection that is not ready by then is not waited for.
    private static readonly TimeSpan ImpatientConnect = TimeSpan.FromSeconds(3);

    // A former provider costs money and may bill its silence; what has not failed by then has taken over.
    private static readonly TimeSpan Probation = TimeSpan.FromSeconds(10);

    // A conversation without a boundary for so long is handed over in the middle.
    private static readonly TimeSpan BoundaryPatience = TimeSpan.FromSeconds(8);

    // A fresh connection is begun so long before the old one's life ends: there is a silence in every such minute.
    private static readonly TimeSpan BeforeExpiry = TimeSpan.FromSeconds(60);

    // A fresh connection that did not come about is not tried for at once.
    private static readonly TimeSpan RecycleAgain = TimeSpan.FromSeconds(15);

    // Shorter sounds may be a cough, and a provider owes nothing for that.
    private const long SurelySpeechMs = 700;

    // Each is an entry of the journal, and of the few that nodes keep in memory for those who watch; what is told late is at
    // most so much out of date when a node dies.
    private static readonly TimeSpan UsageSpacing = TimeSpan.FromSeconds(30);

    // From the beginning of a sound to a provider's word that it is speech, at the most: detection and the way.
    private const int OnsetFrames = 25;

    // A sound that ended longer ago is one that a provider takes for none.
    private const int NoticeFrames = 100;

    // A provider has said by then what it has to say about words that it was told again: later ones are new.
    private const int RetoldFrames = 500;

    // Our own ear's, in frames; nobody notices a sound within this time.
    private const int VoiceAccuracy = 2;

    private readonly CallLoop _call;
    private readonly CallOptions _options;
    private readonly Lock _gate;
    private ProviderOrder _order;
    private readonly ProviderSetup _setup;
    private readonly CallerTape _tape;
    private readonly CallerVoice _voice = new();
    private readonly Conversation _conversation = new();
    private readonly List<ProviderLeg> _legs = [];
    private readonly HashSet<string> _failed = [];
    private readonly StallWatch _watch = new();
    private ProviderLeg? _standby;
    private ProviderLeg? _former;
    private double _probationEndsAt;
    private SwitchProvider? _switch;
    private double _switchAskedAt;
    private Outage? _outage;
    private double? _nextTryAt;
    private int _tries;
    private long _writtenUpTo;

    // Whatever the caller had begun to say by then, the provider had noticed.
    private long _noticedUpTo;

    // Where the last sound began that a provider took for speech, and the first one since then that none has noticed.
    private long _spokenAt = -1;
    private long? _unnoticedFrom;

    // Frames before this were heard by some provider, or are counted as dropped.
    private long _settledUpTo;
    private double? _recycleBy;
    private double _usageToldAt = double.NegativeInfinity;
    private bool _usageUntold;
    private double _recycleNotBefore;

    public ProviderChain(CallLoop call, ProviderOrder order, ProviderSetup setup, CallerTape tape, CallOptions options, Lock gate)
    {
        _call = call;
        _order = order;
        _setup = setup;
        _options = options;
        _gate = gate;
        _tape = tape;
        Tools = setup.Tools;
        foreach (var fact in setup.Conversation.Recent)
        {
            _conversation.Add(fact);
        }
    }

    /// <summary>The leg that has the call, connecting or ready; null between two tries.</summary>
    public ProviderLeg? Active { get; private set; }

    /// <summary>For what is asked of the assistant now; null while no provider is ready.</summary>
    public IProviderConnection? Connection => Active is { Ready: true, Closed: false } leg ? leg.Connection : null;

    public bool AllClosed => _legs.TrueForAll(leg => leg.Closed);

    /// <summary>Frames that no provider ever heard.</summary>
    public long Dropped { get; private set; }

    /// <summary>Our own ear: since when the caller makes no sound any more; null while he does, and before his first.</summary>
    public double? QuietSince { get; private set; }

    /// <summary>His last sound that has ended may be a cough.</summary>
    public bool ShortSound => _voice.SpokeMs < SurelySpeechMs;

    /// <summary>Since when nobody has the call, because who had it failed; null while somebody has.</summary>
    public double? OutSince => _outage?.Since;

    /// <summary>What the next connection is offered.</summary>
    public IReadOnlyList<CallTool> Tools { get; set; }

    /// <summary>The first provider of the order that may take calls; when none may, the first all the same.</summary>
    public void Start(double now) => Activate(Connect(_order.Providers.FirstOrDefault(_order.Health.Allows) ?? _order.Providers[0], now));

    /// <summary>One frame of the caller.</summary>
    public void Hear(ReadOnlySpan<byte> base64, double now)
    {
        long position = _tape.End;
        _tape.Add(base64, NeededFrom());
        var heard = _voice.Hear(base64, position);
        QuietSince = heard switch
        {
            VoiceActivity.Started => null,
            VoiceActivity.Stopped => now,
            _ => QuietSince,
        };
        switch (heard)
        {
            case VoiceActivity.Started:
                _watch.CallerGoesOn();
                break;
            case VoiceActivity.Stopped when Connection is not null:
                // Whatever the provider says about it ends this; nothing at all means that it is deaf.
                bool unnoticed = !_watch.TurnOpen && Unnoticed && !ShortSound;
                _unnoticedFrom = unnoticed ? _unnoticedFrom ?? _voice.StartedAt : _unnoticedFrom;
                _watch.CallerStopped(unnoticed || _watch.TurnOpen, now);
                break;
        }

        if (Active is { ReplayedFrom: not null } leg && _tape.End - leg.TookOverAt > RetoldFrames && !_watch.Unheard && !_watch.TurnOpen)
        {
            leg.ReplayedFrom = null;
        }

        Feed(now);
    }

    /// <summary>Hands the active provider what it has not heard yet, as far as it takes it.</summary>
    /// <returns>True when it has heard everything.</returns>
    public bool Feed(double now)
    {
        if (Active is not { Ready: true, Closed: false } leg)
        {
            return false;
        }

        while (leg.Position < _tape.End)
        {
            if (leg.Position < _tape.Start)
            {
                Settle(leg.Position);
                leg.Position = _tape.Start;
            }

            if (!leg.Connection.SendAudio(_tape[leg.Position]))
            {
                leg.StalledSince ??= now;
                return false;
            }

            leg.StalledSince = null;
            leg.Position++;
            _settledUpTo = Math.Max(_settledUpTo, leg.Position);
        }

        return true;
    }

    /// <summary>Where on the tape the turn begins that the provider noticed last.</summary>
    public long TurnStart { get; private set; }

    public long TurnEnd() => _tape.End;

    /// <summary>How long ago the caller began the turn that the provider has just noticed, milliseconds: 0 but for what it was told again.</summary>
    public long BeganAgoMs() =>
        Active is { ReplayedFrom: { } from } leg && _voice.StartedAt < leg.TookOverAt ? Math.Max(0, _tape.End - from - OnsetFrames) * CallerTape.FrameMs : 0;

    /// <summary>How long ago he ended it.</summary>
    public long EndedAgoMs() =>
        Active is { ReplayedFrom: not null } && _voice is { Speaking: false, StartedAt: >= 0 }
            ? Math.Max(0, ((_tape.End - _voice.StartedAt) * CallerTape.FrameMs) - _voice.SpokeMs) : 0;

    /// <summary>What was said before can not be told again.</summary>
    public long TapeStart => _tape.Start;

    /// <summary>Everything the caller said up to here is in the journal.</summary>
    public void Written(long position)
    {
        _writtenUpTo = Math.Max(_writtenUpTo, position);
        if (Active is { } leg)
        {
            leg.ReplayedFrom = null;
        }
    }

    public void Replace(ProviderOrder order) => _order = order;

    public void Remember(SessionFact fact) => _conversation.Add(fact);

    /// <inheritdoc cref="StallWatch.Owing"/>
    public bool Owing => _watch.Owing;

    /// <inheritdoc cref="StallWatch.Owes"/>
    public void Owes() => _watch.Owes(_call.Now());

    /// <inheritdoc cref="StallWatch.Paid"/>
    public void Paid() => _watch.Paid(_call.Now());

    /// <inheritdoc cref="StallWatch.Progress"/>
    public void Progress(ProviderLeg leg)
    {
        _watch.Progress(_call.Now());
        if (!leg.Proven)
        {
            leg.Proven = true;
            _failed.Clear();
            _tries = 0;
            _order.Health.Answered(leg.Provider, TimeSpan.FromMilliseconds(leg.ReadyAt - leg.ConnectingSince));
        }
    }

    /// <inheritdoc cref="StallWatch.TurnBegan"/>
    public void TurnBegan(string turnId)
    {
        _watch.TurnBegan(turnId, _voice.Speaking, heard: _voice.Speaking || (Active is { ReplayedFrom: { } from } ? _voice.StartedAt >= from : Recent), _call.Now());
        TurnStart = NoticedFrom();
        (_noticedUpTo, _spokenAt, _unnoticedFrom) = (_tape.End, _voice.StartedAt, null);
    }

    /// <inheritdoc cref="StallWatch.TurnGoesOn"/>
    public void TurnGoesOn() => _watch.TurnGoesOn(_call.Now());

    /// <inheritdoc cref="StallWatch.TurnStopped"/>
    public void TurnStopped() => _watch.TurnStopped(_call.Now());

    /// <inheritdoc cref="StallWatch.TurnWritten"/>
    public void TurnWritten(string turnId) => _watch.TurnWritten(turnId);

    public void Switch(SwitchProvider command, double now)
    {
        if (_standby is { } replaced)
        {
            Cancel(replaced, "Another switch was asked for meanwhile.");
        }

        _switch = command;
        _switchAskedAt = now;
        var leg = Connect(command.Target, now);
        if (Connection is null)
        {
            // Nothing to hand over from: whoever is being tried is let go.
            Active?.Abandon();
            _nextTryAt = null;
            _outage ??= new Outage(now, Active?.Provider.Name ?? "", command.Reason, Replay());
            Active = leg;
            return;
        }

        _standby = leg;
    }

    public void OnConnected(ProviderLeg leg, string providerSessionId, string? model)
    {
        double now = _call.Now();
        leg.Ready = true;
        leg.ReadyAt = now;
        _call.Tell(new ProviderConnected(leg.Provider.Name, model, providerSessionId, (int)(now - leg.ConnectingSince)));
        if (leg == Active)
        {
            Begin(leg, now);
        }
    }

    public void OnUsed()
    {
        _usageUntold = true;
        TellUsage(_call.Now(), all: _call.IsUrgent(Untold()));
    }

    /// <summary>Tells the session what was used since the last time.</summary>
    /// <param name="all">Now, though it was told a moment ago.</param>
    public void TellUsage(double now, bool all = false)
    {
        if (!_usageUntold || (!all && now - _usageToldAt < UsageSpacing.TotalMilliseconds))
        {
            return;
        }

        (_usageUntold, _usageToldAt) = (false, now);
        var news = Untold();
        _legs.ForEach(leg => leg.UsedTold = leg.Used);
        if (news.Length > 0)
        {
            _call.Tell(new ProviderUsed(news));
        }
    }

    private ModelUsage[] Untold() => ModelUsage.Sum(
        from leg in _legs
        from use in leg.Used
        let told = leg.UsedTold.FirstOrDefault(earlier => earlier.Provider == use.Provider && earlier.Model == use.Model) ?? new(use.Provider, use.Model)
        where use != told
        select use.Since(told));

    public void OnAnswerFailed(ProviderLeg leg, string code, string message)
    {
        _call.Tell(new ProviderNotice(leg.Provider.Name, code, message));
        Fail(leg, ProviderFailure.Error, message);
    }

    public void OnExpiring(ProviderLeg leg, TimeSpan left) => Recycle(leg, _call.Now(), _call.Now() + left.TotalMilliseconds);

    public void OnFault(ProviderLeg leg, Exception exception)
    {
        _call.LogFault(exception);
        Fail(leg, ProviderFailure.Fault, "Something went wrong on our side.");
    }

    public void OnClosed(ProviderLeg leg, ProviderEnd end, string detail)
    {
        leg.Closed = true;
        TellUsage(_call.Now(), all: true);
        if (leg == _former)
        {
            _former = null;
        }
        else if (!leg.Abandoned)
        {
            Fail(leg, FailureOf(end, leg.Ready), detail);
        }

        _call.CompleteWhenClosed();
    }

    public void Tick(double now)
    {
        // Copied: a failure changes the list.
        foreach (var leg in _legs.ToArray())
        {
            if (leg is { Ready: false, Closed: false, Abandoned: false } && now - leg.ConnectingSince >= ConnectLimit(leg).TotalMilliseconds)
            {
                Fail(leg, ProviderFailure.ConnectTimeout, $"{leg.Provider.Name} did not answer within {ConnectLimit(leg).TotalSeconds:0} seconds.");
            }
        }

        Watch(now);
        TellUsage(now);
        Recap();
        if (_standby is { Ready: true } ready && MayHandOver(ready, now))
        {
            HandOver(ready, now);
        }

        if (_former is { } former && now >= _probationEndsAt && !_watch.Owing)
        {
            _former = null;
            former.Abandon();
        }

        if (_nextTryAt is { } due && now >= due)
        {
            _nextTryAt = null;
            _failed.Clear();
            Activate(Connect(_order.Providers.FirstOrDefault(_order.Health.Allows) ?? _order.Providers[0], now));
        }

        if (Active is { Ready: true } active && active.Provider.Capabilities.Lifetime is { } life && now - active.ReadyAt >= (life - BeforeExpiry).TotalMilliseconds)
        {
            Recycle(active, now, active.ReadyAt + life.TotalMilliseconds);
        }
    }

    public void Close()
    {
        _nextTryAt = null;
        foreach (var leg in _legs)
        {
            if (!leg.Closed)
            {
                leg.Connection.Close();
            }
        }
    }

    private static ProviderFailure FailureOf(ProviderEnd end, bool ready) => (end, ready) switch
    {
        (ProviderEnd.Unauthorized, _) => ProviderFailure.Unauthorized,
        (_, false) => ProviderFailure.Refused,
        (ProviderEnd.Expired, _) => ProviderFailure.Expired,
        (ProviderEnd.Error or ProviderEnd.Refused, _) => ProviderFailure.Error,
        _ => ProviderFailure.Lost,
    };

    private TimeSpan ConnectLimit(ProviderLeg leg)
        => _order.Failover && _order.Providers.Any(other => other != leg.Provider && !_failed.Contains(other.Name) && _order.Health.Allows(other))
            ? ImpatientConnect
            : _options.ProviderConnectTimeout;

    /// <summary>A provider is alive when it does what it owes.</summary>
    private void Watch(double now)
    {
        if (Active is not { Ready: true, Closed: false } leg)
        {
            return;
        }

        double limit = _order.StallLimit.TotalMilliseconds;
        if (leg.StalledSince is { } since && now - since >= Math.Min(limit, _options.ProviderStallTimeout.TotalMilliseconds))
        {
            Fail(leg, ProviderFailure.Stalled, $"{leg.Provider.Name} took no audio for {(now - since) / 1000:0} seconds.");
        }
        else if (_watch.Overdue(now, _voice.Speaking, limit, leg.Provider.Capabilities.TurnPatience.TotalMilliseconds))
        {
            Fail(leg, ProviderFailure.Stalled, $"{leg.Provider.Name} said nothing for {limit / 1000:0} seconds although it was its turn.");
        }
    }

    /// <summary>What a provider with a short memory has forgotten, or soon will, in few words.</summary>
    private void Recap()
    {
        if (Active is { Ready: true } leg && leg.Provider.Capabilities.RecapEvery is { } every && _conversation.Tokens - leg.RecappedAt >= every && AtBoundary())
        {
            leg.RecappedAt = _conversation.Tokens;
            if (_conversation.Recap(every) is { } recap)
            {
                leg.Connection.Remember([recap]);
            }
        }
    }

    private bool MayHandOver(ProviderLeg ready, double now)
    {
        // Words that have left the tape are known to nobody but the provider who heard them.
        bool replayable = _call.OldestTurn is not { } oldest || oldest >= _tape.Start;
        double waited = now - Math.Max(ready.ReadyAt, _switchAskedAt);
        return _switch!.AtOnce || AtBoundary() || now >= _recycleBy - 1000 || (replayable && waited >= BoundaryPatience.TotalMilliseconds);
    }

    /// <summary>Of the caller's current or last sound the provider has not said a word.</summary>
    private bool Unnoticed => _voice.StartedAt >= 0 && _voice.StartedAt + VoiceAccuracy >= _noticedUpTo;

    /// <summary>It ended a moment ago at most, or goes on.</summary>
    private bool Recent => _voice.StartedAt >= 0 && _tape.End - _voice.StartedAt - (_voice.SpokeMs / CallerTape.FrameMs) <= NoticeFrames;

    /// <summary>Where the sound may have begun that the provider notices now: on a slow line it may be over by then.</summary>
    private long NoticedFrom()
    {
        long start = Unnoticed && Recent ? Unheard : Math.Max(0, (_voice.Speaking ? _voice.StartedAt : _tape.End) - OnsetFrames);

        // What it was told again is heard faster than it was said.
        return Active is { ReplayedFrom: { } from } ? Math.Min(start, from) : start;
    }

    /// <summary>Where that sound is told again from.</summary>
    private long Unheard => Math.Max(_writtenUpTo, (_unnoticedFrom ?? _voice.StartedAt) - OnsetFrames);

    /// <summary>The oldest frame that a provider, this one or another, may have to be told.</summary>
    private long NeededFrom()
    {
        var leg = Active;
        long from = leg is { Ready: true, Closed: false } ? leg.Position : _outage?.Replay ?? Replay();
        if (_voice.Speaking || _watch.Unheard)
        {
            from = Math.Min(from, Math.Min(Unheard, leg?.ReplayedFrom ?? Unheard));
        }

        return Math.Min(from, _call.OldestTurn ?? from);
    }

    /// <summary>Nobody is in the middle of anything, and nothing is owed.</summary>
    public bool AtBoundary() => !_watch.Owing && !_voice.Speaking && _call.NobodySpeaks && Feed(_call.Now());

    private ProviderLeg Connect(IVoiceProvider provider, double now)
    {
        var leg = new ProviderLeg(this, _call, _gate, provider) { Told = _conversation.Count, RecappedAt = _conversation.Tokens };
        string? handle = Active is { Ready: true, Closed: false } active && active.Provider == provider ? active.Connection.ResumeHandle : null;
        if (handle is not null)
        {
            // What the one before has forgotten, this one has too.
            leg.RecappedAt = Active!.RecappedAt;
        }

        leg.Connect(
            _setup with
            {
                Conversation = _conversation.Within(provider.Capabilities.ContextTokens),
                Tools = Tools,
                Voice = _setup.Voices?.GetValueOrDefault(provider.Name) ?? _setup.Voice,
                ResumeHandle = handle,
            },
            now);
        _legs.Add(leg);
        return leg;
    }

    private void Activate(ProviderLeg leg)
    {
        Active = leg;
        if (leg.Ready)
        {
            Begin(leg, _call.Now());
        }
    }

    /// <summary>A ready leg gets the call: at the beginning, or after a failure.</summary>
    private void Begin(ProviderLeg leg, double now)
    {
        _watch.Reset();
        if (_outage is { } outage)
        {
            _outage = null;
            Take(leg, outage.Replay);
            Tell(leg, outage.From, leg == _former ? SwitchCause.RolledBack : SwitchCause.Failover, outage.Detail, "server", now - outage.Since);
        }

        _call.OnProviderReady(leg);
        Feed(now);
    }

    private void HandOver(ProviderLeg to, double now)
    {
        var from = Active!;
        var command = _switch!;

        // Words that it has not noticed yet are the new one's to hear.
        long position = Unnoticed && Recent ? Math.Min(from.Position, Unheard) : from.Position;
        if (!AtBoundary())
        {
            position = Lose(from);
            from.Connection.CancelAnswer();
        }

        // Two switches within its probation: whoever it was to stand in for is gone himself.
        _former?.Abandon();
        from.Told = _conversation.Count;
        (_former, _standby, _switch, _recycleBy) = (from, null, null, null);
        _probationEndsAt = now + Probation.TotalMilliseconds;
        Active = to;
        _watch.Reset();
        Take(to, position);
        Tell(to, from.Provider.Name, command.Cause, command.Reason, command.By, now - _switchAskedAt);
        _call.OnProviderReady(to);
        Feed(now);
    }

    /// <summary>The leg goes on where the tape says, knowing everything that was said.</summary>
    private void Take(ProviderLeg leg, long position)
    {
        Settle(position);
        leg.Position = Math.Clamp(position, _tape.Start, _tape.End);
        leg.ReplayedFrom = leg.Position < _tape.End ? leg.Position : null;
        leg.TookOverAt = _tape.End;
        _noticedUpTo = Math.Min(_noticedUpTo, leg.Position);
        _unnoticedFrom = null;
        SessionFact[] news = [.. _conversation.Since(leg.Told).Where(fact => fact is not TurnFinished turn || !leg.Knows(turn.TurnId))];
        if (news.Length > 0)
        {
            leg.Connection.Remember(news);
        }

        leg.Told = _conversation.Count;
        if (!_voice.Speaking && !ShortSound && _voice.StartedAt >= leg.Position && _voice.StartedAt == _spokenAt)
        {
            // It is told of words that are over, and may fall as silent over them as the one before. A sound that nobody has taken
            // for words yet may be a dog: it costs one provider, not all.
            _watch.CallerStopped(noticeable: true, _call.Now());
        }
    }

    /// <summary>What has left the tape before anybody heard it is counted, once.</summary>
    private void Settle(long position)
    {
        Dropped += Math.Max(0, _tape.Start - Math.Max(position, _settledUpTo));
        _settledUpTo = Math.Max(_settledUpTo, _tape.Start);
    }

    private void Tell(ProviderLeg to, string from, SwitchCause cause, string reason, string by, double took)
        => _call.Tell(new ProviderSwitched(
            from, to.Provider.Name, cause, reason, by, (int)took, (int)(_tape.End - to.Position) * CallerTape.FrameMs,
            _conversation.Turns, _conversation.ToolCalls));

    /// <summary>A leg is no longer to be used, and why.</summary>
    private void Fail(ProviderLeg leg, ProviderFailure failure, string detail)
    {
        if (leg.Abandoned || _call.Over)
        {
            return;
        }

        double now = _call.Now();
        leg.Abandon();
        _order.Health.Failed(leg.Provider, failure, detail);
        _call.Tell(new ProviderFailed(leg.Provider.Name, failure, detail, HadCall: leg == Active));
        if (leg == _standby)
        {
            Cancel(leg, detail);
        }
        else if (leg == Active)
        {
            FailOver(leg, failure, detail, now);
        }
    }

    private void FailOver(ProviderLeg leg, ProviderFailure failure, string detail, double now)
    {
        if (!_order.Failover)
        {
            _call.OnProvidersExhausted(failure, leg.Ready, detail);
            return;
        }

        _failed.Add(leg.Provider.Name);
        if (leg.Ready)
        {
            _outage = new Outage(now, leg.Provider.Name, detail, Lose(leg));
        }
        else
        {
            _outage ??= new Outage(now, leg.Provider.Name, detail, Replay());
        }

        if (_former is { Ready: true, Closed: false } former)
        {
            Active = former;
            Begin(former, now);
            _former = null;
        }
        else if (_standby is { } standby)
        {
            (_standby, _switch, _recycleBy) = (null, null, null);
            Activate(standby);
        }
        else if (_order.Providers.FirstOrDefault(next => !_failed.Contains(next.Name) && _order.Health.Allows(next)) is { } next)
        {
            Activate(Connect(next, now));
        }
        else if (_tries < Waits.Length)
        {
            Active = null;
            _nextTryAt = now + (Waits[_tries++].TotalMilliseconds * (0.8 + (0.4 * Random.Shared.NextDouble())));
        }
        else
        {
            _call.OnProvidersExhausted(failure, leg.Ready, detail);
        }
    }

    /// <summary>What the leg had begun is taken from it.</summary>
    /// <returns>Where the tape must be told again from.</returns>
    private long Lose(ProviderLeg leg)
    {
        // A connection that stands still before it breaks says nothing of a short "yes" either.
        bool unnoticed = _voice.Speaking || Unnoticed;
        long? open = _call.OnProviderLost(answerOwed: _watch.Owing);
        _watch.Reset();
        long from = open ?? (unnoticed ? Unheard : _tape.End - OnsetFrames);
        return Math.Max(_writtenUpTo, Math.Min(from, leg.ReplayedFrom ?? from));
    }

    private long Replay() => Math.Max(_writtenUpTo, _tape.Start);

    private void Cancel(ProviderLeg leg, string detail)
    {
        leg.Abandon();
        _recycleNotBefore = _recycleBy is null ? _recycleNotBefore : _call.Now() + RecycleAgain.TotalMilliseconds;
        (_standby, _switch, _recycleBy) = (null, null, null);
        _call.Tell(new ProviderSwitchFailed(Active?.Provider.Name ?? "", leg.Provider.Name, detail));
    }

    private void Recycle(ProviderLeg leg, double now, double endsAt)
    {
        if (leg == Active && _standby is null && now >= _recycleNotBefore)
        {
            Switch(new SwitchProvider(leg.Provider, "The connection reaches the end of its life.", "server") { Cause = SwitchCause.Recycled }, now);
            _recycleBy = endsAt;
        }
    }

    /// <summary>Nobody has the call.</summary>
    /// <param name="Since">When the first of them failed.</param>
    /// <param name="Replay">Where the tape is told again from.</param>
    private sealed record Outage(double Since, string From, string Detail, long Replay);
}
