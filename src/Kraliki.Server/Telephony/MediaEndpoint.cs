using Kraliki.Voice.Net;
using Microsoft.AspNetCore.Http.Features;

namespace Kraliki.Server.Telephony;

/// <summary>The media socket as the web server sees it: over TLS, behind a proxy that reuses connections, or not on Linux. See <see cref="MediaTransport"/>.</summary>
internal static class MediaEndpoint
{
    /// <summary>Twilio's <c>&lt;Stream url&gt;</c>.</summary>
    public const string Path = "/telephony/twilio/media";

    public static async Task RunAsync(HttpContext http, MediaCalls calls, TimeProvider time)
    {
        if (await UpgradeAsync(http) is not { } connection)
        {
            http.Response.StatusCode = StatusCodes.Status400BadRequest;
            await http.Response.WriteAsync("This address takes Twilio media streams: a WebSocket, version 13.", http.RequestAborted);
            return;
        }

        await calls.RunAsync(MediaSocket.Serve(connection, MediaSocketOptions.Carrier, time), http.Connection.RemoteIpAddress);
    }

    /// <summary>RFC 6455 §4.2.1 by hand: the call path wants the connection, not the framework's socket on top of it.</summary>
    private static async Task<Stream?> UpgradeAsync(HttpContext http)
    {
        var headers = http.Request.Headers;
        string key = headers.SecWebSocketKey.ToString();
        if (http.Features.Get<IHttpUpgradeFeature>() is not { IsUpgradableRequest: true } upgrade
            || !headers.Upgrade.ToString().Equals("websocket", StringComparison.OrdinalIgnoreCase)
            || headers.SecWebSocketVersion != "13"
            || key.Length != 24)
        {
            return null;
        }

        http.Response.Headers.Connection = "Upgrade";
        http.Response.Headers.Upgrade = "websocket";
        http.Response.Headers.SecWebSocketAccept = MediaConnector.AcceptKey(key);
        return await upgrade.UpgradeAsync();
    }
}
