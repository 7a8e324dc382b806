using Kraliki.Contracts;
using Kraliki.LocalSpeech;
using Kraliki.Server.Hosting;
using Kraliki.Server.Mail;

namespace Kraliki.Server.Operations;

internal static class ConsoleInfoApi
{
    private static readonly string Version = typeof(ConsoleInfoApi).Assembly.GetName().Version!.ToString(fieldCount: 3);

    public static void MapConsoleInfo(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/api/v1/console-info", Info).AllowAnonymous()
            .WithTags("Operations").WithSummary("What the console shows before anybody signed in")
            .Produces<ConsoleInfo>();

    private static ConsoleInfo Info(KralikiOptions options)
    {
        var notices = SpeechParts.Check().Select(part => part.Remedy).ToList();
        if (options.Demo)
        {
            notices.Insert(0, "Demo mode: simulators stand in for every carrier and provider without a key, and called numbers reach the demo assistant.");
        }

        else if (options.Mail is null)
        {
            notices.Insert(0, "Mails wait: set Kraliki:Mail:Host and Kraliki:Mail:From so that invitations and links can be sent.");
        }

        return new(Version, options.Demo, notices, options.Demo ? "operator@demo.example" : null, options.Identity.Registration, Outbox.IsMailbox(options));
    }
}
