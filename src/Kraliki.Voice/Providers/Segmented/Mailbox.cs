using System.Buffers;
using System.Threading.Channels;

namespace Kraliki.Voice.Providers.Segmented;

/// <summary>What happens to a connection, done step by step, one at a time, in the order of posting.</summary>
/// <remarks>Posting is safe from any thread and never blocks. Audio costs no allocation: it waits in rented buffers.</remarks>
internal sealed class Mailbox
{
    // Steps must not be lost. One takes microseconds, speech arrives in pieces of 20 ms or more; this many waiting means that
    // the worker hangs, and then the connection ends with an error instead of growing.
    private const int Capacity = 4096;

    private readonly Channel<Step> _steps = Channel.CreateBounded<Step>(new BoundedChannelOptions(Capacity) { SingleReader = true });
    private volatile bool _stopped;

    public delegate void AudioStep(ReadOnlySpan<byte> audio);

    public void Post(Action step) => Write(new Step(step, null, null, 0));

    /// <param name="audio">Copied.</param>
    public void Post(AudioStep step, ReadOnlySpan<byte> audio)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(audio.Length);
        audio.CopyTo(buffer);
        if (!Write(new Step(null, step, buffer, audio.Length)))
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Ends <see cref="RunAsync"/> behind the step that is being done; called in a step.</summary>
    public void Stop()
    {
        _stopped = true;
        _steps.Writer.TryComplete();
    }

    /// <exception cref="InvalidOperationException">Too many steps were waiting.</exception>
    public async Task RunAsync()
    {
        await foreach (var step in _steps.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            if (!_stopped)
            {
                step.Do?.Invoke();
                step.Hear?.Invoke(step.Audio.AsSpan(0, step.Length));
            }

            if (step.Audio is not null)
            {
                ArrayPool<byte>.Shared.Return(step.Audio);
            }
        }
    }

    private bool Write(Step step)
    {
        bool written = _steps.Writer.TryWrite(step);
        if (!written)
        {
            _steps.Writer.TryComplete(new InvalidOperationException($"The connection is stuck: {Capacity} steps wait."));
        }

        return written;
    }

    private readonly record struct Step(Action? Do, AudioStep? Hear, byte[]? Audio, int Length);
}
