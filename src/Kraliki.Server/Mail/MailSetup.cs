using Kraliki.Server.Hosting;

namespace Kraliki.Server.Mail;

public static class MailSetup
{
    public static void AddMail(this WebApplicationBuilder builder, KralikiOptions options)
    {
        builder.Services.AddSingleton<Outbox>();
        if (!Outbox.IsMailbox(options))
        {
            builder.Services.AddSingleton<MailSender>();
            builder.Services.AddHostedService(services => services.GetRequiredService<MailSender>());
        }
    }

    public static void MapMail(this IEndpointRouteBuilder routes) => routes.MapMailbox();
}
