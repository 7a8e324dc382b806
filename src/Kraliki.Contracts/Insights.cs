using System.Text.Json.Serialization;

namespace Kraliki.Contracts;

// What is found out about a conversation beside it. These facts follow the turn that they are about, by moments or not at
// all: an analyzer that is late or fails leaves its fact out. Some may come after the session's end.

[JsonConverter(typeof(SnakeCaseEnumConverter<Mood>))]
public enum Mood
{
    Negative,
    Neutral,
    Positive,
}

/// <summary>How the customer sounds in one turn, by the words.</summary>
/// <param name="Score">−1 (very unhappy) to 1 (very happy).</param>
/// <param name="Source">What measured it: <c>local</c>.</param>
public sealed record SentimentMeasured(string TurnId, double Score, Mood Label, string Source) : SessionFact;

/// <summary>What the customer wants with one turn.</summary>
/// <param name="Intent">snake_case, such as <c>change_booking</c>; <c>none</c> when nothing known was meant.</param>
/// <param name="Confidence">0–1; how clearly this intent, and not another, was meant. A rule of thumb, no probability.</param>
/// <param name="Source">What detected it: <c>local</c>.</param>
public sealed record IntentDetected(string TurnId, string Intent, double Confidence, string Source) : SessionFact;

[JsonConverter(typeof(SnakeCaseEnumConverter<SuggestionCategory>))]
public enum SuggestionCategory
{
    /// <summary>Words for the assistant: accepted, they become an operator's line.</summary>
    Reply,

    /// <summary>Something for the operator to do.</summary>
    NextBestAction,
}

/// <summary>A card for the operator. At most <see cref="MostOpen"/> of a session are open at a time: a further one takes the oldest's place.</summary>
/// <param name="TurnId">The turn that led to it.</param>
/// <param name="Reason">Why it is offered, in one sentence.</param>
/// <param name="Source">What made it: <c>local</c>.</param>
public sealed record SuggestionMade(string SuggestionId, SuggestionCategory Category, string Text, string Reason, string Source, string TurnId) : SessionFact
{
    public const int MostOpen = 3;
}

[JsonConverter(typeof(SnakeCaseEnumConverter<SuggestionDecision>))]
public enum SuggestionDecision
{
    Accepted,

    /// <summary>Accepted with other words.</summary>
    Edited,

    Dismissed,

    /// <summary>Nobody decided in time: a newer suggestion took its place.</summary>
    Expired,
}

/// <summary>A suggestion is no longer open. Kept as feedback.</summary>
/// <param name="Text">The operator's own words; only with <see cref="SuggestionDecision.Edited"/>.</param>
/// <param name="By">A user's e-mail address, or <c>server</c>.</param>
public sealed record SuggestionDecided(string SuggestionId, SuggestionDecision Decision, string? Text, string By) : SessionFact;
