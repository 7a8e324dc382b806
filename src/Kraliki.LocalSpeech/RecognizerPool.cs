using System.Collections.Concurrent;

namespace Kraliki.LocalSpeech;

/// <summary>
/// Decoders, each with a thread of its own: decoding is heavy and must not take the thread pool's threads from the call
/// path. Threads and decoders (158 MB each) are made when needed, up to the capacity, and live as long as the pool.
/// Utterances beyond the capacity wait and are decoded as soon as one is free, faster than real time. Safe from any thread.
/// </summary>
/// <remarks>One per process is enough; callers share it.</remarks>
public sealed class RecognizerPool : IDisposable
{
    /// <summary>About as many live speakers as half a two-core machine understands.</summary>
    public const int DefaultCapacity = 3;

    // Waiting utterances: more than this many callers ahead would answer minutes late. A further one is refused.
    private const int WaitingCapacity = 32;

    private readonly BlockingCollection<LiveUtterance> _waiting = new(WaitingCapacity);
    private readonly Lock _gate = new();
    private readonly int _capacity;
    private int _threads;

    // Waiting or being decoded. A thread that still loads its decoder counts as one that will take the next.
    private int _utterances;
    private bool _disposed;

    public RecognizerPool(int capacity = DefaultCapacity)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        _capacity = capacity;
    }

    /// <summary>Loaded, or being loaded.</summary>
    internal int Decoders
    {
        get
        {
            lock (_gate)
            {
                return _threads;
            }
        }
    }

    /// <summary>Loads the first decoder in the background, so that the first utterance does not wait for it.</summary>
    /// <exception cref="SpeechPartsMissingException"/>
    public void Prepare()
    {
        SpeechParts.Require();
        lock (_gate)
        {
            if (_threads == 0)
            {
                AddThread();
            }
        }
    }

    /// <summary>Begins to listen to an utterance, whose audio follows while it is spoken.</summary>
    /// <param name="speaker">What is known of the speaker's line; used by one utterance at a time.</param>
    /// <param name="partial">Called on the decoder's thread with the whole text so far whenever it changed. Must return at once.</param>
    /// <param name="final">Called once on the decoder's thread, unless the utterance was cancelled. Must return at once.</param>
    /// <exception cref="SpeechPartsMissingException"/>
    public LiveUtterance Begin(SpeakerMemory? speaker, Action<string>? partial, Action<Recognition> final)
    {
        SpeechParts.Require();
        var utterance = new LiveUtterance(speaker, partial, final);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (++_utterances > _threads && _threads < _capacity)
            {
                AddThread();
            }
        }

        if (!_waiting.TryAdd(utterance))
        {
            Leave();
            utterance.Cancel();
            ThreadPool.QueueUserWorkItem(static given => given(Recognition.Nothing with { Refused = true }), final, preferLocal: false);
        }

        return utterance;
    }

    /// <summary>Recognises a whole recording: PCM16 at 8 kHz, at most <see cref="LiveUtterance.LongestMs"/>.</summary>
    public async Task<Recognition> RecognizeAsync(ReadOnlyMemory<short> pcm8k, CancellationToken cancellationToken)
    {
        var heard = new TaskCompletionSource<Recognition>(TaskCreationOptions.RunContinuationsAsynchronously);
        var utterance = Begin(null, null, heard.SetResult);
        utterance.Hear(pcm8k.Span);
        utterance.End();
        try
        {
            return await heard.Task.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            utterance.Cancel();
            throw;
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
        }

        // Threads end after what they are at; they are background threads and hold no process back.
        _waiting.CompleteAdding();
    }

    private void AddThread()
    {
        _threads++;
        new Thread(Decode) { IsBackground = true, Name = $"speech recogniser {_threads}" }.Start();
    }

    private void Decode()
    {
        using var recognizer = new SpeechRecognizer();
        foreach (var utterance in _waiting.GetConsumingEnumerable())
        {
            utterance.Decode(recognizer);
            Leave();
        }
    }

    private void Leave()
    {
        lock (_gate)
        {
            _utterances--;
        }
    }
}
