using Kraliki.Server.Assistants;
using Kraliki.Server.Cluster;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Server.HotTier;
using Kraliki.Server.Identity;
using Kraliki.Server.Insights;
using Kraliki.Server.Mail;
using Kraliki.Server.Operations;
using Kraliki.Server.Providers;
using Kraliki.Server.Rehearsals;
using Kraliki.Server.Sessions;
using Kraliki.Server.Telephony;

namespace Kraliki.Server;

/// <summary>The whole server in order of reading. Each feature has an <c>Add</c> (what it needs) and a <c>Map</c> (its routes).</summary>
public static class KralikiServer
{
    /// <param name="change">Last word on the services, for tests (a virtual clock).</param>
    /// <exception cref="StartRefusedException">A setting is wrong.</exception>
    public static WebApplication Build(string[] args, Action<WebApplicationBuilder>? change = null)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions
        {
            Args = args,
            ApplicationName = "Kraliki.Server",
            ContentRootPath = AppContext.BaseDirectory,
        });
        // Run from bin, the console's files lie in other projects' folders; published, they do not, and this changes nothing.
        builder.WebHost.UseStaticWebAssets();

        var options = builder.AddKralikiOptions();
        builder.AddHosting(options);
        builder.AddData(options);
        builder.AddHotTier(options);
        builder.AddMail(options);
        builder.AddIdentity();
        builder.AddIdempotency();
        builder.AddOperations();
        builder.AddSessions(options);
        builder.AddInsights();
        builder.AddProviders();
        builder.AddTelephony();
        builder.AddRehearsals();
        change?.Invoke(builder);

        var app = builder.Build();
        app.UseHosting(options);
        app.UseNodeExit();
        app.UseUnversionedPaths();
        app.UseRouting();
        app.UseOrigins(options.Edges);
        app.UseConsolePages();
        app.UseIdentity();
        app.UseIdempotency();
        app.UseWebSockets();

        app.MapStaticAssets().AllowAnonymous().DisableRateLimiting();
        app.MapIdentity();
        app.MapMail();
        app.MapOperations();
        app.MapApiDescription();
        app.MapSessions();
        app.MapProviders();
        app.MapAssistants();
        app.MapTelephony();
        app.MapRehearsals();
        return app;
    }
}
