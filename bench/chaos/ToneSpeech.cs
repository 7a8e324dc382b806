using Kraliki.Simulators.OpenAI;

namespace Kraliki.Chaos;

/// <summary>
/// Speech that costs nothing to make and to understand: a line is a tone whose pitch says which line of which call it is.
/// Any 150 ms of it are enough, so a line that was cut is understood like a whole one, or not at all.
/// </summary>
internal static class ToneSpeech
{
    /// <summary>Different lines of a caller, who says them in turn and begins again.</summary>
    public const int LinesPerCall = 10;

    /// <summary>Callers at once that can be told apart.</summary>
    public const int MostCalls = 10;

    private const int SampleRate = 8000;
    private const int LowestHz = 300;

    // 6 crossings apart per half second; the pitch of a cut line is known to 1 or 2.
    private const int StepHz = 12;
    private const int LineMs = 700;
    private const int AnswerMs = 1200;
    private const int AgentHz = 200;
    private const int ShortestMs = 150;

    public static string Line(int call, int line) => $"Call {call}, question {line}.";

    /// <summary>A caller's line.</summary>
    public static short[] Speak(string text)
    {
        var numbers = text.Split(' ', ',', '.').Where(word => int.TryParse(word, out _)).Select(int.Parse).ToArray();
        return Tone(LowestHz + (StepHz * ((numbers[0] * LinesPerCall) + numbers[1])), LineMs);
    }

    /// <summary>It rises, though no caller's pitch is reached: one sound over and over is no answer.</summary>
    public static short[] Answer() => Tone(AgentHz, AnswerMs, risingTo: AgentHz + 60);

    private static short[] Tone(int hz, int ms, int? risingTo = null)
    {
        int samples = ms * SampleRate / 1000;
        double rise = (risingTo - hz) / 2.0 / samples ?? 0;
        return [.. Enumerable.Range(0, samples).Select(at => (short)(6000 * Math.Sin(2 * Math.PI * at * (hz + (rise * at)) / SampleRate)))];
    }

    /// <summary>Understands one utterance after the other.</summary>
    public sealed class Ear : IEar
    {
        private int _samples;
        private int _first = -1;
        private int _last;
        private int _rises;
        private bool _high;

        public string? Impediment => null;

        public void Begin() => (_samples, _first, _last, _rises, _high) = (0, -1, 0, 0, false);

        public void Feed(ReadOnlySpan<short> pcm8k)
        {
            foreach (var sample in pcm8k)
            {
                // Two thresholds: noise around zero is no wave.
                if (!_high && sample > 1500)
                {
                    _high = true;
                    _rises++;
                    _first = _first < 0 ? _samples : _first;
                    _last = _samples;
                }
                else if (_high && sample < -1500)
                {
                    _high = false;
                }

                _samples++;
            }
        }

        public void End(Action<string?> heard)
        {
            ArgumentNullException.ThrowIfNull(heard);
            if (_last - _first < ShortestMs * SampleRate / 1000)
            {
                heard("");
                return;
            }

            var hz = (double)(_rises - 1) * SampleRate / (_last - _first);
            var code = (int)Math.Round((hz - LowestHz) / StepHz);
            heard(code is >= 0 and < LinesPerCall * MostCalls ? Line(code / LinesPerCall, code % LinesPerCall) : "");
        }

        public void Abandon() => Begin();

        public void Dispose()
        {
        }
    }
}
