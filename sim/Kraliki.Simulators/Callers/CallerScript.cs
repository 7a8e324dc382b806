using System.Globalization;
using System.Text.RegularExpressions;

namespace Kraliki.Simulators.Callers;

/// <summary>What a simulated person does on the telephone, step by step.</summary>
/// <param name="Name">Short name without spaces: the file's name for embedded scripts.</param>
/// <param name="Voice">Synthesizer voice.</param>
/// <param name="From">Telephone number, E.164.</param>
/// <param name="NoiseDb">Steady background noise, this many decibels below the speech; null is a quiet line.</param>
public sealed record CallerScript(
    string Name,
    string Title,
    string Description,
    string Voice,
    string From,
    double? NoiseDb,
    IReadOnlyList<ScriptStep> Steps)
{
    /// <summary>How many lines the person says, backchannels included; of a script that repeats, one time through.</summary>
    public int Lines => Steps.OfType<SpeakStep>().Count();

    /// <summary>A rough guess for a list: about 2.5 words a second, and 5 s for each answer that is waited for.</summary>
    public int ApproximateSeconds => (int)Math.Ceiling(Steps.Sum(step => step switch
    {
        SpeakStep speak => speak.Text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length / 2.5,
        _ => 0,
    } + (step.When.Kind == TimingKind.Answer ? 5 : 0) + step.When.Offset.TotalSeconds));
}

/// <summary>From where a step's time is counted.</summary>
public enum TimingKind
{
    /// <summary>The agent answered since the caller's last turn and has been silent for 700 ms, and the offset longer.</summary>
    Answer,

    /// <summary>The end of the previous step.</summary>
    Elapsed,

    /// <summary>The agent began to speak after the caller's last turn.</summary>
    Speech,
}

public sealed record StepTiming(TimingKind Kind, TimeSpan Offset)
{
    public static StepTiming AtOnce { get; } = new(TimingKind.Elapsed, TimeSpan.Zero);

    public static StepTiming Answered { get; } = new(TimingKind.Answer, TimeSpan.Zero);
}

/// <param name="Timeout">After this much silence of the agent the step is done although its moment did not come.</param>
public abstract record ScriptStep(StepTiming When, TimeSpan Timeout)
{
    public static TimeSpan DefaultTimeout { get; } = TimeSpan.FromSeconds(12);
}

public enum LineKind
{
    /// <summary>A turn of the conversation.</summary>
    Say,

    /// <summary>A turn that begins while the agent speaks.</summary>
    Interrupt,

    /// <summary>A short sign of listening that must not stop the agent.</summary>
    Backchannel,
}

public sealed record SpeakStep(LineKind Kind, string Text, StepTiming When, TimeSpan Timeout) : ScriptStep(When, Timeout);

/// <summary>A sound that is no speech: a cough, or noise of the given length.</summary>
public sealed record SoundStep(string Sound, TimeSpan Length, StepTiming When, TimeSpan Timeout) : ScriptStep(When, Timeout);

/// <param name="Digits">0-9 * # A-D; <c>w</c> waits half a second.</param>
public sealed record KeysStep(string Digits, StepTiming When, TimeSpan Timeout) : ScriptStep(When, Timeout);

public sealed record WaitStep(StepTiming When) : ScriptStep(When, DefaultTimeout);

/// <summary>The position of an expectation: what the agent answers to the caller's turn before it. The caller does not judge it.</summary>
public sealed record ExpectStep(ScriptExpectation Expectation) : ScriptStep(StepTiming.AtOnce, DefaultTimeout);

public sealed record HangUpStep(StepTiming When, TimeSpan Timeout) : ScriptStep(When, Timeout);

/// <summary>Begins the script again, until somebody ends the call.</summary>
public sealed record RepeatStep() : ScriptStep(StepTiming.AtOnce, DefaultTimeout);

/// <summary>The other side must end the call within <see cref="ScriptStep.Timeout"/>.</summary>
public sealed record ExpectEndStep(TimeSpan Timeout) : ScriptStep(StepTiming.AtOnce, Timeout);

/// <summary>What a reply must contain: <c>/a regular expression/</c>, or words that must all occur in any order.</summary>
/// <param name="Description">As the script has it.</param>
public sealed record ScriptExpectation(string Description)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMilliseconds(250);

    /// <exception cref="ArgumentException">The regular expression cannot be read.</exception>
    public bool IsMetBy(string reply)
    {
        ArgumentNullException.ThrowIfNull(reply);
        if (Description is ['/', .., '/'] && Description.Length > 2)
            return Regex.IsMatch(reply, Description[1..^1], RegexOptions.IgnoreCase | RegexOptions.CultureInvariant, Limit);
        var compare = CultureInfo.InvariantCulture.CompareInfo;
        return Description.Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .All(word => compare.IndexOf(reply, word, CompareOptions.IgnoreCase) >= 0);
    }
}
