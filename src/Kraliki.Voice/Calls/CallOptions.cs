namespace Kraliki.Voice.Calls;

/// <summary>Deadlines and measures of a call. Immutable; the defaults suit a telephone call.</summary>
public sealed record CallOptions
{
    /// <summary>From the open socket to the carrier's <c>start</c> message. Default: 5 s.</summary>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>From the stream's start to its admission, and from there to a provider that is ready for audio. Default: 10 s.</summary>
    public TimeSpan ProviderConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Longest silence on the wire (not in the room) from the carrier, which sends frames all the time; each frame resets it. Default: 15 s.</summary>
    public TimeSpan CarrierIdleTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Longest time that a connected provider takes no audio at all. Default: 10 s.</summary>
    public TimeSpan ProviderStallTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long both sides may take to close once the call is over. Default: 3 s.</summary>
    public TimeSpan CloseTimeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>After the caller hung up: how long to wait for the transcript of the last words. Default: 2 s.</summary>
    public TimeSpan LastWordsGrace { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// How much agent audio the carrier may hold ahead of the caller's ear. More survives a longer hiccup; less leaves less
    /// to cut off. Default: 1 s.
    /// </summary>
    public TimeSpan CarrierLead { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>A mark is asked for after this much agent audio, and at the end of an answer. Default: 200 ms.</summary>
    public TimeSpan MarkEvery { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Speech over an answer that lasts so long without a stop is an interruption whatever its words. Default: 1.2 s.</summary>
    public TimeSpan SurelyInterruption { get; init; } = TimeSpan.FromSeconds(1.2);

    /// <summary>After short speech over an answer stopped: how long to wait for its words before it counts as a cough. Default: 1.5 s.</summary>
    public TimeSpan JudgeTimeout { get; init; } = TimeSpan.FromSeconds(1.5);

    /// <summary>The same after a sound shorter than a word or two, of which nothing was understood yet: words that come later are an interruption still. Default: 600 ms.</summary>
    public TimeSpan ShortJudgeTimeout { get; init; } = TimeSpan.FromMilliseconds(600);

    /// <summary>An answer with less than this left to be heard is not resumed after a false interruption. Default: 300 ms.</summary>
    public TimeSpan WorthResuming { get; init; } = TimeSpan.FromMilliseconds(300);

    /// <summary>Keypad digits are told to the assistant together after this pause, or at once after <c>#</c>. Default: 1.5 s.</summary>
    public TimeSpan DigitPause { get; init; } = TimeSpan.FromSeconds(1.5);

    /// <summary>Caller audio that is always kept, for a provider that takes over; the oldest goes first. Default: 10 s.</summary>
    public TimeSpan CallerBacklog { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Caller audio kept while what is older than <see cref="CallerBacklog"/> is still to be heard or written down: a provider that
    /// connects or does not read, a long sentence, two providers that fall silent over it. The oldest goes first. Default: 40 s.
    /// </summary>
    public TimeSpan LongestCallerBacklog { get; init; } = TimeSpan.FromSeconds(40);
}
