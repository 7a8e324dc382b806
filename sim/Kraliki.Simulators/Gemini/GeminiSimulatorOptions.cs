using Kraliki.LocalSpeech;
using Kraliki.Simulators.OpenAI;

namespace Kraliki.Simulators.Gemini;

/// <summary>How the simulated service behaves. The defaults are those of the real one where it is known.</summary>
public sealed record GeminiSimulatorOptions
{
    public SimulatorHostOptions Host { get; init; } = new();

    /// <summary>Keys that are accepted; null accepts any that is not empty.</summary>
    public IReadOnlyList<string>? Keys { get; init; }

    public IReadOnlyList<string> Models { get; init; } =
        ["gemini-3.8-live", "gemini-3.8-live-extended-thinking", "gemini-3.1-flash-live-preview", "gemini-2.5-flash-native-audio-preview-12-2025"];

    /// <summary>The life of a connection; the session itself goes on by its handle.</summary>
    public TimeSpan ConnectionLifetime { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long before its end a connection is told so.</summary>
    public TimeSpan GoAwayBefore { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>From understanding a turn to the first words of the answer.</summary>
    public TimeSpan ThinkTime { get; init; } = TimeSpan.FromMilliseconds(150);

    /// <summary>How many times faster than real time audio is sent.</summary>
    public double OutputSpeed { get; init; } = 5;

    /// <summary>Keeps a turn open until its audio would have been played; <c>turnComplete</c> then comes so much later than <c>generationComplete</c>.</summary>
    public bool AwaitsPlayback { get; init; }

    /// <summary>JSON in text frames; the real service uses binary ones.</summary>
    public bool TextFrames { get; init; }

    /// <summary>Decides what to say; null takes the small talk of the demo assistant.</summary>
    public Mind? Mind { get; init; }

    /// <summary>Decoders of the local recogniser to share with others of the process; null makes the simulator's own.</summary>
    public RecognizerPool? Recognizers { get; init; }

    /// <summary>Makes a session's ear; null recognises speech with the local recogniser.</summary>
    public Func<IEar>? Ear { get; init; }

    /// <summary>Makes speech; null speaks with the local synthesizer.</summary>
    public Voice? Voice { get; init; }

    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;
}
