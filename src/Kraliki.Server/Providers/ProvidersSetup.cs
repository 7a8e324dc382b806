using Kraliki.Contracts;
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
        builder.Services.AddSingleton<IProviderHealth, AllHealthy>();
        builder.Services.AddSingleton<Failover>();
        builder.Services.AddSingleton(CurrentTime.Tool);
        builder.Services.AddSingleton(CallbackRequests.Tool);
        builder.Services.AddSingleton<ServerTools>();
        builder.Services.AddHostedService<SimulatedOpenAI>();
    }

    public static void MapProviders(this IEndpointRouteBuilder routes)
        => routes.MapGet("/api/v1/providers", (VoiceProviders providers) => TypedResults.Ok(providers.All()))
            .RequireAuthorization(Permissions.ProvidersRead).WithTags("Providers").WithName("ListProviders").WithSummary("The AI voice providers that can be chosen");
}
