using System.Collections.Concurrent;
using Kraliki.Contracts;
using Kraliki.Server.Cluster;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Server.Sessions;
using Kraliki.Server.Sessions.Calls;

namespace Kraliki.Server.Telephony;

/// <summary>Brings callers back whose call was interrupted (docs/adr/0021). Safe from any thread.</summary>
/// <remarks>
/// 1 the carrier may come by itself, through what follows the stream · 2 when it has not, it is told to by REST, again and
/// again · 3 a call that is over there ends here too · 4 when <see cref="SessionLimits.RecoveryGrace"/> is over: one more try,
/// an apology, the end. Whether the call has come back the grain says, before each step. Should this node die meanwhile, the
/// sweep of another begins again from 1.
/// </remarks>
internal sealed partial class CallRecovery(
    IGrainFactory grains,
    KralikiDbFactory databases,
    TwilioRest twilio,
    PublicUrls urls,
    SessionLimits limits,
    TimeProvider time,
    IHostApplicationLifetime lifetime,
    NodeExit exit,
    ILogger<CallRecovery> log)
{
    // A carrier that goes on by itself does so at once; cutting the stream that it is just opening would help nobody.
    private static readonly TimeSpan ByItself = TimeSpan.FromSeconds(1);

    // By the time that a node is known to be dead, the line has been open for a second and a half already.
    private static readonly TimeSpan ByItselfAfterADeath = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan LastTry = TimeSpan.FromSeconds(2);

    // The epochs that are being recovered here: at most one for each call that this installation runs.
    private readonly ConcurrentDictionary<Guid, long> _running = new();

    /// <summary>From now on the caller is brought back. Told again of the same interruption it does nothing.</summary>
    /// <param name="epoch">The session's since the interruption.</param>
    /// <param name="by">What interrupted it.</param>
    public void Begin(Guid session, long epoch, DateTimeOffset interruptedAt, EndReason? by)
    {
        if (_running.TryGetValue(session, out var known) && known == epoch)
        {
            return;
        }

        _running[session] = epoch;

        // Task.Run: who calls is a grain, whose turn must not wait for a carrier.
        _ = Task.Run(() => RunAsync(session, epoch, interruptedAt, by));
    }

    /// <summary>The session ended while its caller had no media: the carrier lets him go.</summary>
    public void HangUp(Guid session) => _ = Task.Run(async () =>
    {
        try
        {
            if (await CarrierCall.OfSessionAsync(databases, session, exit.Ended) is { } call)
            {
                var began = time.GetTimestamp();
                while (await twilio.HangUpAsync(call, exit.Ended) is RestOutcome.Unavailable or RestOutcome.Unreachable && time.GetElapsedTime(began) < limits.RecoveryGrace)
                {
                    await Task.Delay(LongestPause, time, exit.Ended);
                }
            }
        }
        catch (Exception e) when (IsPassing(e))
        {
            // The carrier asks for what comes next at some time, and is told the same then.
            LogNotBroughtBack(e, session);
        }
    });

    /// <summary>The carrier leaves the stream of a living call for a new one, which may go to another node. The old call ends by itself, without a trace in the conversation.</summary>
    /// <returns>False when the call goes on here; true when it moves, or may do so although the carrier's answer did not come.</returns>
    public async Task<bool> MoveAsync(LiveCall call, CancellationToken cancellationToken) =>
        await CarrierCall.OfSessionAsync(databases, call.SessionId, cancellationToken) is { } known
        && await GrainCalls.RepeatAsync(() => Grain(call.SessionId).MovingAsync(call.Epoch), time, cancellationToken)
        && await RedirectAsync(known, cancellationToken) is RestOutcome.Done or RestOutcome.Unavailable;

    private async Task RunAsync(Guid session, long epoch, DateTimeOffset interruptedAt, EndReason? by)
    {
        try
        {
            // A server that has just started does not listen yet; there would be nothing to come back to.
            await Task.Delay(Timeout.InfiniteTimeSpan, time, lifetime.ApplicationStarted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await BringBackAsync(session, epoch, interruptedAt, by == EndReason.TalkServerLost ? ByItselfAfterADeath : ByItself, exit.Ended);
        }
        catch (OperationCanceledException)
        {
            // This node stops; the sweep of another goes on.
        }
        catch (Exception e) when (IsPassing(e))
        {
            LogNotBroughtBack(e, session);
        }
        finally
        {
            _running.TryRemove(new(session, epoch));
        }
    }

    private async Task BringBackAsync(Guid session, long epoch, DateTimeOffset interruptedAt, TimeSpan first, CancellationToken cancellationToken)
    {
        var call = await CarrierCall.OfSessionAsync(databases, session, cancellationToken);
        var deadline = interruptedAt + limits.RecoveryGrace;
        for (var pause = first; ; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            var left = deadline - time.GetUtcNow();
            await Task.Delay(left < pause ? left > TimeSpan.Zero ? left : TimeSpan.Zero : pause, time, cancellationToken);
            if (!await IsAwayAsync(session, epoch, cancellationToken))
            {
                return;
            }

            if (time.GetUtcNow() >= deadline)
            {
                break;
            }

            if (call is not null && await FetchAsync(call, epoch, cancellationToken) == RestOutcome.NoLivingCall && await EndedAsync(call, cancellationToken))
            {
                return;
            }
        }

        if (call is not null && !await LetGoAsync(call, session, epoch, cancellationToken))
        {
            return;
        }

        await GrainCalls.RepeatAsync(
            async () =>
            {
                await Grain(session).AbandonAsync(epoch);
                return true;
            },
            time,
            cancellationToken);
    }

    /// <summary>The last step: one more try, and an apology.</summary>
    /// <returns>False when there is nothing to give up: the call has come back, or the carrier says how it ended.</returns>
    private async Task<bool> LetGoAsync(CarrierCall call, Guid session, long epoch, CancellationToken cancellationToken)
    {
        if (await EndedAsync(call, cancellationToken))
        {
            return false;
        }

        var outcome = await FetchAsync(call, epoch, cancellationToken);
        if (outcome is RestOutcome.Done or RestOutcome.Unavailable)
        {
            await Task.Delay(LastTry, time, cancellationToken);
            if (!await IsAwayAsync(session, epoch, cancellationToken))
            {
                return false;
            }

            await twilio.ApologiseAsync(call, Twiml.Lost, cancellationToken);
        }

        return outcome is not null;
    }

    /// <summary>A call that is over at the carrier is over here, for the carrier's reason.</summary>
    private async Task<bool> EndedAsync(CarrierCall call, CancellationToken cancellationToken)
    {
        var (outcome, status) = await twilio.StatusAsync(call, cancellationToken);
        if (outcome == RestOutcome.NoLivingCall)
        {
            status = "completed";
        }

        if (status is null || !CarrierCall.IsFinal(status))
        {
            return false;
        }

        await GrainCalls.RepeatAsync(
            async () =>
            {
                await Grain(call.SessionId).CarrierEndedAsync(TwilioApi.EndOf(status), $"Twilio reports the call as {status}.");
                return true;
            },
            time,
            cancellationToken);
        return true;
    }

    /// <returns>Null when that is not wanted (any more).</returns>
    private async Task<RestOutcome?> FetchAsync(CarrierCall call, long epoch, CancellationToken cancellationToken) =>
        await GrainCalls.RepeatAsync(() => Grain(call.SessionId).RedirectingAsync(epoch), time, cancellationToken)
            ? await RedirectAsync(call, cancellationToken)
            : null;

    /// <summary>The grain has been told that this comes.</summary>
    private async Task<RestOutcome> RedirectAsync(CarrierCall call, CancellationToken cancellationToken)
    {
        var outcome = await twilio.RedirectAsync(call, TwilioApi.RedirectUrl(urls), cancellationToken);
        if (outcome != RestOutcome.Unavailable)
        {
            // Without an answer the carrier may have done it, or may do it yet; then the grain goes on expecting it for a while.
            await Grain(call.SessionId).RedirectedAsync(taken: outcome == RestOutcome.Done);
        }

        return outcome;
    }

    private Task<bool> IsAwayAsync(Guid session, long epoch, CancellationToken cancellationToken) =>
        GrainCalls.RepeatAsync(() => Grain(session).IsAwayAsync(epoch), time, cancellationToken);

    private ISessionGrain Grain(Guid session) => grains.GetGrain<ISessionGrain>(session);

    /// <summary>Nobody waits for these tasks; what passes by itself is left to the next sweep.</summary>
    private static bool IsPassing(Exception e) => e is OperationCanceledException || GrainCalls.IsTransient(e) || DatabaseTrouble.Is(e);
}
