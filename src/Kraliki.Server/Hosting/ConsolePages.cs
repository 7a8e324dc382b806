namespace Kraliki.Server.Hosting;

/// <summary>Serves the console's files, and its start page for every address that is one of the console's own screens.</summary>
public static class ConsolePages
{
    private static readonly string[] ServerPrefixes =
        ["/api", "/ai", "/ws", "/telephony", "/health", "/openapi", "/docs", "/asyncapi.json", "/.well-known", "/metrics", "/_framework", "/_content"];

    /// <summary>Goes after routing: a screen's address is what no route wanted.</summary>
    /// <remarks>Not a catch-all route: that would answer 404 where a known path was asked with a wrong method (405).</remarks>
    public static void UseConsolePages(this WebApplication app) =>
        app.UseWhen(IsScreen, screen =>
        {
            screen.Use((context, next) =>
            {
                context.Request.Path = "/index.html";
                return next(context);
            });
            screen.UseStaticFiles(new StaticFileOptions
            {
                OnPrepareResponse = file => file.Context.Response.Headers.CacheControl = "no-cache",
            });
        });

    private static bool IsScreen(HttpContext context) =>
        context.GetEndpoint() is null
        && (HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method))
        && !Path.HasExtension(context.Request.Path.Value)
        && !Array.Exists(ServerPrefixes, prefix => context.Request.Path.StartsWithSegments(prefix));
}
