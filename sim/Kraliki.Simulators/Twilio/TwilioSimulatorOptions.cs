using Kraliki.Simulators.Callers;

namespace Kraliki.Simulators.Twilio;

/// <summary>How a simulated carrier is set up.</summary>
public sealed record TwilioSimulatorOptions
{
    public SimulatorHostOptions Host { get; init; } = new();

    /// <summary>AC and 32 hexadecimal digits; made up at start when not given.</summary>
    public string AccountSid { get; init; } = SimulatedCall.Identifier("AC");

    /// <summary>The key of REST and of signatures; made up at start when not given.</summary>
    public string AuthToken { get; init; } = Guid.NewGuid().ToString("N");

    /// <summary>How long an outbound call rings before the simulated callee answers.</summary>
    public TimeSpan RingTime { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>What the callee of an outbound call plays; null is the default script.</summary>
    public CallerScript? CalleeScript { get; init; }

    /// <summary>Real Twilio insists on a public certificate; an application on this machine may have none.</summary>
    public bool AcceptAnyCertificate { get; init; }

    /// <summary>What becomes of calls whose media stream breaks; can be changed while it runs.</summary>
    public LostStream LostStream { get; init; } = new();

    /// <summary>Between the tries of a webhook that is retried; how long Twilio waits is not documented.</summary>
    public TimeSpan WebhookRetryPause { get; init; }

    /// <summary>Speaks instead of the installed synthesizer.</summary>
    public Speak? Speak { get; init; }
}

/// <summary>A call that a simulated person makes.</summary>
/// <param name="VoiceUrl">The webhook that the called number is configured with; may carry connection overrides in its fragment.</param>
/// <param name="Script">What the person does; null is the default script.</param>
/// <param name="From">Null is the script's own number.</param>
/// <param name="StatusUrl">Where the number's status callback goes.</param>
/// <param name="FallbackUrl">Asked when <paramref name="VoiceUrl"/> fails.</param>
/// <param name="Record">Keeps what the caller hears (8 kB/s) for <see cref="SimulatedCall.Heard"/>.</param>
/// <param name="Fields">More form fields for the webhooks, such as <c>SipHeader_X-…</c>.</param>
/// <param name="LostStream">What becomes of it when its media stream breaks; null is the simulator's own.</param>
public sealed record InboundCall(
    string VoiceUrl,
    string To,
    CallerScript? Script = null,
    string? From = null,
    string? StatusUrl = null,
    string? FallbackUrl = null,
    bool Record = false,
    IReadOnlyDictionary<string, string>? Fields = null,
    LostStream? LostStream = null);
