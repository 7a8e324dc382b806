using Kraliki.LocalSpeech;
using Kraliki.Server.Providers.Tools;
using Kraliki.Voice.Calls;

namespace Kraliki.Server.Providers;

public static class ProvidersSetup
{
    public static void AddProviders(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<RecognizerPool>();
        builder.Services.AddSingleton<VoiceProviders>();
        builder.Services.AddSingleton<Failover>();
        builder.Services.AddSingleton(CurrentTime.Tool);
        builder.Services.AddSingleton(CallbackRequests.Tool);
        builder.Services.AddSingleton<ServerTools>();
        builder.Services.AddHostedService<SimulatedProviders>();
        builder.Services.AddSingleton<BreakerTables>();
        builder.Services.AddSingleton<Breakers>();
        builder.Services.AddSingleton<IProviderHealth>(services => services.GetRequiredService<Breakers>());
        builder.Services.AddHostedService(services => services.GetRequiredService<Breakers>());
        builder.Services.AddSingleton<HealthMonitor>();
        builder.Services.AddHostedService(services => services.GetRequiredService<HealthMonitor>());
        builder.Services.AddSingleton<KeyChecks>();
        builder.Services.AddHostedService<ModelNotices>();
    }

    public static void MapProviders(this IEndpointRouteBuilder routes) => routes.MapProvidersApi();
}
