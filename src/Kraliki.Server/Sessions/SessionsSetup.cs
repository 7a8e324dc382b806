using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Kraliki.Contracts;
using Kraliki.Server.Cluster;
using Kraliki.Server.Hosting;
using Kraliki.Server.Insights;
using Kraliki.Server.Operations;
using Kraliki.Server.Operations.Flags;
using Kraliki.Server.Providers;
using Kraliki.Server.Providers.Tools;
using Kraliki.Server.Sessions.Api;
using Kraliki.Server.Sessions.Calls;
using Kraliki.Server.Sessions.Journal;
using Kraliki.Server.Sessions.Live;
using Kraliki.Server.Sessions.Sockets;
using Kraliki.Voice.Calls;
using Orleans.Configuration;
using Orleans.Serialization;

namespace Kraliki.Server.Sessions;

public static class SessionsSetup
{
    public static void AddSessions(this WebApplicationBuilder builder, KralikiOptions options)
    {
        var services = builder.Services;
        var limits = new SessionLimits();
        limits.RecoveryGrace = options.RecoveryGrace ?? limits.RecoveryGrace;
        services.AddSingleton(limits);
        services.AddSingleton(provider =>
        {
            var voices = provider.GetRequiredService<VoiceProviders>();
            return new SessionChoices(VoiceProviders.Names, () => voices.Default, ["twilio"]);
        });
        services.AddSingleton<OfferedFeatures>();
        services.AddSingleton<SessionMetrics>();
        services.AddSingleton<JournalReader>();
        services.AddSingleton<JournalWriter>();
        services.AddSingleton<FactBudget>();
        services.AddSingleton<DatabaseWatch>();
        services.AddSingleton(provider => new NewCalls(
            provider.GetRequiredService<DatabaseWatch>(),
            provider.GetRequiredService<FactBudget>(),
            provider.GetRequiredService<SessionLimits>(),
            provider.GetRequiredService<NodeExit>()));
        services.AddSingleton<SessionFeeds>();
        services.AddSingleton<FeedRelays>();
        services.AddSingleton<SpentTokens>();
        services.AddSingleton<OneTimeTokens>();
        services.AddSingleton<SocketTickets>();
        services.AddSingleton<OpenTabs>();
        services.AddSingleton<NodeLink>();
        services.AddSingleton(provider => new LiveCalls(
            provider.GetRequiredService<IGrainFactory>(),
            provider.GetRequiredService<SessionFeeds>(),
            provider.GetRequiredService<NodeLink>(),
            provider.GetRequiredService<ClusterNodes>(),
            provider.GetRequiredService<FeatureFlags>(),
            provider.GetRequiredService<InsightQueue>(),
            provider.GetRequiredService<SessionMetrics>(),
            provider.GetRequiredService<FactBudget>(),
            provider.GetRequiredService<DatabaseWatch>(),
            provider.GetRequiredService<Failover>(),
            provider.GetRequiredService<ServerTools>(),
            provider.GetRequiredService<SessionLimits>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ILogger<LiveCall>>()));
        services.AddSingleton(provider => new SessionCommands(
            provider.GetRequiredService<IGrainFactory>(),
            provider.GetRequiredService<NodeLink>(),
            provider.GetRequiredService<TimeProvider>()));

        // Warnings that say nothing here: the watchdog takes the machine's uptime for a stall when the process starts, and
        // the silo recommends a garbage collector that costs a call path more memory than it gains.
        builder.Logging.AddFilter("Orleans.Runtime.Watchdog", LogLevel.Error);
        builder.Logging.AddFilter("Orleans.Runtime.Silo", LogLevel.Error);

        // Hosted services stop in reverse order: requests and sockets, presence and reaper, grains, and last the journal
        // that all of them write to.
        services.AddHostedService(provider => provider.GetRequiredService<DatabaseWatch>());
        services.AddHostedService(provider => provider.GetRequiredService<JournalWriter>());
        services.AddHostedService(provider => provider.GetRequiredService<SpentTokens>());
        services.AddCluster(options);
        builder.UseOrleans(silo => ConfigureSilo(silo, options.Cluster));
        services.AddHostedService<UnsavedFacts>();
        services.AddHostedService<NodePresence>();
        services.AddHostedService<SessionReaper>();
        services.AddHostedService<MicrophoneSweep>();
        services.AddHostedService<DemoConversations>();
        services.AddSingleton<SessionsCheck>();
        services.AddHealthChecks().AddCheck<SessionsCheck>("sessions", tags: [HealthApi.Ready]);
    }

    public static void MapSessions(this IEndpointRouteBuilder routes)
    {
        routes.MapSessionsApi();
        routes.MapSessionSocket();
        routes.MapAsyncApi();
    }

    private static void ConfigureSilo(ISiloBuilder silo, Cluster.ClusterOptions? cluster)
    {
        silo.ConfigureMembership(cluster);
        silo.AddIncomingGrainCallFilter<TracedGrainCalls>();
        silo.Configure<SiloMessagingOptions>(messaging => messaging.ResponseTimeout = TimeSpan.FromSeconds(5));
        // The database's and the hot tier's exceptions inside ours too: one that cannot be carried to another node would
        // arrive there as a missing codec, which no caller expects.
        silo.Configure<Orleans.Serialization.ExceptionSerializationOptions>(exceptions => exceptions.SupportedExceptionTypeFilter = _ => true);
        silo.Services.AddSerializer(serializer => serializer.AddJsonSerializer(
            isSupported: type => type.Assembly == typeof(SessionFact).Assembly || type.IsAssignableTo(typeof(CallCommand)) || type == typeof(CallOutcome),
            jsonSerializerOptions: new JsonSerializerOptions(ContractsJson.Default.Options)
            {
                TypeInfoResolver = JsonTypeInfoResolver.Combine(ContractsJson.Default, new DefaultJsonTypeInfoResolver()),
            }));
    }
}
