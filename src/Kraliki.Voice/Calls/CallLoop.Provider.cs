using Kraliki.Contracts;
using Kraliki.Voice.Audio;
using Kraliki.Voice.Providers;

namespace Kraliki.Voice.Calls;

/// <summary>The provider's side of the loop: answers (3, 4), turn taking and interruption (5).</summary>
public sealed partial class CallLoop
{
    // A caller turn whose transcript never comes must not pile up; the oldest is given up.
    private const int MaxOpenTurns = 16;

    // Words are understood so much later than they are said, in frames: two seconds.
    private const int PartialLagFrames = 100;

    private const int MaxRefusals = 3;

    // More at a time is a model that runs wild; what it asks for beyond is not done.
    private const int MaxPendingTools = 16;

    // Taken for coughs when their words did not come in time.
    private readonly List<string> _falseAlarms = [];
    private readonly Dictionary<string, ToolCalled> _pendingTools = [];

    // An answer that the provider has ended because somebody made a sound, while it is judged what the sound was.
    private Utterance? _stoppedItself;
    private Bridge _bridge = Bridge.None;
    private int _refusals;

    // A shorter gap is a pause for thought; a longer one makes people ask whether anybody is there.
    private static readonly TimeSpan ReassureAfter = TimeSpan.FromSeconds(1.5);

    // What a provider that is gone had understood of the caller, until another one has written it down.
    private readonly List<CallerTurn> _unwritten = [];

    // The caller has said something: what is owed is an answer, not a greeting.
    private bool _spokenTo;

    // The caller was asked to wait while nobody has the call.
    private bool _reassured;

    // When the bridge is to be said; null while the caller speaks, and once it was said.
    private double? _bridgeDueAt;
    private long _clearMicros;
    private long _interruptedAtMs;

    /// <summary>Nobody is in the middle of a sentence: what the AI still says is complete and only has to be heard.</summary>
    internal bool NobodySpeaks => _turns.Count == 0 && _judge.TurnId is null && _player.Utterances.All(utterance => utterance.Done);

    /// <summary>Where on the tape the first turn begins that is not written down yet; null when all are.</summary>
    internal long? OldestTurn
    {
        get
        {
            long? oldest = null;
            foreach (var turn in _turns)
            {
                oldest = Math.Min(oldest ?? turn.TapeStart, turn.TapeStart);
            }

            return oldest;
        }
    }

    /// <summary>A provider has the call from now on, the first one or another one.</summary>
    internal void OnProviderReady(ProviderLeg leg)
    {
        var provider = leg.Connection;
        if (!leg.Provider.Capabilities.SpeaksFirst && _bridge.Kind == BridgeKind.Greeting)
        {
            _bridge = Bridge.None;
        }

        if (leg.Tools != _chain!.Tools)
        {
            leg.OfferTools(_chain.Tools);
        }

        // What the caller still hears of the provider before is in nobody's memory yet.
        foreach (var utterance in _player.Utterances.Where(utterance => utterance is { Done: true, By: not null, Text.Length: > 0 } && !leg.Knows(utterance.TurnId)))
        {
            leg.Learn(utterance.TurnId);
            provider.Remember([new TurnFinished(
                utterance.TurnId, LegRole.Ai, utterance.Text.ToString().Trim(), utterance.StartMediaMs, utterance.StartMediaMs, Interrupted: utterance.Cut)]);
        }

        if (_judge.TurnId is not null)
        {
            provider.HoldAnswers();
        }

        _bridgeDueAt = Now() + _bridge.Patience.TotalMilliseconds;
        if (_instructions.Count > 0)
        {
            // It will speak anyway.
            _bridgeDueAt = null;
        }

        foreach (string instruction in _instructions)
        {
            Instruct(instruction);
        }

        _instructions.Clear();
        PickUp(Now());
    }

    /// <summary>The provider is gone in the middle of the conversation: what it had begun is closed, what it owed is remembered.</summary>
    /// <returns>Where on the tape the caller's words begin that it had not written down; null when it had written down all that it had noticed.</returns>
    internal long? OnProviderLost(bool answerOwed)
    {
        long? from = null;
        foreach (var turn in _turns)
        {
            long start = turn.TapeStart;
            if (start < _chain!.TapeStart && turn.Partial.Length > 0)
            {
                // Nobody can hear all of it again: what was understood counts, and only the newest words are told once more.
                GiveUp(turn);
                start = Math.Max(start, _chain.TurnEnd() - PartialLagFrames);
            }
            else if (turn.Partial.Length > 0 && _unwritten.Count < MaxOpenTurns)
            {
                _unwritten.Add(turn);
            }

            // Heard again by the next one, who writes it down.
            from = Math.Min(from ?? start, start);
        }

        _turns.Clear();
        _falseAlarms.Clear();
        bool cutShort = false;
        foreach (var utterance in _player.CutShort())
        {
            if (utterance.Start < 0)
            {
                Unwrite(utterance.TurnId, LegRole.Ai);
            }
            else
            {
                cutShort |= utterance.Text.Length > 0;
            }
        }

        if (_bridgeDueAt is null || _bridge.Kind == BridgeKind.None)
        {
            _bridge = from is not null ? Bridge.None
                : cutShort ? Bridge.Takeover(BridgeKind.Continuation)
                : answerOwed ? _spokenTo ? Bridge.Takeover(BridgeKind.Answer) : Bridge.Takeover(BridgeKind.Greeting)
                : Bridge.None;
        }

        _bridgeDueAt = null;
        return from;
    }

    internal void OnProvidersExhausted(ProviderFailure failure, bool ready, string detail) => Finish(
        (failure, ready) switch
        {
            (ProviderFailure.Fault, _) => EndReason.TalkServerFault,
            (ProviderFailure.Unauthorized, _) => EndReason.ConnectProviderUnauthorized,
            (ProviderFailure.ConnectTimeout, _) => EndReason.ConnectProviderTimeout,
            (_, false) => EndReason.ConnectProviderRefused,
            (ProviderFailure.Expired, _) => EndReason.TalkProviderExpired,
            (ProviderFailure.Error, _) => EndReason.TalkProviderError,
            (ProviderFailure.Stalled, _) => EndReason.TalkProviderStalled,
            _ => EndReason.TalkProviderLost,
        },
        detail);

    internal void OnSpeechStarted(string turnId)
    {
        long arrived = _time.GetTimestamp();
        double now = Now();
        if (_outcome is not null)
        {
            return;
        }

        if (_turns.Count == MaxOpenTurns)
        {
            GiveUp(_turns[0]);
            _turns.RemoveAt(0);
        }

        _turns.Add(new CallerTurn(turnId, Math.Max(0, _mediaMs - _chain!.BeganAgoMs()), _chain.TurnStart));
        _bridgeDueAt = null;
        if (_player.Paused)
        {
            _judge.Begin(turnId, now);
            return;
        }

        if (!_player.Speaking(now))
        {
            // Who speaks up after the goodbye wants something more.
            _hangUpAfterAnswer = false;
            return;
        }

        // (5) Silence first, judge after: the caller never has to shout over the agent.
        var current = _player.Current;
        _player.Pause(now, _link, _carrier);
        _clearMicros = (long)_time.GetElapsedTime(arrived).TotalMicroseconds;
        if (Listening)
        {
            _sink!.Audio(LegRole.Ai, AudioFrameKind.Flush, (uint)_mediaMs, default);
        }

        if (_player.UnheardMs(now) < _options.WorthResuming.TotalMilliseconds && current is { Done: true })
        {
            // The answer was as good as over: an ordinary turn of the caller.
            _hangUpAfterAnswer = false;
            DropAnswers(now);
            return;
        }

        _interruptedAtMs = _mediaMs;
        _judge.Begin(turnId, now);
        _chain.Connection?.HoldAnswers();
    }

    internal void OnSpeechStopped(string turnId)
    {
        double now = Now();
        if (_turns.Find(turn => turn.Id == turnId) is { } turn)
        {
            turn.StoppedMs = Math.Max(turn.StartMs, _mediaMs - _chain!.EndedAgoMs());
            turn.TapeEnd = _chain.TurnEnd();
        }

        _callerStoppedAt = now;
        _judge.Stopped(turnId, now);
        Judge(now);
    }

    internal void OnCallerPartial(string turnId, string text)
    {
        if (_turns.Find(turn => turn.Id == turnId) is not { } turn)
        {
            return;
        }

        turn.Partial = text;
        _sink?.Partial(new PartialTranscript(turnId, LegRole.Caller, text, turn.StartMs));
        _judge.Heard(turnId, text, final: false);
        Judge(Now());
    }

    internal void OnCallerFinal(string turnId, string text, double? confidence)
    {
        double now = Now();
        var turn = _turns.Find(turn => turn.Id == turnId);
        if (turn is not null)
        {
            _turns.Remove(turn);
        }

        if (!string.IsNullOrWhiteSpace(text))
        {
            _spokenTo = true;
            Tell(new TurnFinished(turnId, LegRole.Caller, text.Trim(), turn?.StartMs ?? _mediaMs, turn?.StoppedMs ?? _mediaMs, confidence));
            _bridge = Bridge.None;
        }
        else
        {
            // It was no speech: nothing is owed for it, and the caller still waits for a word.
            if (!_turns.Exists(other => other.StoppedMs is not null))
            {
                _chain!.Paid();
            }

            if (turn is { Partial.Length: > 0 })
            {
                Unwrite(turnId, LegRole.Caller);
            }

            _bridgeDueAt = now + _bridge.Patience.TotalMilliseconds;
        }

        // Texts may come in another order than the turns: what is before this one may still have to be told again.
        long end = turn?.TapeEnd ?? _chain!.TurnEnd();
        end = Math.Min(end, OldestTurn ?? end);
        _chain!.Written(end);
        foreach (var lost in _unwritten.FindAll(lost => lost.TapeStart < end))
        {
            _unwritten.Remove(lost);
            if (string.IsNullOrWhiteSpace(text))
            {
                // Understood once, and not when it was told again: better twice than not at all.
                GiveUp(lost);
            }
            else
            {
                Unwrite(lost.Id, LegRole.Caller);
            }
        }

        _judge.Heard(turnId, text, final: true);
        Judge(now);
        if (_outcome is null && _falseAlarms.Remove(turnId) && !InterruptionJudge.IsBackchannel(text))
        {
            // The words came after we had given up waiting for them: it was a turn after all, and an interruption if we went on talking.
            if (_player.Speaking(now))
            {
                _player.Pause(now, _link, _carrier);
                Interrupt(now);
            }

            ResumeAnswers(answerNow: true);
        }

        CompleteWhenClosed();
    }

    internal void OnAnswerAudio(string turnId, ReadOnlySpan<byte> base64Mulaw)
    {
        if (_outcome is not null || turnId == _discardedTurn || !_hearing.Hears(LegRole.Caller, LegRole.Ai))
        {
            return;
        }

        _refusals = 0;
        var utterance = AnswerOf(turnId);
        if (AnswerSound.Fault(utterance, base64Mulaw, again: _player.Repeats(base64Mulaw)) is { } fault)
        {
            Unsay(utterance, fault);
            return;
        }

        _player.Enqueue(utterance, base64Mulaw);
        PumpAnswers();
    }

    internal void OnAnswerText(string turnId, string delta)
    {
        if (_outcome is not null || turnId == _discardedTurn)
        {
            return;
        }

        var utterance = AnswerOf(turnId);
        utterance.Text.Append(delta);
        _sink?.Partial(new PartialTranscript(turnId, LegRole.Ai, utterance.Text.ToString(), utterance.Start < 0 ? _mediaMs : utterance.StartMediaMs));
    }

    internal void OnAnswerDone(string turnId, string text, bool cancelled)
    {
        if (!cancelled && turnId != _discardedTurn)
        {
            _chain!.Paid();
        }

        if (_player.Find(turnId) is not { } utterance)
        {
            return;
        }

        utterance.Done = true;
        if (cancelled && _judge.TurnId is not null)
        {
            _stoppedItself = utterance;
        }

        if (!cancelled)
        {
            utterance.Text.Clear().Append(text);
            if (AnswerSound.FaultOf(utterance) is { } fault)
            {
                Unsay(utterance, fault);
                return;
            }
        }

        PumpAnswers();
    }

    /// <summary>The caller cannot have understood it: it is not in the record, and another provider gives the answer.</summary>
    private void Unsay(Utterance utterance, string fault)
    {
        double now = Now();
        bool paused = _player.Paused;
        if (!paused)
        {
            _player.Pause(now, _link, _carrier);
        }

        _player.Retract(utterance);
        Unwrite(utterance.TurnId, LegRole.Ai);
        if (!paused)
        {
            _player.Resume(now);
        }

        _chain!.Owes();
        _chain.Active!.GaveUp(fault);
    }

    internal void OnToolCall(string callId, string name, string argumentsJson)
    {
        if (_outcome is not null)
        {
            return;
        }

        if (name == CallTool.EndCall.Name && _tools!.Contains(CallTool.EndCall))
        {
            Tell(new ToolCalled(callId, name, argumentsJson, """{"ok":true}"""));
            _hangUpAfterAnswer = true;
            PumpAnswers();
            return;
        }

        if (_tools!.Any(tool => tool.Name == name))
        {
            if (_pendingTools.Count < MaxPendingTools && _pendingTools.TryAdd(callId, new ToolCalled(callId, name, argumentsJson, null)))
            {
                Tell(_pendingTools[callId]);
            }

            return;
        }

        string refusal = CallTool.All.Any(tool => tool.Name == name)
            ? """{"error":"This tool is switched off; go on without it."}"""
            : """{"error":"unknown tool"}""";
        if (++_refusals > MaxRefusals)
        {
            // A model that asks for the same again and again says nothing to the caller meanwhile.
            _refusals = 0;
            _chain!.Active!.GaveUp("The assistant asked for tools that it does not have instead of answering.");
            return;
        }

        var refused = new ToolCalled(callId, name, argumentsJson, refusal, Refused: true);
        Tell(refused);
        _chain!.Connection?.ProvideToolResult(refused);
        _chain.Owes();
    }

    internal void OnToolCancelled(string callId) => _pendingTools.Remove(callId);

    /// <summary>The result of a tool that the assistant asked for; each once, whoever has the call by now.</summary>
    private void OnToolResult(ProvideToolResult result)
    {
        if (!_pendingTools.Remove(result.CallId, out var call))
        {
            return;
        }

        call = call with { Result = result.Output };
        if (_chain!.Connection is { } provider)
        {
            Tell(call);
            provider.ProvideToolResult(call);
            if (_pendingTools.Count == 0)
            {
                // It may wait for all that it has asked for.
                _chain.Owes();
            }
        }
        else
        {
            // The next provider is told of it with the conversation, and answers with it.
            Tell(call);
            _bridge = Bridge.Takeover(BridgeKind.Answer);
        }
    }

    private Utterance AnswerOf(string turnId)
    {
        if (_player.Find(turnId) is { } known)
        {
            return known;
        }

        double now = Now();
        if (_player.Paused)
        {
            // The provider took the caller's words for a turn and answers it: so it was one.
            Interrupt(now);
            ResumeAnswers(answerNow: true);
        }

        _bridge = Bridge.None;
        _goodbye?.Answers += 1;
        var utterance = _player.Begin(turnId, _chain!.Active);
        _chain.Active?.Learn(turnId);
        if (_turns is [.., { StoppedMs: null } speaking])
        {
            // The caller speaks on while the answer to the words before arrives: it is judged like speech over an answer,
            // and waits meanwhile. The verdict comes with the next tick at the earliest, when there is something to drop.
            _player.Pause(now, _link, _carrier);
            _clearMicros = 0;
            _interruptedAtMs = _mediaMs;
            _judge.Begin(speaking.Id, now);
            _judge.Heard(speaking.Id, speaking.Partial, final: false);
            _chain!.Connection?.HoldAnswers();
        }

        return utterance;
    }

    /// <summary>(4) Hands over audio, books what was heard, hangs up when that was asked for.</summary>
    private void PumpAnswers()
    {
        double now = Now();
        bool wasWaiting = _callerStoppedAt is not null;
        if (_player.Pump(now, _mediaMs, _link, _carrier, Listening || _measureAnswer ? _tapAnswer : null))
        {
            _measureAnswer = false;
            if (wasWaiting && _firstAnswerMs.Count < MaxLatencies)
            {
                _firstAnswerMs.Add((int)(now - _callerStoppedAt!.Value));
            }

            _callerStoppedAt = null;
        }

        while (_player.TakeHeard(now) is { } utterance)
        {
            int length = (int)((utterance.End - Math.Max(0, utterance.Start)) / G711.BytesPerMs);
            if (length > 0 && utterance is not { Cut: true, Text.Length: 0 })
            {
                Tell(new TurnFinished(utterance.TurnId, LegRole.Ai, utterance.Text.ToString().Trim(), utterance.StartMediaMs, utterance.StartMediaMs + length, Interrupted: utterance.Cut, HeardMs: length));
            }
            else
            {
                Unwrite(utterance.TurnId, LegRole.Ai);
            }
        }

        if (_hangUpAfterAnswer && _player.Current is null)
        {
            Finish(_goodbye?.Wish.Reason ?? EndReason.AssistantEnded, _goodbye?.Wish.Detail ?? "The assistant said goodbye and ended the call.");
        }
    }

    /// <summary>The caller has come back from a break, and neither he nor the AI has said anything yet.</summary>
    private void PickUp(double now)
    {
        if (_bridgeDueAt is not { } due || now < due || _chain?.Connection is not { } provider)
        {
            return;
        }

        _bridgeDueAt = null;
        switch (_bridge.Kind)
        {
            case BridgeKind.None:
                return;
            case BridgeKind.Greeting:
                provider.Greet();
                break;
            default:
                provider.PickUp(_bridge.Words, _bridge.Kind switch
                {
                    BridgeKind.Answer => PickUpRest.Answer,
                    BridgeKind.Continuation => PickUpRest.Continuation,
                    _ => PickUpRest.Nothing,
                });
                break;
        }

        _chain.Owes();
    }

    private void Instruct(string text)
    {
        _chain!.Connection!.Instruct(text);
        _chain.Owes();

        // Who takes over must know what this one was told.
        _chain.Remember(new OperatorText(text, "server"));
    }

    /// <summary>Nobody has had the call for a while: a word instead of dead air, once.</summary>
    private void Reassure(double now)
    {
        if (_chain?.OutSince is not { } since)
        {
            _reassured = false;
            return;
        }

        if (_reassured || now - since < ReassureAfter.TotalMilliseconds || _player.Speaking(now) || _player.Paused)
        {
            return;
        }

        _reassured = true;
        var words = _player.Begin($"moment-{Guid.NewGuid():N}", by: null);
        words.Text.Append(OneMoment.Words);
        _player.Enqueue(words, OneMoment.Base64);
        words.Done = true;
        PumpAnswers();
    }

    private void ResumeAnswers(bool answerNow)
    {
        _chain!.Connection?.ResumeAnswers(answerNow);
        if (answerNow || _player.Utterances.Any(utterance => utterance is { Done: false, Cut: false, By: not null }))
        {
            _chain.Owes();
        }
        else
        {
            _chain.Paid();
        }
    }

    private void Judge(double now)
    {
        if (_judge.TurnId is not { } turnId || _outcome is not null)
        {
            return;
        }

        switch (_judge.Judge(now, _chain!.QuietSince, _chain.ShortSound))
        {
            case Verdict.Interruption:
                _stoppedItself = null;
                Interrupt(now);
                ResumeAnswers(answerNow: true);
                break;

            case Verdict.FalseAlarm:
                _falseAlarms.Clear();
                _falseAlarms.AddRange(_judge.Turns);
                _judge.Close();
                _callerStoppedAt = null;
                Tell(new FalseInterruption(turnId, _turns.Find(turn => turn.Id == turnId)?.Partial, _interruptedAtMs));
                ResumeAnswers(answerNow: false);
                GoOn(now);
                _player.Resume(now);
                PumpAnswers();
                break;
        }
    }

    /// <summary>A provider that falls silent by itself at every sound is asked for the rest of what it was saying.</summary>
    private void GoOn(double now)
    {
        if (_stoppedItself is { } utterance && _player.Utterances.Contains(utterance))
        {
            AnswerPlayer.CutShort(utterance);
            (_bridge, _bridgeDueAt) = (Bridge.Takeover(BridgeKind.Continuation), now);
            PickUp(now);
        }

        _stoppedItself = null;
    }

    /// <summary>The caller took the turn: the rest of the answer is dropped and the provider forgets what was not heard.</summary>
    private void Interrupt(double now)
    {
        _judge.Close();
        _hangUpAfterAnswer = false;
        if (_player.Current is { } current)
        {
            Tell(new BargeIn(current.TurnId, _player.HeardMs(current, now), _clearMicros, _interruptedAtMs));
        }

        DropAnswers(now);
    }

    /// <summary>Words that somebody may have seen coming, and of which no turn comes.</summary>
    private void Unwrite(string turnId, LegRole speaker) => _sink?.Partial(new PartialTranscript(turnId, speaker, "", _mediaMs));

    /// <summary>Cuts every unfinished answer to what was heard: in the journal, in the provider's memory, in the carrier.</summary>
    private void DropAnswers(double now)
    {
        if (_player.Utterances.Count == 0)
        {
            _player.Drop();
            return;
        }

        foreach (var utterance in _player.Utterances)
        {
            int heardMs = _player.HeardMs(utterance, now);
            int knownMs = utterance.Start < 0 ? 0 : (int)((utterance.End - utterance.Start) / G711.BytesPerMs);
            bool whole = utterance.Done && heardMs >= knownMs;
            string text = HeardText.Cut(utterance.Text.ToString().Trim(), heardMs, whole ? heardMs : knownMs);
            if (text.Length > 0)
            {
                Tell(new TurnFinished(utterance.TurnId, LegRole.Ai, text, utterance.StartMediaMs, utterance.StartMediaMs + heardMs, Interrupted: !whole, HeardMs: heardMs));
            }
            else
            {
                Unwrite(utterance.TurnId, LegRole.Ai);
            }

            if (!utterance.Done)
            {
                _discardedTurn = utterance.TurnId;
                _chain?.Connection?.CancelAnswer();
            }

            if (!whole && !utterance.Cut && _outcome is null && _chain is { Active: { Provider.Capabilities.Truncates: true } speaker, Connection: { } provider } && speaker == utterance.By)
            {
                provider.Truncate(utterance.TurnId, heardMs);
            }
        }

        _player.Drop();
    }
}
