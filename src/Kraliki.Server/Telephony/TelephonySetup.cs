using Kraliki.Voice.Calls;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Kraliki.Server.Telephony;

public static class TelephonySetup
{
    public static void AddTelephony(this WebApplicationBuilder builder)
    {
        builder.Services.TryAddSingleton(new CallOptions());
        builder.Services.AddSingleton<TwilioAccounts>();
        builder.Services.AddSingleton<TwilioRest>();
        builder.Services.AddSingleton<CallRecovery>();
        builder.Services.AddSingleton<StreamTokens>();
        builder.Services.AddScoped<TwilioWebhooks>();
        builder.Services.AddSingleton<MediaCalls>();
        builder.Services.AddSingleton<IConnectionListenerFactory, MediaTransport>();
    }

    public static void MapTelephony(this IEndpointRouteBuilder routes) => routes.MapTwilio();
}
