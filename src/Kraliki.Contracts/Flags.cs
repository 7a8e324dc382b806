using System.Text.Json.Serialization;

namespace Kraliki.Contracts;

/// <summary>A feature that an organisation can switch off and on while calls run.</summary>
/// <param name="Name">Stable: <c>enable_sentiment_analysis</c>.</param>
/// <param name="Enabled">What holds now.</param>
/// <param name="Default">What holds without a decision of the organisation.</param>
/// <param name="Locked">Why it cannot be changed here, in one sentence; null when it can.</param>
/// <param name="UpdatedBy">E-mail address of the administrator who decided; null while the default holds.</param>
/// <param name="Version">Counts decisions; also the ETag.</param>
public sealed record FlagView(
    string Name, string Title, string Description, bool Enabled, bool Default, string? Locked, DateTimeOffset? UpdatedAt, string? UpdatedBy, long Version);

/// <param name="Enabled">Null goes back to the default; it must be said, so it is written too.</param>
public sealed record UpdateFlag([property: JsonIgnore(Condition = JsonIgnoreCondition.Never)] bool? Enabled);
