using Kraliki.Contracts;
using Kraliki.Server.Hosting;
using Kraliki.Server.Identity;

namespace Kraliki.Server.Providers;

internal static class ProvidersApi
{
    public static void AddProviders(this WebApplicationBuilder builder) => builder.Services.AddSingleton<ProviderCatalog>();

    public static void MapProviders(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/api/v1/providers", (ProviderCatalog providers) => providers.List())
            .RequireAuthorization(Permissions.ProvidersRead)
            .WithTags("providers").WithSummary("The AI voice providers that can be chosen")
            .Produces<IReadOnlyList<ProviderView>>().Produces<Problem>(401, Problems.ContentType);
}
