using System.Net;
using Kraliki.Contracts;
using Kraliki.Server.Operations;
using Kraliki.Server.Providers;
using Kraliki.Server.Sessions.Calls;
using Kraliki.Voice.Calls;
using Kraliki.Voice.Carriers;
using Kraliki.Voice.Net;
using Kraliki.Voice.Providers;

namespace Kraliki.Server.Telephony;

/// <summary>The calls whose media socket ends at this node, whichever way the socket came in.</summary>
/// <remarks>Anyone may open the socket; only a <c>start</c> with a one-time token from our own TwiML makes it a call.</remarks>
internal sealed class MediaCalls(
    StreamTokens tokens,
    LiveCalls live,
    VoiceProviders providers,
    CallOptions options,
    AuditLog audit,
    TimeProvider time,
    IHostApplicationLifetime lifetime,
    ILogger<CallLoop> logger)
{
    /// <summary>Runs until the call is over and its end is in the journal.</summary>
    /// <param name="carrier">Upgraded and not yet opened.</param>
    public async Task RunAsync(MediaSocket carrier, IPAddress? address)
    {
        string? peer = address?.ToString();
        LiveCall? call = null;
        CallLoop? loop = null;
        loop = new CallLoop(carrier, AdmitAsync, options, time, logger);
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
            await audit.WriteAsync("media_socket_refused", MediaEndpoint.Path, outcome.Detail, actor: "carrier", address: peer, cancellationToken: CancellationToken.None);
        }

        async Task<CallAdmission?> AdmitAsync(StreamStart start, CancellationToken cancellationToken)
        {
            string token = start.Parameters.GetValueOrDefault("token", "");
            var redeemed = tokens.Redeem(token, start.CallSid, out var sessionId);
            if (redeemed != StreamTokenOutcome.Good)
            {
                await audit.WriteAsync("media_socket_refused", start.CallSid, $"The stream's token is {redeemed.ToString().ToLowerInvariant()}.", actor: "carrier", address: peer, cancellationToken: cancellationToken);
                return null;
            }

            call = await live.AttachAsync(sessionId, cancellationToken);
            if (call is null)
            {
                await audit.WriteAsync("media_socket_refused", start.CallSid, "The session has ended.", actor: "carrier", address: peer, cancellationToken: cancellationToken);
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
}
