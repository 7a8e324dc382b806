namespace Kraliki.LocalSpeech;

/// <summary>
/// One utterance that is decoded while it is spoken. <see cref="Hear"/>, <see cref="End"/> and <see cref="Cancel"/> return
/// at once and are safe from any thread.
/// </summary>
public sealed class LiveUtterance
{
    /// <summary>Longer utterances are cut: their rest is not heard. Milliseconds.</summary>
    public const int LongestMs = 60_000;

    private const int SamplesPerMs = 8;

    // What a decoder takes at once: a partial result after each, 20 ms of CPU or so.
    private const int PieceSamples = 100 * SamplesPerMs;

    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _changed = new(0);
    private readonly SpeakerMemory? _speaker;
    private readonly Action<string>? _partial;
    private readonly Action<Recognition> _final;

    // All audio of the utterance, grown by doubling up to LongestMs (960 kB): bounded by what one utterance may be, so that
    // a decoder that is behind loses nothing. Beyond that the newest audio is dropped and counted.
    private short[] _audio = new short[2000 * SamplesPerMs];
    private int _length;
    private int _taken;
    private bool _ended;
    private bool _cancelled;

    internal LiveUtterance(SpeakerMemory? speaker, Action<string>? partial, Action<Recognition> final)
    {
        _speaker = speaker;
        _partial = partial;
        _final = final;
    }

    /// <summary>Samples beyond <see cref="LongestMs"/>.</summary>
    public long DroppedSamples { get; private set; }

    /// <summary>Adds audio: PCM16 at 8 kHz, any length, copied.</summary>
    public void Hear(ReadOnlySpan<short> pcm8k)
    {
        lock (_gate)
        {
            if (_ended || _cancelled)
            {
                return;
            }

            int room = (LongestMs * SamplesPerMs) - _length;
            if (pcm8k.Length > room)
            {
                DroppedSamples += pcm8k.Length - room;
                pcm8k = pcm8k[..room];
            }

            if (_length + pcm8k.Length > _audio.Length)
            {
                Array.Resize(ref _audio, Math.Max(_length + pcm8k.Length, Math.Min(2 * _audio.Length, LongestMs * SamplesPerMs)));
            }

            pcm8k.CopyTo(_audio.AsSpan(_length));
            _length += pcm8k.Length;
        }

        _changed.Release();
    }

    /// <summary>No more audio: the final result follows.</summary>
    public void End()
    {
        lock (_gate)
        {
            _ended = true;
        }

        _changed.Release();
    }

    /// <summary>Nobody wants the result any more: no callback begins after this returns; one that has begun may still be running.</summary>
    public void Cancel()
    {
        lock (_gate)
        {
            _cancelled = true;
        }

        _changed.Release();
    }

    /// <summary>Runs the utterance on the decoder's thread until it ended or was cancelled.</summary>
    internal void Decode(SpeechRecognizer recognizer)
    {
        recognizer.Start(_speaker);
        var piece = new short[PieceSamples];
        string told = "", last = "";
        while (Take(piece, out int count))
        {
            recognizer.Feed(piece.AsSpan(0, count));
            string text = recognizer.Partial;

            // A first word is mostly a wrong guess until it was guessed twice.
            bool settled = text == last || text.Contains(' ');
            last = text;
            if (_partial is not null && settled && text != told)
            {
                told = text;
                Tell(_partial, text);
            }
        }

        Tell(_final, recognizer.Finish());
    }

    private bool Take(short[] piece, out int count)
    {
        while (true)
        {
            lock (_gate)
            {
                count = _cancelled ? 0 : Math.Min(piece.Length, _length - _taken);
                if (count == piece.Length || _ended || _cancelled)
                {
                    _audio.AsSpan(_taken, count).CopyTo(piece);
                    _taken += count;
                    return count > 0;
                }
            }

            _changed.Wait();
        }
    }

    private void Tell<T>(Action<T> callback, T value)
    {
        lock (_gate)
        {
            if (_cancelled)
            {
                return;
            }
        }

        // Outside the gate: the callback may take locks in which others call this utterance.
        callback(value);
    }
}
