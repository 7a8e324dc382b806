using System.Text.Json.Serialization;

namespace Kraliki.Contracts;

/// <summary>An AI voice provider as people choose it.</summary>
/// <param name="Name">On the wire and in addresses: <c>openai</c>.</param>
/// <param name="Simulated">A simulator stands in, because no key is configured.</param>
/// <param name="Unavailable">Null when it can be used; else what is missing and the remedy, in one sentence.</param>
/// <param name="Model">What it is configured to use; null when it has no such thing, or cannot be used.</param>
/// <param name="Health">How it has been doing; null when it cannot be used, and for people who are not signed in.</param>
public sealed record ProviderView(
    string Name,
    string Title,
    IReadOnlyList<VoiceStrategy> Strategies,
    bool Simulated,
    string? Unavailable,
    string? Model = null,
    ProviderHealthView? Health = null);

/// <summary>Whether a provider is given calls.</summary>
[JsonConverter(typeof(SnakeCaseEnumConverter<BreakerState>))]
public enum BreakerState
{
    /// <summary>It is.</summary>
    Closed,

    /// <summary>It failed too often: it is left alone for a while.</summary>
    Open,

    /// <summary>It is being tried, by a probe and by no customer's call.</summary>
    HalfOpen,
}

/// <summary>What is known of a provider and model, by the calls and probes of all nodes.</summary>
/// <param name="Since">Since when it is in this state; null: it never was in another.</param>
/// <param name="Failures">One after the other, without a success in between.</param>
/// <param name="Calls">How many of the newest connections the figures are of; at most 50.</param>
/// <param name="SuccessRate">0 to 1; null without calls.</param>
/// <param name="ConnectMs">Median of the time until it was ready for audio, milliseconds; null without successes.</param>
/// <param name="ConnectMsP95">Of the same, what 95 % stay within.</param>
/// <param name="NextProbeAt">Null when none is planned: as long as calls go well, they tell enough.</param>
public sealed record ProviderHealthView(
    string Provider,
    string? Model,
    BreakerState State,
    DateTimeOffset? Since,
    int Failures,
    int Calls,
    double? SuccessRate,
    int? ConnectMs,
    int? ConnectMsP95,
    string? LastError,
    DateTimeOffset? LastErrorAt,
    DateTimeOffset? NextProbeAt,
    ProbeView? LastProbe);

/// <summary>One synthetic call: a real connection that hears a question and must answer it by audio.</summary>
/// <param name="Failure">Null when it passed.</param>
/// <param name="Detail">What came of it, in one sentence.</param>
/// <param name="ConnectMs">Until it was ready for audio; null when it never was.</param>
/// <param name="AnswerMs">From the question's last word to the first audio of the answer; null without an answer.</param>
public sealed record ProbeView(DateTimeOffset At, bool Passed, ProviderFailure? Failure, string Detail, int? ConnectMs, int? AnswerMs);

/// <param name="Cause">One sentence; empty for organisations that do not own the installation.</param>
/// <param name="By">An e-mail address, or <c>server</c>; empty like <paramref name="Cause"/>.</param>
public sealed record BreakerChange(DateTimeOffset At, string Provider, string? Model, BreakerState From, BreakerState To, string Cause, string By);

/// <param name="Providers">Those that can be used.</param>
/// <param name="Changes">The newest 50 changes of their breakers, newest first.</param>
public sealed record ProvidersHealth(IReadOnlyList<ProviderHealthView> Providers, IReadOnlyList<BreakerChange> Changes);

/// <summary>What came of the check of one configured key.</summary>
[JsonConverter(typeof(SnakeCaseEnumConverter<KeyVerdict>))]
public enum KeyVerdict
{
    /// <summary>The key is accepted and may use the configured model.</summary>
    Valid,

    /// <summary>The key is not accepted.</summary>
    Refused,

    /// <summary>The key is accepted, but the configured model does not exist for it.</summary>
    WrongModel,

    /// <summary>No usable answer came.</summary>
    Unreachable,

    /// <summary>There is no key to check, or the server that it is for cannot tell.</summary>
    Untested,
}

/// <param name="Key">The setting, <c>Kraliki:Providers:OpenAI:ApiKey</c>; never its value.</param>
/// <param name="Detail">What was found and, where something is wrong, the remedy; one sentence.</param>
public sealed record KeyView(string Key, string Title, KeyVerdict Verdict, string Detail);

/// <param name="Usable">No key is refused or unreachable, and no model is wrong.</param>
public sealed record KeysReport(bool Usable, IReadOnlyList<KeyView> Keys);
