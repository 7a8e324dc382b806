using System.Net.WebSockets;

namespace Kraliki.Simulators.Twilio;

/// <summary>Sends the messages of one stream in order, one send at a time, without making its callers wait.</summary>
/// <remarks>
/// Posting sends on the poster's own thread while the socket takes messages at once, which on loopback is nearly always:
/// no thread hop per frame. Safe from any thread.
/// </remarks>
public sealed class MediaOutbox(WebSocket socket, Func<long> nowMs)
{
    // 5 s of caller audio for an application that does not read; then new audio is dropped, as Twilio does (warning 31930).
    // Other messages are few and are never dropped.
    private const int MostWaitingFrames = 250;

    private readonly Lock _gate = new();
    private readonly Queue<Entry> _waiting = new();
    private int _waitingFrames;
    private bool _sending;
    private bool _held;
    private bool _failed;
    private int _delayMs;
    private int _delayed;
    private TaskCompletionSource? _drained;

    /// <summary>Caller audio frames that the application was too slow to take.</summary>
    public int Dropped { get; private set; }

    /// <returns>False when the message was dropped.</returns>
    public bool Post(byte[] message, bool isAudio = false)
    {
        lock (_gate)
        {
            if (_failed)
                return false;
            if (isAudio && _waitingFrames >= MostWaitingFrames)
            {
                Dropped++;
                return false;
            }
            var dueMs = 0L;
            if (_delayed > 0)
            {
                _delayed--;
                dueMs = nowMs() + _delayMs;
            }
            _waiting.Enqueue(new Entry(message, isAudio, dueMs));
            _waitingFrames += isAudio ? 1 : 0;
        }
        Pump();
        return true;
    }

    /// <summary>Sends what has become due. Called with every frame, since delayed messages need a clock.</summary>
    public void Pump()
    {
        lock (_gate)
        {
            if (_sending || _waiting.Count == 0)
                return;
            _sending = true;
        }
        _ = SendAllAsync();
    }

    /// <summary>Holds everything back, or lets it go.</summary>
    public void Hold(bool held)
    {
        lock (_gate)
            _held = held;
        if (!held)
            Pump();
    }

    /// <summary>Every one of the next messages waits this long; order is kept.</summary>
    public void Delay(int milliseconds, int messages)
    {
        lock (_gate)
            (_delayMs, _delayed) = (milliseconds, messages);
    }

    /// <summary>Ends when nothing is waiting any more, or nothing can be sent.</summary>
    public Task DrainedAsync()
    {
        lock (_gate)
        {
            if (_failed || (_waiting.Count == 0 && !_sending))
                return Task.CompletedTask;
            _drained ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _drained.Task;
        }
    }

    private async Task SendAllAsync()
    {
        while (true)
        {
            Entry next;
            lock (_gate)
            {
                if (_held || !_waiting.TryPeek(out next) || (next.DueMs > 0 && next.DueMs > nowMs()))
                {
                    _sending = false;
                    if (_waiting.Count == 0)
                        _drained?.TrySetResult();
                    return;
                }
                _waiting.Dequeue();
                _waitingFrames -= next.IsAudio ? 1 : 0;
            }
            try
            {
                await socket.SendAsync(next.Message, WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None).ConfigureAwait(false);
            }
            // The socket is closed, aborted or in the wrong state: its reader learns why and ends the stream.
            catch (Exception gone) when (gone is WebSocketException or InvalidOperationException or IOException or OperationCanceledException)
            {
                lock (_gate)
                {
                    _failed = true;
                    _sending = false;
                    _waiting.Clear();
                    _drained?.TrySetResult();
                }
                return;
            }
        }
    }

    private readonly record struct Entry(byte[] Message, bool IsAudio, long DueMs);
}
