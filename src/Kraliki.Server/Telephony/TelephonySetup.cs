using Kraliki.Voice.Calls;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Kraliki.Server.Telephony;

public static class TelephonySetup
{
    public static void AddTelephony(this WebApplicationBuilder builder)
    {
        builder.Services.TryAddSingleton(new CallOptions());
        builder.Services.AddSingleton<TwilioAccounts>();
        builder.Services.AddSingleton<StreamTokens>();
        builder.Services.AddScoped<TwilioWebhooks>();
    }

    public static void MapTelephony(this IEndpointRouteBuilder routes) => routes.MapTwilio();
}
