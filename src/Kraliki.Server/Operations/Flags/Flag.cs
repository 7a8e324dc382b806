namespace Kraliki.Server.Operations.Flags;

/// <summary>What an organisation can switch off and on while calls run. All are on until it decides otherwise.</summary>
public enum Flag
{
    FunctionCalling,
    SentimentAnalysis,
    IntentDetection,
    SuggestionPanels,
    MetricsCollection,
    WebhookValidation,
}

/// <summary>A flag as people see it.</summary>
/// <param name="Name">On the wire and in the database.</param>
internal sealed record FlagDefinition(Flag Flag, string Name, string Title, string Description)
{
    public const bool Default = true;

    /// <summary>In the order in which they are shown; the index is the flag's number.</summary>
    public static IReadOnlyList<FlagDefinition> All { get; } =
    [
        new(Flag.FunctionCalling, "enable_function_calling", "Function calling",
            "The assistant may use tools, such as ending the call by itself. Off: it only talks, and a tool that it asks for all the same is refused."),
        new(Flag.SentimentAnalysis, "enable_sentiment_analysis", "Sentiment analysis",
            "Measures the mood of each turn of the customer."),
        new(Flag.IntentDetection, "enable_intent_detection", "Intent detection",
            "Names what the customer wants with each turn."),
        new(Flag.SuggestionPanels, "enable_suggestion_panels", "Suggestions",
            "Offers replies and next steps beside the running call."),
        new(Flag.MetricsCollection, "enable_metrics_collection", "Metrics",
            "Counts and times the organisation's sessions for dashboards and alerts."),
        new(Flag.WebhookValidation, "enable_webhook_validation", "Webhook validation",
            "Checks that the carrier's webhooks are signed. Off: anybody who reaches this server can pretend to be the carrier."),
    ];

    /// <returns>Null when there is no such flag.</returns>
    public static FlagDefinition? Find(string name) => All.FirstOrDefault(definition => definition.Name == name);
}
