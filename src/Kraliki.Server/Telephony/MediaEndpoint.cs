using Kraliki.Contracts;
using Kraliki.Server.Hosting;
using Kraliki.Server.Operations;
using Kraliki.Server.Providers;
using Kraliki.Server.Sessions;
using Kraliki.Server.Sessions.Calls;
using Kraliki.Voice.Calls;
using Kraliki.Voice.Carriers;
using Kraliki.Voice.Net;
using Kraliki.Voice.Providers;
using Microsoft.AspNetCore.Http.Features;

namespace Kraliki.Server.Telephony;

/// <summary>Twilio's media socket. The request is the call's lifetime on this node.</summary>
/// <remarks>Anyone may open the socket; only a <c>start</c> with a one-time token from our own TwiML makes it a call.</remarks>
internal static partial class MediaEndpoint
{
    private const string Refused = "media_socket_refused";

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

        var log = new CallLog(logger);
        var request = ExecutionContext.Capture()!;
        LiveCall? call = null;
        CallLoop? loop = null;
        loop = new CallLoop(MediaSocket.Serve(connection, MediaSocketOptions.Carrier, time), AdmitInRequestAsync, options, time, log);
        var outcome = await loop.RunAsync(lifetime.ApplicationStopping);
        if (call is not null)
        {
            await CompleteAsync(call, outcome, log);
        }

        if (outcome.Reason is EndReason.TalkCarrierProtocolError or EndReason.ConnectCarrierTimeout)
        {
            await audit.WriteAsync(Refused, call?.SessionId.ToString() ?? http.Request.Path, outcome.Detail, actor: "carrier", cancellationToken: CancellationToken.None);
        }

        // The sockets' threads know nothing of the request; audit and log lines of the admission shall name it.
        Task<CallAdmission?> AdmitInRequestAsync(StreamStart start, CancellationToken cancellationToken)
        {
            Task<CallAdmission?>? admission = null;
            ExecutionContext.Run(request, _ => admission = AdmitAsync(start, cancellationToken), null);
            return admission!;
        }

        async Task<CallAdmission?> AdmitAsync(StreamStart start, CancellationToken cancellationToken)
        {
            string token = start.Parameters.GetValueOrDefault("token", "");
            var redeemed = tokens.Redeem(token, start.CallSid, out var sessionId);
            if (redeemed != StreamTokenOutcome.Good)
            {
                await audit.WriteAsync(Refused, start.CallSid, $"The stream's token is {redeemed.ToString().ToLowerInvariant()}.", actor: "carrier", cancellationToken: cancellationToken);
                return null;
            }

            log.Name(sessionId);
            using var scope = log.BeginScope(new LogScope("session_id", sessionId.ToString()));
            var attached = await live.AttachAsync(sessionId, cancellationToken);
            if (attached is null)
            {
                await audit.WriteAsync(Refused, start.CallSid, "The session has ended.", actor: "carrier", cancellationToken: cancellationToken);
                return null;
            }

            if (providers.Find(attached.Provider) is not { } provider)
            {
                // Its key was taken away since the session was made.
                await CompleteAsync(attached, new CallOutcome(EndReason.ConnectProviderRefused, $"The provider {attached.Provider} is not configured here."), log);
                return null;
            }

            call = attached;
            attached.Bind(loop!);
            return new CallAdmission(attached, provider, new ProviderSetup(sessionId, DefaultAssistant.Instructions, attached.History));
        }
    }

    private static async Task CompleteAsync(LiveCall call, CallOutcome outcome, ILogger log)
    {
        await using (call)
        {
            try
            {
                await call.CompleteAsync(outcome);
            }
            catch (Exception e) when (GrainCalls.IsTransient(e))
            {
                LogEndNotRecorded(log, e);
            }
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
