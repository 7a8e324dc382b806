using Kraliki.LocalSpeech;
using Kraliki.Simulators.OpenAI;

namespace Kraliki.Simulators.Deepgram;

/// <summary>How the simulated service behaves. The defaults are those of the real one where it is known.</summary>
public sealed record DeepgramSimulatorOptions
{
    public SimulatorHostOptions Host { get; init; } = new();

    /// <summary>Keys that are accepted; null accepts any that is not empty.</summary>
    public IReadOnlyList<string>? Keys { get; init; }

    /// <summary>How long a listening socket stays open without a message.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a speaking socket stays open without a message.</summary>
    public TimeSpan SpeakIdleTimeout { get; init; } = TimeSpan.FromMinutes(60);

    /// <summary>From a flush to the first audio.</summary>
    public TimeSpan SpeakLatency { get; init; } = TimeSpan.FromMilliseconds(120);

    /// <summary>How many times faster than real time audio is sent.</summary>
    public double OutputSpeed { get; init; } = 5;

    /// <summary>Flushes that a speaking socket takes in a minute.</summary>
    public int FlushesPerMinute { get; init; } = 20;

    /// <summary>From understanding a turn to the first words of the agent's answer.</summary>
    public TimeSpan ThinkTime { get; init; } = TimeSpan.FromMilliseconds(150);

    /// <summary>Decides what the voice agent says; null takes the small talk of the demo assistant.</summary>
    public Mind? Mind { get; init; }

    /// <summary>Decoders of the local recogniser to share with others of the process; null makes the simulator's own.</summary>
    public RecognizerPool? Recognizers { get; init; }

    /// <summary>Makes speech, by the model's name; null speaks with the local synthesizer.</summary>
    public Voice? Voice { get; init; }

    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;
}
