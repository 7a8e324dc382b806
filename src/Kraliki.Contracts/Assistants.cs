namespace Kraliki.Contracts;

/// <summary>What an assistant is and does. A call keeps the version that it began with, whatever happens to the assistant meanwhile.</summary>
/// <param name="Name">For people, 1 to 100 characters.</param>
/// <param name="Instructions">In plain language, 1 to 16,000 characters; the provider's model follows them.</param>
/// <param name="Greeting">The first words of a call, at most 500 characters; null lets the model find its own.</param>
/// <param name="Apology">Said before an answer that waited for the line to come back, at most 500 characters; null takes the server's own words.</param>
/// <param name="WelcomeBack">Said when the line is back and nobody speaks, at most 500 characters; null takes the server's own words.</param>
/// <param name="Language">What is spoken, BCP 47: <c>en-GB</c>; null leaves it to the provider.</param>
/// <param name="Providers">Names in the order in which they take over from each other, the first one begins; null or empty for all that are configured, in the order of <c>GET /api/v1/providers</c>.</param>
/// <param name="Voices">Name of a provider to that provider's name for a voice; a provider that is not named speaks with its configured one.</param>
/// <param name="Tools">Names of what the model may ask for (<c>GET /api/v1/assistants/tools</c>); null for all of them, empty for none.</param>
/// <param name="Limits">Null for none.</param>
public sealed record AssistantContent(
    string Name,
    string Instructions,
    string? Greeting = null,
    string? Apology = null,
    string? WelcomeBack = null,
    string? Language = null,
    IReadOnlyList<string>? Providers = null,
    IReadOnlyDictionary<string, string>? Voices = null,
    IReadOnlyList<string>? Tools = null,
    AssistantLimits? Limits = null)
{
    public const int LongestName = 100;
    public const int LongestInstructions = 16_000;

    /// <summary>Of greeting, apology and welcome back.</summary>
    public const int LongestLine = 500;
}

/// <summary>When the assistant says goodbye by itself.</summary>
/// <param name="MaxCallMinutes">Length of the conversation, 1 to 240; null for none.</param>
/// <param name="MaxSilenceSeconds">How long nobody says anything, 10 to 600; null for none.</param>
/// <param name="CostCap">US dollars that the AI providers of a call may cost, 0.01 to 10,000, where the session names no limit of its own; null for the server's.</param>
public sealed record AssistantLimits(int? MaxCallMinutes = null, int? MaxSilenceSeconds = null, decimal? CostCap = null)
{
    public const int LeastCallMinutes = 1;
    public const int MostCallMinutes = 240;
    public const int LeastSilenceSeconds = 10;
    public const int MostSilenceSeconds = 600;
}

/// <summary>Body of <c>POST /api/v1/assistants</c> and <c>PUT /api/v1/assistants/{id}</c>.</summary>
/// <param name="Note">What was changed and why, for the history; at most 500 characters.</param>
public sealed record SaveAssistant(AssistantContent Content, string? Note = null)
{
    public const int LongestNote = 500;
}

/// <summary>An assistant in a list.</summary>
/// <param name="Version">Number of the newest version.</param>
/// <param name="IsDefault">Takes the calls that name none. One of an organisation's is.</param>
/// <param name="ArchivedAt">Null while new calls may name it.</param>
public sealed record AssistantSummary(
    Guid Id, string Name, int Version, bool IsDefault, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt, string UpdatedBy, DateTimeOffset? ArchivedAt);

/// <inheritdoc cref="AssistantSummary"/>
/// <param name="Content">Of the newest version.</param>
/// <param name="Version">Number of the newest version; also the ETag.</param>
/// <param name="UpdatedBy">E-mail address of who made the newest version, or <c>server</c>.</param>
public sealed record AssistantView(
    Guid Id, AssistantContent Content, int Version, bool IsDefault, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt, string UpdatedBy, DateTimeOffset? ArchivedAt);

/// <summary>One version of an assistant. It never changes.</summary>
/// <param name="Number">From 1, without gaps.</param>
/// <param name="By">E-mail address, or <c>server</c>.</param>
/// <param name="RestoredFrom">The earlier version that it repeats; null when it was written anew.</param>
/// <param name="Content">Left out in lists.</param>
public sealed record AssistantVersionView(int Number, DateTimeOffset At, string By, string? Note, int? RestoredFrom, AssistantContent? Content = null);

/// <param name="Description">When the model is to use it, as the model is told.</param>
public sealed record AssistantToolView(string Name, string Description);
