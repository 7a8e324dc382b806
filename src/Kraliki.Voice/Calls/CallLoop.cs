using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Kraliki.Contracts;
using Kraliki.Voice.Audio;
using Kraliki.Voice.Carriers;
using Kraliki.Voice.Net;
using Kraliki.Voice.Providers;
using Microsoft.Extensions.Logging;

namespace Kraliki.Voice.Calls;

/// <summary>What a stream needs to become a call: made once the carrier's <c>start</c> told whose stream it is.</summary>
/// <param name="Comeback">The session's conversation goes on, after a break; null when it begins.</param>
/// <param name="Limits">When the assistant says goodbye by itself; null: never.</param>
public sealed record CallAdmission(ICallSink Sink, ProviderOrder Providers, ProviderSetup Setup, Comeback? Comeback = null, CallLimits? Limits = null);

/// <summary>Checks the stream's one-time token. Null refuses the call; the refusal is the caller's to audit.</summary>
public delegate Task<CallAdmission?> AdmitCall(StreamStart start, CancellationToken cancellationToken);

/// <summary>Runs one live call until either side ends it.</summary>
/// <remarks>
/// <code>
///  carrier ──(1)──► OnMessage ──(2)──► provider.SendAudio        caller → AI, the payload is never decoded
///  carrier ◄──(4)── AnswerPlayer ◄──(3)── AnswerAudio ◄── provider   AI → caller, paced, kept until heard
///                        ▲ (5) interruption: clear, judge, then resume or drop and truncate
///  sink    ◄──(6)── facts, partials, meters, audio for listeners
/// </code>
/// <para>Everything arrives by push (socket, provider, timer, command) and is handled to its end inside one gate, without
/// waiting: there is no queue and no thread hop between the two sockets. What may block lies behind the sink.</para>
/// <para>The first cause of the end wins (7); both sides are then closed and the last words awaited, each with a deadline.</para>
/// </remarks>
public sealed partial class CallLoop : IMediaReceiver
{
    private const int MaxLatencies = 500;

    // A second: longer than the silence by which any provider ends a turn. 20 ms of μ-law silence (0xFF) a frame.
    private const int LastSilenceFrames = 50;
    private static readonly byte[] SilentFrame = Encoding.ASCII.GetBytes(Convert.ToBase64String([.. Enumerable.Repeat(G711.Silence, G711.FrameBytes)]));

    private readonly Lock _gate = new();
    private readonly CallOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly MediaSocket _carrier;
    private readonly AdmitCall _admit;
    private readonly long _origin;
    private readonly TaskCompletionSource<CallOutcome> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _admission = new();
    private readonly TwilioLink _link = new();
    private readonly AnswerPlayer _player;
    private readonly InterruptionJudge _judge;
    private readonly CallerTape _tape;
    private readonly AudioTap _tapAnswer;
    private readonly List<CallerTurn> _turns = [];
    private readonly StringBuilder _digits = new();
    private readonly List<string> _instructions = [];
    private readonly List<int> _firstAnswerMs = [];
    private readonly HearingMatrix _hearing = HearingMatrix.Autopilot;

    private ICallSink? _sink;
    private ProviderChain? _chain;
    private IReadOnlyList<CallTool>? _tools;
    private bool _started;
    private bool _carrierClosed;
    private bool _hangUpAfterAnswer;
    private double _lastCarrierAt;
    private double _connectingSince;
    private double? _callerStoppedAt;
    private double? _digitsDueAt;
    private double? _endedAt;
    private string? _discardedTurn;
    private CallOutcome? _outcome;

    // The conversation's time: the carrier's, plus what had passed before this stream.
    private long _mediaMs;
    private long _beganMs;
    private long _framesIn;
    private int _ticks;
    private bool _admitting;
    private bool _completed;
    private bool _measureCaller;

    // The AI's level is taken from the first chunk after each report.
    private bool _measureAnswer = true;
    private double _callerLevel;
    private double _aiLevel;

    /// <param name="carrier">The carrier's socket, not yet opened.</param>
    public CallLoop(MediaSocket carrier, AdmitCall admit, CallOptions options, TimeProvider time, ILogger<CallLoop> logger)
    {
        _carrier = carrier;
        _admit = admit;
        _options = options;
        _time = time;
        _logger = logger;
        _origin = time.GetTimestamp();
        _player = new AnswerPlayer(options);
        _judge = new InterruptionJudge(options);
        _tape = new CallerTape((int)(options.CallerBacklog / CallerTape.Frame), (int)(options.LongestCallerBacklog / CallerTape.Frame));
        _tapAnswer = TapAnswer;
    }

    /// <summary>While true, <see cref="ICallSink.Audio"/> is called. Set from any thread.</summary>
    public bool Listening { get; set; }

    /// <summary>Runs the call. Never throws: how it ended is the result. Once.</summary>
    /// <param name="stopping">The server is stopping: ends the call with <see cref="EndReason.TalkServerStopping"/>.</param>
    public async Task<CallOutcome> RunAsync(CancellationToken stopping)
    {
        var ticker = CallTicker.Of(_time);
        ticker.Add(this);
        _carrier.Open(this);

        // After the opening: a server that is stopping already must be able to say goodbye.
        using var registration = stopping.Register(() => Post(new EndCall(EndReason.TalkServerStopping, "The server is shutting down.")));
        var outcome = await _completion.Task.ConfigureAwait(false);
        ticker.Remove(this);
        _admission.Dispose();
        LogCallEnded(outcome.Reason, _framesIn, _player.FramesSent, _chain?.Dropped ?? 0);
        return outcome;
    }

    /// <summary>Hands a command to the call; from any thread, never blocks, never drops.</summary>
    public void Post(CallCommand command)
    {
        using var scope = FlushScope.Enter();
        lock (_gate)
        {
            switch (command)
            {
                case EndCall end:
                    Finish(end.Reason, end.Detail);
                    break;
                case var _ when _outcome is not null:
                    break;
                case EndAfterGoodbye end:
                    EndAfter(end);
                    break;
                case HoldCall hold:
                    _onHold = hold.OnHold;
                    break;
                case InstructProvider instruct when _chain?.Connection is not null:
                    Instruct(instruct.Text);
                    break;
                case InstructProvider instruct:
                    _instructions.Add(instruct.Text);
                    break;
                case OfferTools offer:
                    _tools = offer.Tools;
                    if (_chain is not null)
                    {
                        _chain.Tools = _tools;
                        if (_chain.Connection is not null)
                        {
                            _chain.Active!.OfferTools(_tools);
                        }
                    }

                    break;
                case ProvideToolResult result when _chain is not null:
                    OnToolResult(result);
                    break;
                case SwitchProvider change when _chain is not null:
                    _chain.Switch(change, Now());
                    break;
                case ReplaceOrder change when _chain is not null:
                    _chain.Replace(change.Order);
                    break;
            }
        }
    }

    void IMediaReceiver.OnMessage(ReadOnlySpan<byte> message)
    {
        lock (_gate)
        {
            OnCarrierMessage(message);
        }
    }

    void IMediaReceiver.OnFault(Exception exception)
    {
        lock (_gate)
        {
            Fault(exception);
        }
    }

    void IMediaReceiver.OnClosed(SocketEnd end, ushort code, string reason)
    {
        lock (_gate)
        {
            _carrierClosed = true;
            switch (end)
            {
                case SocketEnd.ProtocolError:
                    Finish(EndReason.TalkCarrierProtocolError, $"The carrier sent something that is not a valid WebSocket message ({reason}).");
                    break;
                case SocketEnd.TooSlow:
                    Finish(EndReason.TalkCarrierLost, "The carrier stopped reading our audio.");
                    break;
                default:
                    Finish(EndReason.TalkCarrierLost, string.Create(CultureInfo.InvariantCulture, $"The carrier's media connection ended without a goodbye (code {code})."));
                    break;
            }

            CompleteWhenClosed();
        }
    }

    /// <summary>(1) A message of the carrier.</summary>
    private void OnCarrierMessage(ReadOnlySpan<byte> message)
    {
        if (_outcome is not null)
        {
            return;
        }

        var carrierEvent = _link.Read(message);
        _lastCarrierAt = Now();
        switch (carrierEvent.Kind)
        {
            case CarrierEventKind.Audio when _started:
                OnCallerAudio(carrierEvent.Payload, carrierEvent.TimestampMs);
                break;

            case CarrierEventKind.Mark:
                if (_player.Marked(carrierEvent.Payload, _lastCarrierAt))
                {
                    PumpAnswers();
                }

                break;

            case CarrierEventKind.Digit when _started:
                OnDigit(Encoding.ASCII.GetString(carrierEvent.Payload));
                break;

            case CarrierEventKind.Started when !_started:
                _started = _admitting = true;
                _connectingSince = _lastCarrierAt;
                _ = AdmitAsync(carrierEvent.Start!);
                break;

            case CarrierEventKind.Stopped:
                Finish(EndReason.CallerHungUp, "The caller hung up.");
                break;

            case CarrierEventKind.Malformed:
                Finish(EndReason.TalkCarrierProtocolError, $"The carrier sent a message that we do not understand: {carrierEvent.Fault}.");
                break;

            case CarrierEventKind.Started:
                Finish(EndReason.TalkCarrierProtocolError, "The carrier started the same stream twice.");
                break;

            case CarrierEventKind.Audio:
                Finish(EndReason.TalkCarrierProtocolError, "The carrier sent audio before it started a stream.");
                break;

            case CarrierEventKind.Digit:
                Finish(EndReason.TalkCarrierProtocolError, "The carrier sent a digit before it started a stream.");
                break;
        }
    }

    /// <summary>(2) One frame of the caller, base64 as it came.</summary>
    private void OnCallerAudio(ReadOnlySpan<byte> base64, long timestampMs)
    {
        _framesIn++;
        _mediaMs = timestampMs >= 0 ? _beganMs + timestampMs : _mediaMs + 20;
        if (_measureCaller || Listening)
        {
            TapCaller(base64);
        }

        if (!_hearing.Hears(LegRole.Ai, LegRole.Caller))
        {
            return;
        }

        if (_chain is null)
        {
            _tape.Add(base64, neededFrom: 0);
        }
        else
        {
            _chain.Hear(base64, _lastCarrierAt);
        }
    }

    private async Task AdmitAsync(StreamStart start)
    {
        CallAdmission? admission;
        try
        {
            admission = await _admit(start, _admission.Token).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // The edge of admission: database or grain may be away. The call cannot begin, and the log says why.
            using var failing = FlushScope.Enter();
            lock (_gate)
            {
                _admitting = false;
                if (_outcome is null)
                {
                    LogAdmissionFailed(e);
                }

                Finish(EndReason.ConnectCarrierRefused, "The call could not be looked up.");
                CompleteWhenClosed();
            }

            return;
        }

        using var scope = FlushScope.Enter();
        lock (_gate)
        {
            _admitting = false;
            if (admission is null)
            {
                Finish(EndReason.ConnectCarrierRefused, "The stream's token is missing, unknown, used or too old.");
                return;
            }

            _sink = admission.Sink;
            _beganMs = admission.Comeback?.AtMs ?? 0;
            _mediaMs += _beganMs;
            if (_outcome is not null)
            {
                // The caller was gone before the session was found; the session still learns how it ended.
                CompleteWhenClosed();
                return;
            }

            try
            {
                _connectingSince = Now();
                Tell(new CarrierConnected("twilio", start.CallSid, start.StreamSid));
                _bridge = Bridge.Of(admission.Setup.Conversation.Recent, admission.Comeback);
                _spokenTo = _bridge.Kind != BridgeKind.Greeting;
                _limits = admission.Limits;

                // An offer may have overtaken the admission, and is then the newer word.
                _tools ??= admission.Setup.Tools;
                _chain = new ProviderChain(this, admission.Providers, admission.Setup with { Tools = _tools }, _tape, _options, _gate);
                _chain.Start(Now());
            }
            catch (Exception e)
            {
                // The edge of this task, which nobody awaits: without a provider nothing else would ever end the call.
                Fault(e);
            }
        }
    }

    private void OnDigit(string digit)
    {
        Tell(new DtmfReceived(digit, _mediaMs));
        _digits.Append(digit);
        _digitsDueAt = digit == "#" ? Now() : Now() + _options.DigitPause.TotalMilliseconds;
        TellDigits(Now());
    }

    private void TellDigits(double now)
    {
        if (_digitsDueAt is { } due && now >= due && _chain?.Connection is not null && _outcome is null)
        {
            Instruct($"The caller pressed {string.Join(' ', _digits.ToString().ToCharArray())} on the telephone keypad.");
            _digits.Clear();
            _digitsDueAt = null;
        }
    }

    /// <summary>What time alone decides: deadlines, the pace of answers, judgements. Called by <see cref="CallTicker"/>.</summary>
    internal void Tick()
    {
        using var scope = FlushScope.Enter();
        lock (_gate)
        {
            try
            {
                double now = Now();
                if (_outcome is null)
                {
                    CheckDeadlines(now);
                    PumpAnswers();
                    Judge(now);
                    TellDigits(now);
                    PickUp(now);
                    Reassure(now);
                    KeepLimits(now);
                    SayGoodbye(now);
                    ReportMeters(now);
                }

                if (_outcome is not null)
                {
                    CompleteWhenClosed();
                }
            }
            catch (Exception e)
            {
                // The edge of the timer: a bug must end this call with a reason, not the process or in silence.
                Fault(e);
            }
        }
    }

    private void CheckDeadlines(double now)
    {
        if (!_started)
        {
            if (now >= _options.StartTimeout.TotalMilliseconds)
            {
                Finish(EndReason.ConnectCarrierTimeout, "The carrier opened a socket and started no stream.");
            }

            return;
        }

        if (now - _lastCarrierAt >= _options.CarrierIdleTimeout.TotalMilliseconds)
        {
            Finish(EndReason.TalkCarrierIdle, string.Create(CultureInfo.InvariantCulture, $"The carrier sent nothing for {_options.CarrierIdleTimeout.TotalSeconds:0} seconds."));
        }
        else if (_chain is null)
        {
            if (now - _connectingSince >= _options.ProviderConnectTimeout.TotalMilliseconds)
            {
                Finish(EndReason.ConnectCarrierRefused, "The call could not be looked up in time.");
            }
        }
        else
        {
            _chain.Tick(now);
        }
    }

    private void ReportMeters(double now)
    {
        if (_sink is null)
        {
            return;
        }

        // Five samples of one frame each in half a second are enough for a level meter.
        _measureCaller = _measureAnswer = true;
        if (++_ticks % 5 == 0)
        {
            bool aiSpeaking = _player.Speaking(now);
            _sink.Meters(new CallMeters(Math.Round(_callerLevel, 3), aiSpeaking ? Math.Round(_aiLevel, 3) : 0, _mediaMs, aiSpeaking, _turns.Exists(turn => turn.StoppedMs is null)));
            _callerLevel = 0;
        }
    }

    private void TapCaller(ReadOnlySpan<byte> base64)
    {
        Span<byte> mulaw = stackalloc byte[1024];
        if (base64.Length > 1364)
        {
            return;
        }

        Base64.DecodeFromUtf8(base64, mulaw, out _, out int length);
        if (_measureCaller)
        {
            _measureCaller = false;
            _callerLevel = Math.Max(_callerLevel, G711.Peak(mulaw[..length]));
        }

        if (Listening)
        {
            _sink?.Audio(LegRole.Caller, AudioFrameKind.Mulaw, (uint)_mediaMs, mulaw[..length]);
        }
    }

    private void TapAnswer(ReadOnlySpan<byte> base64, double delayMs)
    {
        // In slices: a provider's delta may hold seconds of audio. 3,600 characters are 2,700 bytes, a whole number of both.
        Span<byte> mulaw = stackalloc byte[2700];
        double at = _mediaMs + delayMs;
        while (base64.Length > 0)
        {
            var slice = base64[..Math.Min(base64.Length, 3600)];
            base64 = base64[slice.Length..];
            Base64.DecodeFromUtf8(slice, mulaw, out _, out int length);
            _aiLevel = G711.Peak(mulaw[..Math.Min(length, G711.FrameBytes)]);
            if (Listening)
            {
                _sink?.Audio(LegRole.Ai, AudioFrameKind.Mulaw, (uint)at, mulaw[..length]);
            }

            at += length / (double)G711.BytesPerMs;
        }
    }

    /// <summary>(7) The first cause wins; what is still known is told, both sides are closed.</summary>
    private void Finish(EndReason reason, string detail)
    {
        if (_outcome is not null)
        {
            return;
        }

        double now = Now();
        _endedAt = now;
        _outcome = new CallOutcome(reason, detail);
        if (!_player.Paused && _player.Speaking(now))
        {
            _player.Pause(now, _link, _carrier);
        }

        // Before the carrier learns it: it may ask what comes next at once.
        _sink?.Ending(_outcome);
        DropAnswers(now);
        EndLastTurn();
        _carrier.Close(reason is EndReason.TalkCarrierProtocolError or EndReason.ConnectCarrierRefused ? (ushort)1008 : (ushort)1000, reason == EndReason.CallerHungUp ? "" : detail);

        // May come straight back through AdmitAsync: last.
        _admission.Cancel();
        CompleteWhenClosed();
    }

    /// <summary>A provider ends a turn by silence, and from a closed line none comes: without it the last words would never be written down.</summary>
    private void EndLastTurn()
    {
        if (_chain?.Connection is { } provider && _turns is [.., { StoppedMs: null }] && _chain.Feed(Now()))
        {
            // Nobody would hear an answer to them.
            provider.HoldAnswers();
            for (int i = 0; i < LastSilenceFrames && provider.SendAudio(SilentFrame); i++)
            {
            }
        }
    }

    /// <summary>Closes the provider once no words are awaited, and completes once both sides are closed or the deadline is over.</summary>
    internal void CompleteWhenClosed()
    {
        if (_outcome is null || _admitting || _completed)
        {
            return;
        }

        double sinceEnd = Now() - _endedAt!.Value;
        bool wordsAwaited = _chain?.Connection is not null && _turns.Count > 0 && sinceEnd < _options.LastWordsGrace.TotalMilliseconds;
        if (wordsAwaited)
        {
            return;
        }

        _chain?.Close();
        bool closed = _carrierClosed && _chain is not { AllClosed: false };
        if (!closed && sinceEnd < _options.LastWordsGrace.TotalMilliseconds + _options.CloseTimeout.TotalMilliseconds)
        {
            return;
        }

        // Before the abort, whose OnClosed may come back into here.
        _completed = true;
        if (!_carrierClosed)
        {
            _carrier.Abort();
        }

        if (!_turns.Exists(turn => turn.Partial.Length > 0))
        {
            _unwritten.ForEach(GiveUp);
        }

        _turns.ForEach(GiveUp);
        _turns.Clear();
        _chain?.TellUsage(Now(), all: true);
        Tell(MediaEndedFact());

        // That was the last fact; a provider that was not waited for may still report.
        _sink = null;
        _player.Dispose();
        _tape.Dispose();
        _completion.TrySetResult(_outcome);
    }

    /// <summary>The transcript of a turn will not come: what is known of it is kept.</summary>
    private void GiveUp(CallerTurn turn)
    {
        if (turn.Partial.Length > 0)
        {
            Tell(new TurnFinished(turn.Id, LegRole.Caller, turn.Partial, turn.StartMs, turn.StoppedMs ?? _mediaMs, Interrupted: true));
        }
    }

    private MediaEnded MediaEndedFact()
        => new(_outcome!.Reason, _outcome.Detail, _framesIn, _player.FramesSent, _chain?.Dropped ?? 0, [.. _firstAnswerMs]);

    /// <summary>The call is over; only last words are awaited.</summary>
    internal bool Over => _outcome is not null;

    /// <summary>Tells the session, and whoever takes the conversation over.</summary>
    internal void Tell(SessionFact fact)
    {
        _sink?.Fact(fact);
        _chain?.Remember(fact);
    }

    /// <inheritdoc cref="ICallSink.IsUrgent"/>
    internal bool IsUrgent(IReadOnlyList<ModelUsage> used) => _sink?.IsUrgent(used) == true;

    internal void LogFault(Exception e) => LogCallFault(e);

    private void Fault(Exception e)
    {
        LogCallFault(e);
        Finish(EndReason.TalkServerFault, "Something went wrong on our side.");
    }

    /// <summary>Milliseconds since the loop was made.</summary>
    internal double Now() => _time.GetElapsedTime(_origin).TotalMilliseconds;

    private sealed class CallerTurn(string id, long startMs, long tapeStart)
    {
        public string Id { get; } = id;

        public long StartMs { get; } = startMs;

        /// <summary>Where it begins on the tape.</summary>
        public long TapeStart { get; } = tapeStart;

        public long? StoppedMs { get; set; }

        public long? TapeEnd { get; set; }

        public string Partial { get; set; } = "";
    }
}
