using System.Runtime.InteropServices;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Server.Sessions;
using Kraliki.Server.Sessions.Calls;
using Kraliki.Server.Sessions.Journal;
using Kraliki.Server.Sessions.Live;
using Kraliki.Server.Telephony;

namespace Kraliki.Server.Cluster;

/// <summary>What happens between the wish to stop and the stop: everything here goes over to the other nodes (docs/adr/0022).</summary>
/// <remarks>
/// <list type="number">
/// <item>Nothing new begins here: not ready, and calls and sockets are refused so that the proxy asks the next node.</item>
/// <item>Consoles are told to connect elsewhere, each at a moment of its own.</item>
/// <item>Each call is moved in a quiet moment: the carrier is asked to open a new stream, which reaches another node. The call here goes on until then, and the node stays until it has arrived.</item>
/// <item>What has not moved in time is cut, and comes back elsewhere as after a fault.</item>
/// </list>
/// Runs before any hosted service is stopped, so all of the node still works meanwhile.
/// </remarks>
internal sealed partial class Drain(
    NodeExit exit, ClusterNodes nodes, LiveCalls calls, CallRecovery recovery, JournalReader journal, SessionFeeds feeds, KralikiOptions options, TimeProvider time, ILogger<Drain> log)
    : IHostedLifecycleService
{
    // A carrier allows about a hundred requests a second, and a node holds some hundred calls.
    private const int AtOnce = 50;

    // A call whose carrier does not follow is not worth more of the others' time.
    private const int Tries = 3;

    private static readonly TimeSpan LongestWaitForQuiet = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestMove = TimeSpan.FromSeconds(5);

    // The last console still has to connect elsewhere when its moment has come.
    private static readonly TimeSpan LongestConnect = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan ReportInterval = TimeSpan.FromSeconds(5);

    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        try
        {
            var others = nodes.Living.Count - 1;
            if (others > 0 && options.Drain > TimeSpan.Zero)
            {
                using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, EndAtOnce);
                using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, EndAtOnce);
                await HandOverAsync(others, cancellationToken);
            }
        }
        finally
        {
            exit.End();
        }
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Who asks a second time does not want to wait. Calls are cut and come back elsewhere.</summary>
    private static void EndAtOnce(PosixSignalContext context) => Environment.Exit(128 + (context.Signal == PosixSignal.SIGINT ? 2 : 15));

    private async Task HandOverAsync(int others, CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        using var patience = new CancellationTokenSource(options.Drain, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        LogBegan(calls.All.Count(), others, options.Drain.TotalSeconds);
        exit.Drain();
        await using var progress = time.CreateTimer(_ => LogProgress(calls.All.Count()), null, ReportInterval, ReportInterval);
        try
        {
            // Again, because a stream that was promised before may still have opened here.
            var handled = new HashSet<LiveCall>();
            while (calls.All.Where(handled.Add).ToList() is { Count: > 0 } here)
            {
                await Parallel.ForEachAsync(here, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = either.Token }, MoveAsync);
            }

            while (feeds.All.Any(feed => feed.Watchers > 0) && time.GetElapsedTime(began) < NodeExit.ConsolesLeaveWithin + LongestConnect)
            {
                await Task.Delay(LookInterval, time, either.Token);
            }
        }
        catch (OperationCanceledException) when (either.IsCancellationRequested)
        {
            // Time is up: what is left is cut.
        }

        LogEnded(calls.All.Count(), (long)time.GetElapsedTime(began).TotalMilliseconds);
    }

    private async ValueTask MoveAsync(LiveCall call, CancellationToken cancellationToken)
    {
        for (var attempt = 1; attempt <= Tries && !call.Ended.IsCompleted; attempt++)
        {
            var began = time.GetTimestamp();
            while (!call.IsQuiet && !call.Ended.IsCompleted && time.GetElapsedTime(began) < LongestWaitForQuiet)
            {
                await Task.Delay(LookInterval, time, cancellationToken);
            }

            if (!call.Ended.IsCompleted)
            {
                await TryMoveAsync(call, cancellationToken);
            }
        }

        if (!call.Ended.IsCompleted)
        {
            LogNotMoved(call.SessionId);
        }
    }

    private async Task TryMoveAsync(LiveCall call, CancellationToken cancellationToken)
    {
        try
        {
            call.Moving = true;
            call.Moving = await recovery.MoveAsync(call, cancellationToken);
            if (call.Moving)
            {
                await call.Ended.WaitAsync(LongestMove, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                cancellationToken.ThrowIfCancellationRequested();
                await ArrivesAsync(call, cancellationToken);
            }
        }
        catch (Exception e) when (GrainCalls.IsTransient(e) || DatabaseTrouble.Is(e))
        {
            call.Moving = false;
            LogMoveFailed(e, call.SessionId);
        }
    }

    /// <summary>That a call without media is only being moved its grain remembers, and the grain may live here: without it the caller would be told of an interruption.</summary>
    private async Task ArrivesAsync(LiveCall call, CancellationToken cancellationToken)
    {
        for (var began = time.GetTimestamp(); call.Ended.IsCompleted && time.GetElapsedTime(began) < LongestMove; await Task.Delay(LookInterval, time, cancellationToken))
        {
            if (await journal.RowAsync(call.SessionId, cancellationToken) is not { InterruptedAt: not null, State: not SessionState.WrapUp } row || SessionStates.IsTerminal(row.State))
            {
                return;
            }
        }
    }
}
