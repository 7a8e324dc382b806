using Kraliki.Contracts;
using Kraliki.LocalSpeech;
using Kraliki.Server.Hosting;
using Kraliki.Server.Identity;
using Kraliki.Server.Mail;
using Kraliki.Server.Operations.Flags;

namespace Kraliki.Server.Operations;

internal static class ConsoleInfoApi
{
    private static readonly string Version = typeof(ConsoleInfoApi).Assembly.GetName().Version!.ToString(fieldCount: 3);

    public static void MapConsoleInfo(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/api/v1/console-info", Info).AllowAnonymous()
            .WithTags("Operations").WithName("GetConsoleInfo").WithSummary("What the console shows before anybody signed in")
            .Produces<ConsoleInfo>();

    private static ConsoleInfo Info(KralikiOptions options, FeatureFlags flags)
    {
        var notices = SpeechParts.Check().Select(part => part.Remedy).ToList();
        if (options.Demo)
        {
            notices.Insert(0, "Demo mode: simulators stand in for every carrier and provider without a key, and called numbers reach the demo assistant.");
        }

        if (options.Mail is null && !Outbox.IsMailbox(options))
        {
            notices.Insert(0, "Mails wait, for a day: set Kraliki:Mail:Host and Kraliki:Mail:From so that invitations and links can be sent.");
        }

        if (!flags.IsEnabled(FirstAccounts.OrganisationId, Flag.WebhookValidation))
        {
            notices.Insert(0, "Webhook validation is off: anybody who reaches this server can pretend to be the carrier. Switch it on again under Settings, Features.");
        }

        return new(
            Version,
            options.Demo,
            notices,
            options.Demo ? "operator@demo.example" : null,
            options.Identity.Registration == RegistrationMode.Open,
            Outbox.IsMailbox(options));
    }
}
