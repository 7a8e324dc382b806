using Kraliki.LocalSpeech;

namespace Kraliki.Simulators.OpenAI;

/// <summary>How the simulated service behaves. The defaults are those of the real one where it is known.</summary>
public sealed record OpenAiSimulatorOptions
{
    public SimulatorHostOptions Host { get; init; } = new();

    /// <summary>Keys that are accepted; null accepts any that is not empty.</summary>
    public IReadOnlyList<string>? Keys { get; init; }

    public IReadOnlyList<string> Models { get; init; } =
    [
        "gpt-realtime", "gpt-realtime-2025-08-28", "gpt-realtime-mini", "gpt-realtime-mini-2025-12-15", "gpt-realtime-1.5",
        "gpt-realtime-2", "gpt-realtime-2.1", "gpt-realtime-2.1-mini",
    ];

    /// <summary>The life of a session from its first moment, used or not.</summary>
    public TimeSpan SessionLifetime { get; init; } = TimeSpan.FromMinutes(60);

    /// <summary>Between WebSocket PINGs; captures of the real service show 20.26 s.</summary>
    public TimeSpan PingInterval { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>From understanding a turn to the first words of the answer.</summary>
    public TimeSpan ThinkTime { get; init; } = TimeSpan.FromMilliseconds(150);

    /// <summary>How many times faster than real time audio is sent.</summary>
    public double OutputSpeed { get; init; } = 5;

    /// <summary>Base64 characters of the audio deltas, used in turn: captures commonly show 4,000 to 16,000.</summary>
    public IReadOnlyList<int> DeltaSizes { get; init; } = [4_000, 5_600, 8_000, 12_000, 16_000, 9_600];

    /// <summary>Decides what to say; null takes the small talk of the demo assistant.</summary>
    public Mind? Mind { get; init; }

    /// <summary>Decoders of the local recogniser to share with others of the process; null makes the simulator's own.</summary>
    public RecognizerPool? Recognizers { get; init; }

    /// <summary>Makes a session's ear; null recognises speech with the local recogniser.</summary>
    public Func<IEar>? Ear { get; init; }

    /// <summary>Makes speech; null speaks with the local synthesizer.</summary>
    public Voice? Voice { get; init; }

    /// <summary>Runs work that may take long (mind and voice), outside the session's gate; null takes the thread pool.</summary>
    public Action<Action>? Worker { get; init; }

    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;
}
