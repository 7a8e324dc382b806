namespace Kraliki.Simulators.Callers;

/// <summary>What the caller does besides making sound.</summary>
/// <param name="Digit">A key pressed with this frame.</param>
public readonly record struct CallerAct(char? Digit, bool HangUp);

/// <summary>Plays a script as a person on the telephone: hears a frame, makes a frame, 50 times a second. Pure; not safe from several threads at once.</summary>
/// <remarks>
/// 1 hear the agent's frame · 2 when nothing is being said or pressed, look whether the moment of the next step has come ·
/// 3 begin it · 4 give the next 20 ms of its sound, with the line's background noise.
/// </remarks>
public sealed class ScriptedCaller
{
    private const int FrameMs = 20;
    private const int KeyGapMs = 120;

    // Silences within a sentence are shorter than this: what comes later is a fresh answer.
    private const int WordGapMs = 200;

    private readonly CallerScript _script;
    private readonly IReadOnlyDictionary<ScriptStep, short[]> _audio;
    private readonly Action<CallerProgress, string> _progress;
    private readonly short[]? _background;
    private int _backgroundAt;
    private int _next;
    private long _stepSinceMs;
    private long _turnEndMs;
    private long _agentSpokeMs = -1;
    private short[]? _sound;
    private int _soundAt;
    private bool _soundIsLine;
    private readonly Queue<(char Digit, long AtMs)> _keys = new();

    /// <param name="audio">Sound for each step that has one, 8 kHz PCM without silence around it.</param>
    /// <param name="progress">Told what happens, on the thread that calls <see cref="Frame"/>.</param>
    public ScriptedCaller(
        CallerScript script, IReadOnlyDictionary<ScriptStep, short[]> audio, ConversationLog log, Action<CallerProgress, string> progress)
    {
        ArgumentNullException.ThrowIfNull(script);
        ArgumentNullException.ThrowIfNull(audio);
        _script = script;
        _audio = audio;
        _progress = progress;
        Log = log;
        if (script.NoiseDb is { } db)
            _background = CallerSound.Noise(TimeSpan.FromSeconds(2), CallerSound.SpeechLevel(audio.Values) / Math.Pow(10, db / 20));
    }

    public ConversationLog Log { get; }

    public AgentEar Ear { get; } = new();

    /// <summary>The script waits for the other side to end the call.</summary>
    public bool ExpectsEnd => _next < _script.Steps.Count && _script.Steps[_next] is ExpectEndStep;

    /// <param name="nowMs">Since the call was answered.</param>
    /// <param name="heard">20 ms of μ-law that the caller's telephone plays now.</param>
    /// <param name="said">Filled with 20 ms of μ-law that the caller's telephone picks up.</param>
    public CallerAct Frame(long nowMs, ReadOnlySpan<byte> heard, Span<byte> said)
    {
        Hear(nowMs, heard);
        var hangUp = false;
        while (_sound is null && _keys.Count == 0 && !hangUp && Due(nowMs))
            hangUp = Begin(nowMs);
        Fill(nowMs, said);
        char? digit = null;
        if (_keys.TryPeek(out var key) && key.AtMs <= nowMs)
        {
            _keys.Dequeue();
            digit = key.Digit == 'w' ? null : key.Digit;
            _turnEndMs = nowMs + FrameMs;
            if (_keys.Count == 0)
                Next(nowMs);
        }
        return new CallerAct(digit, hangUp);
    }

    private void Hear(long nowMs, ReadOnlySpan<byte> heard)
    {
        switch (Ear.Hear(nowMs, heard))
        {
            case EarChange.Began:
                _progress(CallerProgress.AgentStarted, "");
                break;
            case EarChange.Ended:
                _progress(CallerProgress.AgentStopped, "");
                break;
        }
        if (_agentSpokeMs < _turnEndMs && Ear.LastAudibleMs > _turnEndMs)
            _agentSpokeMs = Math.Max(nowMs, _turnEndMs);
    }

    private bool AgentSpokeSinceTurn => _agentSpokeMs >= _turnEndMs && Ear.LastAudibleMs > _turnEndMs;

    private bool Due(long nowMs)
    {
        if (_next == _script.Steps.Count)
            return AgentSpokeSinceTurn && !Ear.Speaking || Silent(nowMs, ScriptStep.DefaultTimeout);
        var step = _script.Steps[_next];
        // Begun only when its time is over: then the caller hangs up and the report shows who ended the call.
        if (step is ExpectEndStep)
            return nowMs - _stepSinceMs >= step.Timeout.TotalMilliseconds;
        var due = step.When.Kind switch
        {
            TimingKind.Elapsed => nowMs - _stepSinceMs >= step.When.Offset.TotalMilliseconds,
            TimingKind.Speech => AgentSpokeSinceTurn && nowMs - _agentSpokeMs >= step.When.Offset.TotalMilliseconds,
            _ => AgentSpokeSinceTurn && !Ear.Speaking && nowMs - Ear.LastAudibleMs >= AgentEar.AnswerEndMs + step.When.Offset.TotalMilliseconds,
        };
        // A step that counts time waits for nobody.
        if (due || step.When.Kind == TimingKind.Elapsed || !Silent(nowMs, step.Timeout))
            return due;
        _progress(CallerProgress.TimedOut, $"step {_next + 1}: the agent was silent for {step.Timeout.TotalSeconds:0.#} s");
        return true;
    }

    // A time-out counts silence only: a long answer is no reason to speak over it.
    private bool Silent(long nowMs, TimeSpan limit) => nowMs - Math.Max(_stepSinceMs, Ear.LastAudibleMs) >= limit.TotalMilliseconds;

    /// <returns>True to hang up.</returns>
    private bool Begin(long nowMs)
    {
        // A script that just ends is a caller who hangs up after the last answer.
        if (_next == _script.Steps.Count)
            return true;
        switch (_script.Steps[_next])
        {
            case SpeakStep speak:
                Log.LineStarted(speak.Kind, speak.Text, nowMs, Ear.Speaking);
                _progress(CallerProgress.LineStarted, speak.Text);
                (_sound, _soundAt, _soundIsLine) = (_audio[speak], 0, true);
                return false;
            case SoundStep sound:
                _progress(CallerProgress.Sound, sound.Sound);
                (_sound, _soundAt, _soundIsLine) = (_audio[sound], 0, false);
                return false;
            case KeysStep keys:
                _progress(CallerProgress.Keys, keys.Digits);
                var at = nowMs;
                foreach (var digit in keys.Digits)
                {
                    _keys.Enqueue((digit, at));
                    at += digit == 'w' ? 500 : KeyGapMs;
                }
                return false;
            case ExpectStep expect:
                Log.Expected(expect.Expectation, nowMs);
                Next(nowMs);
                return false;
            case WaitStep:
                Next(nowMs);
                return false;
            case RepeatStep:
                _next = -1;
                Next(nowMs);
                return false;
            default:
                return true;
        }
    }

    private void Fill(long nowMs, Span<byte> said)
    {
        if (_sound is null && _background is null)
        {
            said.Fill(Mulaw.Silence);
            return;
        }
        for (var i = 0; i < said.Length; i++)
        {
            var sample = 0;
            if (_sound is not null && _soundAt < _sound.Length)
                sample = _sound[_soundAt++];
            if (_background is not null)
            {
                sample += _background[_backgroundAt];
                _backgroundAt = (_backgroundAt + 1) % _background.Length;
            }
            said[i] = Mulaw.Encode(Math.Clamp(sample, short.MinValue, short.MaxValue));
        }
        if (_sound is null || _soundAt < _sound.Length)
            return;
        _sound = null;
        if (_soundIsLine)
            EndLine(nowMs);
        Next(nowMs);
    }

    private void EndLine(long nowMs)
    {
        var kind = Log.Lines[^1].Kind;
        Log.LineEnded(nowMs, Ear.Speaking && nowMs - Ear.LastAudibleMs < WordGapMs);
        _progress(CallerProgress.LineEnded, Log.Lines[^1].Text);
        // After a backchannel the agent's running answer is still the answer to the turn before it.
        if (kind != LineKind.Backchannel)
            _turnEndMs = nowMs + FrameMs;
    }

    private void Next(long nowMs)
    {
        _next++;
        _stepSinceMs = nowMs;
    }
}

public enum CallerProgress
{
    LineStarted,
    LineEnded,
    Sound,
    Keys,
    AgentStarted,
    AgentStopped,
    TimedOut,
}
