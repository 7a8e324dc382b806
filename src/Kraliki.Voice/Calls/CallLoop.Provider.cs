using Kraliki.Contracts;
using Kraliki.Voice.Audio;
using Kraliki.Voice.Net;
using Kraliki.Voice.Providers;

namespace Kraliki.Voice.Calls;

/// <summary>The provider's side of the loop: answers (3, 4), turn taking and interruption (5).</summary>
public sealed partial class CallLoop : IProviderEvents
{
    // A caller turn whose transcript never comes must not pile up; the oldest is given up.
    private const int MaxOpenTurns = 16;

    // Taken for coughs when their words did not come in time.
    private readonly List<string> _falseAlarms = [];
    private Bridge _bridge = Bridge.None;

    // When the bridge is to be said; null while the caller speaks, and once it was said.
    private double? _bridgeDueAt;
    private long _clearMicros;
    private long _interruptedAtMs;

    void IProviderEvents.Connected(string providerSessionId, string? model)
    {
        using var scope = FlushScope.Enter();
        lock (_gate)
        {
            if (_outcome is not null || _providerReady)
            {
                return;
            }

            _providerReady = true;
            _sink!.Fact(new ProviderConnected(_providerName, model, providerSessionId, (int)(Now() - _connectingSince)));
            _bridgeDueAt = Now() + _bridge.Patience.TotalMilliseconds;
            if (_capabilities!.SpeaksFirst && _bridge.Kind == BridgeKind.Greeting)
            {
                _provider!.Greet();
            }

            if (_instructions.Count > 0)
            {
                // It will speak anyway.
                _bridgeDueAt = null;
            }

            foreach (string instruction in _instructions)
            {
                _provider!.Instruct(instruction);
            }

            _instructions.Clear();
            DrainBacklog();
        }
    }

    void IProviderEvents.SpeechStarted(string turnId)
    {
        long arrived = _time.GetTimestamp();
        using var scope = FlushScope.Enter();
        lock (_gate)
        {
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

            _turns.Add(new CallerTurn(turnId, _mediaMs));
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
            _provider!.HoldAnswers();
        }
    }

    void IProviderEvents.SpeechStopped(string turnId)
    {
        using var scope = FlushScope.Enter();
        lock (_gate)
        {
            double now = Now();
            if (_turns.Find(turn => turn.Id == turnId) is { } turn)
            {
                turn.StoppedMs = _mediaMs;
            }

            _callerStoppedAt = now;
            _judge.Stopped(turnId, now);
            Judge(now);
        }
    }

    void IProviderEvents.CallerPartial(string turnId, string text)
    {
        using var scope = FlushScope.Enter();
        lock (_gate)
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
    }

    void IProviderEvents.CallerFinal(string turnId, string text, double? confidence)
    {
        using var scope = FlushScope.Enter();
        lock (_gate)
        {
            double now = Now();
            var turn = _turns.Find(turn => turn.Id == turnId);
            if (turn is not null)
            {
                _turns.Remove(turn);
            }

            if (!string.IsNullOrWhiteSpace(text))
            {
                _sink?.Fact(new TurnFinished(turnId, LegRole.Caller, text.Trim(), turn?.StartMs ?? _mediaMs, turn?.StoppedMs ?? _mediaMs, confidence));
                _bridge = Bridge.None;
            }
            else
            {
                // It was no speech: the caller still waits for a word.
                _bridgeDueAt = now + _bridge.Patience.TotalMilliseconds;
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

                _provider!.ResumeAnswers(answerNow: true);
            }

            CompleteWhenClosed();
        }
    }

    void IProviderEvents.AnswerAudio(string turnId, ReadOnlySpan<byte> base64Mulaw)
    {
        using var scope = FlushScope.Enter();
        lock (_gate)
        {
            if (_outcome is not null || turnId == _discardedTurn || !_hearing.Hears(LegRole.Caller, LegRole.Ai))
            {
                return;
            }

            _player.Enqueue(AnswerOf(turnId), base64Mulaw);
            PumpAnswers();
        }
    }

    void IProviderEvents.AnswerText(string turnId, string delta)
    {
        using var scope = FlushScope.Enter();
        lock (_gate)
        {
            if (_outcome is not null || turnId == _discardedTurn)
            {
                return;
            }

            var utterance = AnswerOf(turnId);
            utterance.Text.Append(delta);
            _sink?.Partial(new PartialTranscript(turnId, LegRole.Ai, utterance.Text.ToString(), utterance.Start < 0 ? _mediaMs : utterance.StartMediaMs));
        }
    }

    void IProviderEvents.AnswerDone(string turnId, string text, bool cancelled)
    {
        using var scope = FlushScope.Enter();
        lock (_gate)
        {
            if (_player.Find(turnId) is not { } utterance)
            {
                return;
            }

            utterance.Done = true;
            if (!cancelled)
            {
                utterance.Text.Clear().Append(text);
            }

            PumpAnswers();
        }
    }

    void IProviderEvents.ToolCall(string callId, string name, string argumentsJson)
    {
        using var scope = FlushScope.Enter();
        lock (_gate)
        {
            if (_outcome is not null)
            {
                return;
            }

            if (name == CallTool.EndCall.Name && _tools!.Contains(CallTool.EndCall))
            {
                _sink!.Fact(new ToolCalled(callId, name, argumentsJson, """{"ok":true}"""));
                _hangUpAfterAnswer = true;
                PumpAnswers();
                return;
            }

            string refusal = CallTool.All.Any(tool => tool.Name == name)
                ? """{"error":"This tool is switched off; go on without it."}"""
                : """{"error":"unknown tool"}""";
            _sink!.Fact(new ToolCalled(callId, name, argumentsJson, refusal, Refused: true));
            _provider!.ProvideToolResult(callId, refusal);
        }
    }

    void IProviderEvents.Usage(ProviderUsage usage)
    {
        lock (_gate)
        {
            _usage = usage;
        }
    }

    void IProviderEvents.Notice(string code, string message)
    {
        lock (_gate)
        {
            _sink?.Fact(new ProviderNotice(_providerName, code, message));
        }
    }

    void IProviderEvents.Faulted(Exception exception)
    {
        using var scope = FlushScope.Enter();
        lock (_gate)
        {
            Fault(exception);
        }
    }

    void IProviderEvents.Closed(ProviderEnd end, string detail)
    {
        using var scope = FlushScope.Enter();
        lock (_gate)
        {
            _providerClosed = true;
            var reason = (end, _providerReady) switch
            {
                (ProviderEnd.Unauthorized, _) => EndReason.ConnectProviderUnauthorized,
                (_, false) => EndReason.ConnectProviderRefused,
                (ProviderEnd.Expired, _) => EndReason.TalkProviderExpired,
                (ProviderEnd.Error or ProviderEnd.Refused, _) => EndReason.TalkProviderError,
                _ => EndReason.TalkProviderLost,
            };
            Finish(reason, detail);
            CompleteWhenClosed();
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
            _provider!.ResumeAnswers(answerNow: true);
        }

        _bridge = Bridge.None;
        var utterance = _player.Begin(turnId);
        if (_turns is [.., { StoppedMs: null } speaking])
        {
            // The caller speaks on while the answer to the words before arrives: it is judged like speech over an answer,
            // and waits meanwhile. The verdict comes with the next tick at the earliest, when there is something to drop.
            _player.Pause(now, _link, _carrier);
            _clearMicros = 0;
            _interruptedAtMs = _mediaMs;
            _judge.Begin(speaking.Id, now);
            _judge.Heard(speaking.Id, speaking.Partial, final: false);
            _provider!.HoldAnswers();
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
            if (length > 0)
            {
                _sink?.Fact(new TurnFinished(utterance.TurnId, LegRole.Ai, utterance.Text.ToString().Trim(), utterance.StartMediaMs, utterance.StartMediaMs + length, HeardMs: length));
            }
        }

        if (_hangUpAfterAnswer && _player.Current is null)
        {
            Finish(EndReason.AssistantEnded, "The assistant said goodbye and ended the call.");
        }
    }

    /// <summary>The caller has come back from a break, and neither he nor the AI has said anything yet.</summary>
    private void PickUp(double now)
    {
        if (_bridgeDueAt is { } due && now >= due && _providerReady)
        {
            _bridgeDueAt = null;
            if (_bridge.Kind is BridgeKind.Answer or BridgeKind.Prompt)
            {
                _provider!.PickUp(_bridge.Words, _bridge.Kind == BridgeKind.Answer);
            }
        }
    }

    private void Judge(double now)
    {
        if (_judge.TurnId is not { } turnId || _outcome is not null)
        {
            return;
        }

        switch (_judge.Judge(now))
        {
            case Verdict.Interruption:
                Interrupt(now);
                _provider!.ResumeAnswers(answerNow: true);
                break;

            case Verdict.FalseAlarm:
                _falseAlarms.Clear();
                _falseAlarms.AddRange(_judge.Turns);
                _judge.Close();
                _callerStoppedAt = null;
                _sink!.Fact(new FalseInterruption(turnId, _turns.Find(turn => turn.Id == turnId)?.Partial, _interruptedAtMs));
                _provider!.ResumeAnswers(answerNow: false);
                _player.Resume(now);
                PumpAnswers();
                break;
        }
    }

    /// <summary>The caller took the turn: the rest of the answer is dropped and the provider forgets what was not heard.</summary>
    private void Interrupt(double now)
    {
        _judge.Close();
        _hangUpAfterAnswer = false;
        if (_player.Current is { } current)
        {
            _sink!.Fact(new BargeIn(current.TurnId, _player.HeardMs(current, now), _clearMicros, _interruptedAtMs));
        }

        DropAnswers(now);
    }

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
                _sink?.Fact(new TurnFinished(utterance.TurnId, LegRole.Ai, text, utterance.StartMediaMs, utterance.StartMediaMs + heardMs, Interrupted: !whole, HeardMs: heardMs));
            }

            if (!utterance.Done)
            {
                _discardedTurn = utterance.TurnId;
                _provider?.CancelAnswer();
            }

            if (!whole && _capabilities is { Truncates: true } && _outcome is null)
            {
                _provider?.Truncate(utterance.TurnId, heardMs);
            }
        }

        _player.Drop();
    }
}
