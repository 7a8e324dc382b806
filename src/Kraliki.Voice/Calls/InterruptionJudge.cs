namespace Kraliki.Voice.Calls;

internal enum Verdict
{
    /// <summary>Not enough is known yet.</summary>
    Open,

    /// <summary>The caller took the turn.</summary>
    Interruption,

    /// <summary>A backchannel, a cough, noise: the answer goes on.</summary>
    FalseAlarm,
}

/// <summary>Decides what speech over an answer was. The agent is already silent while this is judged, so judging costs no overlap.</summary>
/// <remarks>Times are milliseconds on the loop's clock. Pure; works alike for every provider.</remarks>
internal sealed class InterruptionJudge(CallOptions options)
{
    private static readonly HashSet<string> Backchannels = new(StringComparer.OrdinalIgnoreCase)
    {
        "uh", "huh", "uhhuh", "uh-huh", "mm", "mhm", "mmhm", "mm-hmm", "mmm", "hm", "hmm", "um", "uhm", "er", "ah", "aha", "oh",
        "yeah", "yep", "yes", "ok", "okay", "right", "sure", "good", "great", "fine", "i", "see", "alright", "all",
    };

    // As late as a slow provider tells that somebody has begun to speak.
    private const double LateMs = 2_000;

    private readonly List<string> _turns = [];
    private double _startedAt;
    private double? _stoppedAt;
    private bool _realWords;
    private int _finals;

    /// <summary>The caller's turn that began what is being judged; null when nothing is.</summary>
    public string? TurnId => _turns.Count > 0 ? _turns[0] : null;

    /// <summary>The caller's turns that are judged together, in their order.</summary>
    public IReadOnlyList<string> Turns => _turns;

    /// <summary>Speech began over an answer, or began again before the verdict: then both are judged as one.</summary>
    public void Begin(string turnId, double now)
    {
        if (_turns.Count == 0)
        {
            _startedAt = now;
            _realWords = false;
            _finals = 0;
        }

        _stoppedAt = null;
        _turns.Add(turnId);
    }

    public void Stopped(string turnId, double now)
    {
        if (_turns.Count > 0 && turnId == _turns[^1])
        {
            _stoppedAt = now;
        }
    }

    public void Heard(string turnId, string text, bool final)
    {
        if (_turns.Contains(turnId))
        {
            _realWords |= !IsBackchannel(text);
            _finals += final ? 1 : 0;
        }
    }

    /// <param name="quietSince">Our own ear: since when the caller makes no sound; null while he does, or when it has heard none at all.</param>
    /// <param name="shortSound">Our own ear: what he made last is too short for a sentence.</param>
    public Verdict Judge(double now, double? quietSince, bool shortSound)
    {
        if (_realWords)
        {
            return Verdict.Interruption;
        }

        // Some providers find the end of a sound without words only seconds later, or its beginning when it is over: a cough is not long for that.
        double? quiet = quietSince > _startedAt - LateMs ? Math.Max(quietSince.Value, _startedAt) : null;
        if ((_stoppedAt ?? quiet) is not { } stopped)
        {
            return now - _startedAt >= options.SurelyInterruption.TotalMilliseconds ? Verdict.Interruption : Verdict.Open;
        }

        var patience = shortSound && quiet is not null ? options.ShortJudgeTimeout : options.JudgeTimeout;
        return _finals == _turns.Count || now - stopped >= patience.TotalMilliseconds ? Verdict.FalseAlarm : Verdict.Open;
    }

    public void Close() => _turns.Clear();

    /// <summary>True for no words at all and for words that only say "I am listening".</summary>
    internal static bool IsBackchannel(string text)
    {
        var words = text.Split([' ', ',', '.', '!', '?', '…'], StringSplitOptions.RemoveEmptyEntries);
        return words.Length <= 3 && words.All(Backchannels.Contains);
    }
}
