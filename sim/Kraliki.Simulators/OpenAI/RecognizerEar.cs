using Kraliki.LocalSpeech;

namespace Kraliki.Simulators.OpenAI;

/// <summary>Hears with the local recogniser, which decodes while the caller still speaks.</summary>
internal sealed class RecognizerEar : IEar
{
    private readonly RecognizerPool _pool;
    private readonly SpeakerMemory _speaker = new();
    private Utterance? _current;

    public RecognizerEar(RecognizerPool pool)
    {
        _pool = pool;
        var missing = SpeechParts.Check();
        if (missing.Count > 0)
            Impediment = string.Join(" ", missing.Select(part => part.Remedy));
        else
            pool.Prepare();
    }

    public string? Impediment { get; }

    public void Begin()
    {
        if (Impediment is null)
            _current = new Utterance(_pool, _speaker);
    }

    public void Feed(ReadOnlySpan<short> pcm8k) => _current?.Live.Hear(pcm8k);

    public void End(Action<string?> heard)
    {
        if (_current is not { } utterance)
        {
            heard(null);
            return;
        }

        _current = null;
        utterance.Heard = heard;
        utterance.Live.End();
    }

    public void Abandon()
    {
        _current?.Live.Cancel();
        _current = null;
    }

    /// <summary>An utterance that has ended is still decoded; its session knows that it has closed.</summary>
    public void Dispose() => Abandon();

    private sealed class Utterance
    {
        // Without partial results: they would come under the utterance's lock, in which the session must not be entered
        // while it may be feeding the same utterance from inside its gate.
        public Utterance(RecognizerPool pool, SpeakerMemory speaker) =>
            Live = pool.Begin(speaker, partial: null, recognition => Heard?.Invoke(recognition.Text));

        public LiveUtterance Live { get; }

        /// <summary>Set before the end is announced, so the final result always finds it.</summary>
        public Action<string?>? Heard { get; set; }
    }
}
