using Microsoft.Extensions.Logging.Console;

namespace Kraliki.Server.Hosting;

/// <summary>One line per entry: JSON for machines, short text for a person at a terminal and for the demo.</summary>
internal static class Logs
{
    public static void AddLogs(this WebApplicationBuilder builder, KralikiOptions options)
    {
        builder.Logging.ClearProviders();

        // Lines get the trace with the request id (RequestTrace), in our spelling and in grains and calls too.
        builder.Logging.Configure(factory => factory.ActivityTrackingOptions = ActivityTrackingOptions.None);
        builder.Logging.AddSimpleConsole(text =>
        {
            text.SingleLine = true;
            text.TimestampFormat = "HH:mm:ss ";
        });
        builder.Logging.AddJsonConsole(json =>
        {
            json.IncludeScopes = true;
            json.UseUtcTimestamp = true;
            json.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ";
        });
        // After the two formatters, because each of them names itself as the one to use.
        builder.Services.Configure<ConsoleLoggerOptions>(console =>
        {
            console.FormatterName = builder.Configuration["Logging:Console:FormatterName"]
                ?? (options.Demo || !Console.IsOutputRedirected ? ConsoleFormatterNames.Simple : ConsoleFormatterNames.Json);

            // 2,500 lines wait for a slow terminal, then lines are dropped: a call must never wait for a log.
            console.QueueFullMode = ConsoleLoggerQueueFullMode.DropWrite;
            console.MaxQueueLength = 2500;
        });
    }
}
