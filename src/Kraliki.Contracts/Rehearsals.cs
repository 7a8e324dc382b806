using System.Text.Json.Serialization;

namespace Kraliki.Contracts;

[JsonConverter(typeof(SnakeCaseEnumConverter<RehearsalStatus>))]
public enum RehearsalStatus
{
    Queued,
    Running,
    Passed,
    Failed,
}

/// <summary>Body of <c>POST /api/v1/rehearsals</c>. Null script is the first of the list; null provider the assistant's first.</summary>
/// <param name="Assistant">Id of the assistant that is called, in its newest version; null calls the organisation's default.</param>
public sealed record StartRehearsal(string? Script = null, string? Provider = null, string? TelephonyProvider = null, Guid? Assistant = null);

/// <param name="SessionId">Set as soon as the call exists, long before the end.</param>
/// <param name="Failure">Why it could not be run or did not pass, in one sentence.</param>
public sealed record RehearsalView(
    Guid Id,
    RehearsalStatus Status,
    string Script,
    string Provider,
    string TelephonyProvider,
    Guid? SessionId,
    DateTimeOffset CreatedAt,
    DateTimeOffset? FinishedAt,
    string? Failure,
    RehearsalReport? Report,
    DateTimeOffset UpdatedAt = default,
    Guid? Assistant = null);

/// <param name="WordErrorRate">Caller words misheard by the provider: (substituted + left out + added) ÷ words said; null when nothing was said.</param>
/// <param name="FirstAnswerMs">Per answer: caller stopped → first answer audio at the carrier, milliseconds.</param>
/// <param name="BargeInToClearMs">Per interruption: the caller starts to speak over the agent → <c>clear</c> reaches the carrier, milliseconds.</param>
public sealed record RehearsalReport(
    IReadOnlyList<RehearsalTurn> Turns,
    IReadOnlyList<RehearsalExpectation> Expectations,
    double? WordErrorRate,
    IReadOnlyList<int> FirstAnswerMs,
    IReadOnlyList<int> BargeInToClearMs,
    double DurationSeconds,
    EndReason? EndReason);

/// <param name="Said">What the simulated caller's script really said; null for the AI's turns.</param>
/// <param name="Heard">The transcript.</param>
public sealed record RehearsalTurn(LegRole Speaker, string? Said, string? Heard, long AtMs);

public sealed record RehearsalExpectation(string Description, bool Met, string? Found);

public sealed record CallerScriptView(string Name, string Title, string Description, int Lines, int ApproximateSeconds);
