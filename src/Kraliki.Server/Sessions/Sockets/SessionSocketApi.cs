using Kraliki.Server.Cluster;
using Kraliki.Server.Hosting;
using Kraliki.Server.Identity;
using Kraliki.Server.Sessions.Journal;
using Kraliki.Server.Sessions.Live;

namespace Kraliki.Server.Sessions.Sockets;

/// <summary><c>/ws/sessions/{id}</c>: the session socket. Anybody may connect; only a ticket lets in.</summary>
internal static class SessionSocketApi
{
    public static void MapSessionSocket(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/ws/sessions/{id:guid}", ConnectAsync)
            .RequireRateLimiting(RateLimits.Sockets)
            .AllowAnonymous() // The ticket in the first message is the authentication.
            .ExcludeFromDescription(); // Described by /asyncapi.json.

    private static async Task ConnectAsync(
        Guid id,
        HttpContext context,
        PublicUrls urls,
        SocketTickets tickets,
        LiveSignIns signIns,
        SessionFeeds feeds,
        SessionCommands commands,
        OfferedFeatures features,
        OpenTabs tabs,
        JournalReader journal,
        SessionLimits limits,
        TimeProvider time,
        NodeExit exit,
        ILogger<SessionWatcher> log)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            await Problems.Result(StatusCodes.Status400BadRequest, "websocket_expected", "Connect with a WebSocket client.").ExecuteAsync(context);
            return;
        }

        var url = urls.Socket($"/ws/sessions/{id}");
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(exit.Ended, context.RequestAborted);
        await using var watcher = new SessionWatcher(id, url, context.TraceIdentifier, socket, tickets, signIns, feeds, commands, features, tabs, journal, limits, time, log);
        await watcher.RunAsync(exit.Draining, stopping.Token);
    }
}
