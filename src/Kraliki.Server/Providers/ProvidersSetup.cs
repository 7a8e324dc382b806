using Kraliki.Contracts;
using Kraliki.LocalSpeech;

namespace Kraliki.Server.Providers;

public static class ProvidersSetup
{
    public static void AddProviders(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<RecognizerPool>();
        builder.Services.AddSingleton<VoiceProviders>();
        builder.Services.AddHostedService<SimulatedOpenAI>();
    }

    public static void MapProviders(this IEndpointRouteBuilder routes)
        => routes.MapGet("/api/v1/providers", (VoiceProviders providers) => TypedResults.Ok(providers.All()))
            .RequireAuthorization(Permissions.ProvidersRead).WithTags("Providers").WithName("ListProviders").WithSummary("The AI voice providers that can be chosen");
}
