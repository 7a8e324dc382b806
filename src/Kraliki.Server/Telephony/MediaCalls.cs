using System.Diagnostics;
using System.Net;
using Kraliki.Contracts;
using Kraliki.Server.Assistants;
using Kraliki.Server.Cluster;
using Kraliki.Server.Hosting;
using Kraliki.Server.Operations;
using Kraliki.Server.Providers;
using Kraliki.Server.Sessions.Calls;
using Kraliki.Voice.Calls;
using Kraliki.Voice.Carriers;
using Kraliki.Voice.Net;
using Kraliki.Voice.Providers;
using Microsoft.AspNetCore.Http.Features;

namespace Kraliki.Server.Telephony;

/// <summary>Makes calls of Twilio's media sockets, whichever way they came in. Safe from any thread.</summary>
/// <remarks>Anyone may open a socket; only a <c>start</c> with a one-time token from our own TwiML makes it a call.</remarks>
internal sealed partial class MediaCalls(
    StreamTokens tokens,
    LiveCalls live,
    Failover failover,
    CallOptions options,
    Refusals refusals,
    TimeProvider time,
    NodeExit exit,
    ILogger<CallLoop> logger)
{
    public const string Path = "/telephony/twilio/media";

    private static readonly ActivitySource Spans = new("Kraliki.Calls");

    /// <summary>Runs from the upgraded, not yet opened socket to the written end of the session.</summary>
    /// <param name="address">The peer's, for the audit.</param>
    public async Task RunAsync(MediaSocket socket, IPAddress? address)
    {
        var log = new CallLog(logger);
        LiveCall? call = null;
        Activity? span = null;
        CallLoop? loop = null;
        loop = new CallLoop(socket, AdmitAsync, options, time, log);
        var outcome = await loop.RunAsync(exit.Ended);
        try
        {
            if (call is not null)
            {
                await CompleteAsync(call, outcome);
            }

            if (outcome.Reason is EndReason.TalkCarrierProtocolError or EndReason.ConnectCarrierTimeout)
            {
                await RefusedAsync(call?.SessionId.ToString() ?? Path, outcome.Detail, address, log);
            }
        }
        catch (Exception e)
        {
            // The edge of a call: nobody waits for it who could be told.
            LogEndNotRecorded(log, e);
        }
        finally
        {
            span?.Dispose();
        }

        async Task<CallAdmission?> AdmitAsync(StreamStart start, CancellationToken cancellationToken)
        {
            // Off the media thread: what follows asks grains and the database.
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            var redeemed = await tokens.RedeemAsync(start.Parameters.GetValueOrDefault("token", ""), start.CallSid, cancellationToken);
            if (redeemed.Content is not { SessionId: var sessionId })
            {
                await RefusedAsync(start.CallSid, $"The stream's token is {redeemed.Outcome.ToString().ToLowerInvariant()}.", address, log);
                return null;
            }

            log.Name(sessionId);
            using var scope = log.BeginScope(new LogScope("session_id", sessionId.ToString()));
            var attached = await live.AttachAsync(sessionId, cancellationToken);
            if (attached is null)
            {
                await RefusedAsync(start.CallSid, "The session has ended.", address, log);
                return null;
            }

            if (failover.OrderOf(attached.Provider, attached.Failover ?? failover.Default) is not { } order)
            {
                // Its key was taken away since the session was made, and nobody stands in.
                await CompleteAsync(attached, new CallOutcome(EndReason.ConnectProviderRefused, $"The provider {attached.Provider} is not configured here."));
                return null;
            }

            log.Name(sessionId, attached.Trace);
            call = attached;
            attached.Bind(loop!);

            // When nobody records spans there is none for the call, and the provider hears of the request's.
            span = Spans.StartActivity("call", ActivityKind.Server, attached.Trace?.Parent);
            span?.SetTag("session_id", sessionId);
            if (attached.OnHold)
            {
                loop!.Post(new HoldCall(OnHold: true));
            }

            foreach (string line in attached.Unfollowed)
            {
                loop!.Post(new InstructProvider(line));
            }

            var assistant = attached.Assistant;
            var setup = new ProviderSetup(sessionId, Briefing(assistant), new ConversationContext(attached.History), live.ToolsOf(attached))
            {
                Greeting = assistant.Greeting,
                Language = assistant.Language,
                Voices = assistant.Voices,
                RequestId = attached.Trace?.RequestId,
                TraceParent = span?.Id ?? attached.Trace?.Parent,
            };
            return new CallAdmission(
                attached,
                order,
                setup,
                attached.Continued ? new Comeback(attached.Moved, assistant.Apology ?? DefaultAssistant.Apology, assistant.WelcomeBack ?? DefaultAssistant.WelcomeBack, attached.AtMs) : null,
                assistant.Limits is { } limits ? new CallLimits(Span(limits.MaxCallMinutes, TimeSpan.FromMinutes(1)), Span(limits.MaxSilenceSeconds, TimeSpan.FromSeconds(1))) : null);
        }
    }

    /// <summary>The route of the same path, for connections that the web server has kept: TLS, a proxy that reuses them.</summary>
    public async Task RunAsync(HttpContext http)
    {
        if (await UpgradeAsync(http) is { } connection)
        {
            await RunAsync(MediaSocket.Serve(connection, MediaSocketOptions.Carrier, time), http.Connection.RemoteIpAddress);
        }
        else
        {
            await Problems.WriteAsync(http, StatusCodes.Status400BadRequest, "websocket_expected", "This address takes Twilio media streams: a WebSocket, version 13.");
        }
    }

    /// <summary>What the model is told to be, its language included: most of those who speak take it from nowhere else.</summary>
    /// <remarks>
    /// By its tag: invariant globalization knows no names of languages, and models know tags. In front: words to be said
    /// literally may stand at the end of the instructions.
    /// </remarks>
    private static string Briefing(AssistantContent assistant) => assistant.Language is { } language
        ? $"Speak the language with the BCP 47 tag {language} unless the caller cannot.\n\n{assistant.Instructions}"
        : assistant.Instructions;

    private static TimeSpan? Span(int? count, TimeSpan unit) => count * unit;

    private static async Task CompleteAsync(LiveCall call, CallOutcome outcome)
    {
        await using (call)
        {
            await call.CompleteAsync(outcome);
        }
    }

    private async Task RefusedAsync(string subject, string why, IPAddress? address, ILogger log)
    {
        await refusals.NoteAsync(AuditActions.MediaSocketRefused, subject, why, "carrier", address);
        LogRefused(log, why);
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
