namespace Kraliki.Server.Insights;

public static class InsightsSetup
{
    public static void AddInsights(this WebApplicationBuilder builder)
    {
        builder.Services.AddAnalyzers();
        builder.Services.AddSingleton<InsightQueue>();
        builder.Services.AddHostedService(services => services.GetRequiredService<InsightQueue>());
    }

    /// <summary>Later analyzers see what earlier ones found.</summary>
    internal static void AddAnalyzers(this IServiceCollection services)
    {
        services.AddSingleton<IAnalyzer, SentimentAnalyzer>();
        services.AddSingleton<IAnalyzer, IntentAnalyzer>();
        services.AddSingleton<IAnalyzer, SuggestionAnalyzer>();
    }
}
