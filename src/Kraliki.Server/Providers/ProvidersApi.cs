using Kraliki.Contracts;
using Kraliki.Server.Hosting;
using Kraliki.Server.Identity;
using Kraliki.Server.Operations;

namespace Kraliki.Server.Providers;

/// <summary><c>/api/v1/providers</c>: who can answer calls, how they have been doing, and whether their keys work.</summary>
internal static class ProvidersApi
{
    private const int NewestChanges = 50;

    public static void MapProvidersApi(this IEndpointRouteBuilder routes)
    {
        var providers = routes.MapGroup("/api/v1/providers").WithTags("Providers");
        providers.MapGet("", List).RequireAuthorization(Permissions.ProvidersRead).WithName("ListProviders").WithSummary("The AI voice providers that can be chosen")
            .Produces<IReadOnlyList<ProviderView>>();
        providers.MapGet("/health", HealthAsync).RequireAuthorization(Permissions.ProvidersRead).WithName("GetProvidersHealth").WithSummary("How the providers have been doing, on all nodes")
            .Produces<ProvidersHealth>();

        var managed = providers.MapGroup("").RequireAuthorization(Permissions.ProvidersManage).ProducesProblem(StatusCodes.Status409Conflict).AddEndpointFilter(OwnersOnlyAsync);
        managed.MapPost("/{id}/probe", ProbeAsync).WithName("ProbeProvider").WithSummary("Calls a provider with a synthetic question")
            .WithDescription("A real connection, which may cost money. The answer comes when the probe has ended, after up to 24 seconds; it counts for the provider's breaker as a call would.")
            .Produces<ProbeView>().ProducesProblem(StatusCodes.Status404NotFound);
        managed.MapPost("/{id}/breaker/reset", ResetAsync).WithName("ResetBreaker").WithSummary("Gives calls to a provider again, whatever was found out")
            .Produces<ProviderHealthView>().ProducesProblem(StatusCodes.Status404NotFound);
        managed.MapPost("/validate-config", ValidateAsync).WithName("ValidateConfig").WithSummary("Whether each configured key works")
            .WithDescription("Asks each service for something that costs nothing, such as its list of models.")
            .Produces<KeysReport>();
    }

    /// <summary>Keys and breakers are the installation's: another organisation's administrator neither spends its money nor decides for everybody.</summary>
    private static ValueTask<object?> OwnersOnlyAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next) =>
        Owns(context.HttpContext.RequestServices.GetRequiredService<CurrentUser>())
            ? next(context)
            : ValueTask.FromResult<object?>(Problems.Result(StatusCodes.Status409Conflict, "providers_locked", "The providers of this installation belong to another organisation."));

    private static IResult List(VoiceProviders providers, Breakers breakers, CurrentUser user)
    {
        IReadOnlyList<ProviderView> views =
            [.. providers.All().Select(view => providers.Find(view.Name) is { } provider ? view with { Health = For(user, breakers.View(provider)) } : view)];
        return TypedResults.Ok(views);
    }

    private static async Task<IResult> HealthAsync(VoiceProviders providers, Breakers breakers, BreakerTables tables, CurrentUser user, CancellationToken cancellationToken)
    {
        var changes = await tables.ChangesAsync(NewestChanges, cancellationToken);
        return TypedResults.Ok(new ProvidersHealth(
            [.. VoiceProviders.Names.Select(providers.Find).OfType<Voice.Providers.IVoiceProvider>().Select(provider => For(user, breakers.View(provider)))],
            Owns(user) ? changes : [.. changes.Select(change => change with { Cause = "", By = "" })]));
    }

    /// <summary>What providers said in somebody else's calls, and who decided there, is nobody's business; how they are doing is everybody's.</summary>
    private static ProviderHealthView For(CurrentUser user, ProviderHealthView view) =>
        Owns(user) ? view : view with { LastError = null, LastProbe = view.LastProbe is { } probe ? probe with { Detail = "" } : null };

    private static bool Owns(CurrentUser user) => user.OrganisationId == FirstAccounts.OrganisationId;

    private static async Task<IResult> ProbeAsync(string id, VoiceProviders providers, HealthMonitor monitor, AuditLog audit, CancellationToken cancellationToken)
    {
        if (providers.Find(id) is not { } provider)
        {
            return NotUsable(id, providers);
        }

        await audit.WriteAsync(AuditActions.ProviderProbed, id);
        return TypedResults.Ok(await monitor.ProbeAsync(provider, cancellationToken));
    }

    private static async Task<IResult> ResetAsync(string id, VoiceProviders providers, Breakers breakers, CurrentUser user, AuditLog audit, CancellationToken cancellationToken)
    {
        if (providers.Find(id) is not { } provider)
        {
            return NotUsable(id, providers);
        }

        var before = breakers.View(provider);
        var view = await breakers.ResetAsync(provider, user.Email, cancellationToken);
        await audit.WriteAsync(AuditActions.BreakerReset, id, $"It was {WireWord.Of(before.State)}, after {before.Failures} failures in a row.");
        return TypedResults.Ok(view);
    }

    private static async Task<IResult> ValidateAsync(KeyChecks checks, AuditLog audit, CancellationToken cancellationToken)
    {
        await audit.WriteAsync(AuditActions.KeysChecked, "keys");
        return TypedResults.Ok(await checks.RunAsync(cancellationToken));
    }

    private static IResult NotUsable(string id, VoiceProviders providers) =>
        providers.All().FirstOrDefault(view => view.Name == id) is { Unavailable: var reason }
            ? Problems.Result(StatusCodes.Status409Conflict, "provider_not_configured", $"The provider {id} cannot be used: {reason}")
            : Problems.NotFound($"There is no provider {id}; there are {string.Join(", ", VoiceProviders.Names)}.");
}
