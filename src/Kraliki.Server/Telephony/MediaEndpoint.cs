using Kraliki.Contracts;
using Kraliki.Server.Operations;
using Kraliki.Server.Providers;
using Kraliki.Server.Sessions.Calls;
using Kraliki.Voice.Calls;
using Kraliki.Voice.Carriers;
using Kraliki.Voice.Net;
using Kraliki.Voice.Providers;
using Microsoft.AspNetCore.Http.Features;

namespace Kraliki.Server.Telephony;

/// <summary>Twilio's media socket. The request is the call's lifetime on this node.</summary>
/// <remarks>Anyone may open the socket; only a <c>start</c> with a one-time token from our own TwiML makes it a call.</remarks>
internal static class MediaEndpoint
{
    public static async Task RunAsync(
        HttpContext http,
        StreamTokens tokens,
        LiveCalls live,
        VoiceProviders providers,
        CallOptions options,
        AuditLog audit,
        TimeProvider time,
        IHostApplicationLifetime lifetime,
        ILogger<CallLoop> logger)
    {
        if (await UpgradeAsync(http) is not { } connection)
        {
            http.Response.StatusCode = StatusCodes.Status400BadRequest;
            await http.Response.WriteAsync("This address takes Twilio media streams: a WebSocket, version 13.", http.RequestAborted);
            return;
        }

        LiveCall? call = null;
        CallLoop? loop = null;
        loop = new CallLoop(MediaSocket.Serve(connection, MediaSocketOptions.Carrier, time), AdmitAsync, options, time, logger);
        var outcome = await loop.RunAsync(lifetime.ApplicationStopping);
        if (call is not null)
        {
            await using (call)
            {
                await call.CompleteAsync(outcome);
            }
        }
        else if (outcome.Reason is EndReason.TalkCarrierProtocolError or EndReason.ConnectCarrierTimeout)
        {
            await audit.WriteAsync("media_socket_refused", "/telephony/twilio/media", outcome.Detail, actor: "carrier", cancellationToken: CancellationToken.None);
        }

        async Task<CallAdmission?> AdmitAsync(StreamStart start, CancellationToken cancellationToken)
        {
            string token = start.Parameters.GetValueOrDefault("token", "");
            var redeemed = tokens.Redeem(token, start.CallSid, out var sessionId);
            if (redeemed != StreamTokenOutcome.Good)
            {
                await audit.WriteAsync("media_socket_refused", start.CallSid, $"The stream's token is {redeemed.ToString().ToLowerInvariant()}.", actor: "carrier", cancellationToken: cancellationToken);
                return null;
            }

            call = await live.AttachAsync(sessionId, cancellationToken);
            if (call is null)
            {
                await audit.WriteAsync("media_socket_refused", start.CallSid, "The session has ended.", actor: "carrier", cancellationToken: cancellationToken);
                return null;
            }

            if (providers.Find(call.Provider) is not { } provider)
            {
                // Its key was taken away since the session was made.
                await call.CompleteAsync(new CallOutcome(EndReason.ConnectProviderRefused, $"The provider {call.Provider} is not configured here."));
                return null;
            }

            call.Bind(loop!);
            return new CallAdmission(call, provider, new ProviderSetup(sessionId, DefaultAssistant.Instructions, call.History));
        }
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
