using Kraliki.Simulators.OpenAI;

namespace Kraliki.Simulators.Chat;

/// <summary>How the simulated endpoint behaves.</summary>
public sealed record ChatSimulatorOptions
{
    public SimulatorHostOptions Host { get; init; } = new();

    /// <summary>Keys that are accepted; null accepts any that is not empty.</summary>
    public IReadOnlyList<string>? Keys { get; init; }

    public IReadOnlyList<string> Models { get; init; } = ["gpt-4.1-mini", "gpt-4.1", "gpt-4.1-nano", "gpt-4o-mini", "gpt-4o"];

    /// <summary>From the request to the first word.</summary>
    public TimeSpan ThinkTime { get; init; } = TimeSpan.FromMilliseconds(150);

    /// <summary>Between two words of a streamed answer.</summary>
    public TimeSpan WordTime { get; init; } = TimeSpan.FromMilliseconds(10);

    /// <summary>Decides what to say; null takes the small talk of the demo assistant.</summary>
    public Mind? Mind { get; init; }

    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;
}
