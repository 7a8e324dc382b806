using System.Diagnostics;
using System.Net;
using Kraliki.Client;
using Kraliki.Contracts;
using Kraliki.Tests.Shared;

namespace Kraliki.Server.Tests.Sessions;

/// <summary>Alone, because it takes all of a small machine: its limit is about this server, and what others measure beside it would be about the storm.</summary>
[Collection(Alone.Name)]
public sealed class ReconnectStormTests(ITestOutputHelper output)
{
    private const int Sockets = 1_000;
    private const int Calls = 20;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_thousand_sockets_that_are_dropped_at_once_are_all_resumed_within_thirty_seconds()
    {
        await using var server = await SessionServer.StartAsync(Cancelled);
        await using var proxy = new CuttingProxy(() => new IPEndPoint(IPAddress.Loopback, server.Url.Port), () => null);
        using var api = await server.SignInAsync(Cancelled);
        var calls = new List<TestCall>();
        for (var i = 0; i < Calls; i++)
        {
            calls.Add(await server.StartCallAsync(Cancelled));
        }

        var refused = 0;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        var watchers = Enumerable.Range(0, Sockets).Select(i => new Watcher(proxy.Port, calls[i % Calls].Id, TicketAsync)).ToList();
        var reading = watchers.ConvertAll(watcher => watcher.RunAsync(stop.Token));
        try
        {
            await Task.WhenAll(watchers.Select(watcher => watcher.FirstReady.Task)).WaitAsync(Limit * 2, Cancelled);

            refused = 0;
            var (cpu, began) = (Environment.CpuUsage.TotalTime, Stopwatch.GetTimestamp());
            var dropped = proxy.CutAll(reset: true);
            calls.ForEach(call => call.Say(LegRole.Ai, "Said while nobody was connected."));
            Task all = Task.WhenAll(watchers.Select(watcher => watcher.Resumed.Task));
            await all.WaitAsync(Limit, Cancelled).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            Assert.True(
                all.IsCompletedSuccessfully,
                $"{watchers.Count(watcher => !watcher.Resumed.Task.IsCompletedSuccessfully)} of {dropped} sockets were not resumed after {Stopwatch.GetElapsedTime(began).TotalSeconds:0} s. {all.Exception}");

            var times = await Task.WhenAll(watchers.Select(watcher => watcher.Resumed.Task));
            var waits = times.Select(at => Stopwatch.GetElapsedTime(began, at).TotalSeconds).Order().ToList();
            output.WriteLine(
                $"{dropped} dropped; resumed after p50 {waits[waits.Count / 2]:0.00} s, p95 {waits[waits.Count * 95 / 100]:0.00} s, all {waits[^1]:0.00} s; "
                + $"{(Environment.CpuUsage.TotalTime - cpu).TotalMilliseconds / Sockets:0.0} ms CPU each, clients and proxy included; {refused} tickets refused for the moment");
            Assert.Equal(Sockets, dropped);
            Assert.InRange(waits[^1], 0, Limit.TotalSeconds);
        }
        finally
        {
            // Sockets that go on coming back would hold up the server's end, and hide what was found.
            await stop.CancelAsync();
            await Task.WhenAll(reading);
        }

        async Task<string> TicketAsync(Guid session, CancellationToken cancellationToken)
        {
            try
            {
                return (await api.IssueTicketAsync(session, cancellationToken)).Ticket;
            }
            catch (KralikiException e) when (e.Status is HttpStatusCode.ServiceUnavailable or HttpStatusCode.TooManyRequests)
            {
                Interlocked.Increment(ref refused);
                throw;
            }
        }
    }

    /// <summary>One console's socket: resumed when it is ready again and has what was said in between.</summary>
    private sealed class Watcher(int port, Guid session, Func<Guid, CancellationToken, Task<string>> ticket)
    {
        public TaskCompletionSource FirstReady { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource<long> Resumed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public async Task RunAsync(CancellationToken stop)
        {
            await using var socket = new SessionSocket(new Uri($"ws://127.0.0.1:{port}/ws/sessions/{session}"), cancellationToken => ticket(session, cancellationToken));
            try
            {
                await foreach (var message in socket.ReadAsync(stop))
                {
                    if (message is Ready)
                    {
                        FirstReady.TrySetResult();
                    }
                    else if (message is EventMessage { Data: TurnFinished })
                    {
                        Resumed.TrySetResult(Stopwatch.GetTimestamp());
                    }
                }
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                // The storm is over.
            }
            catch (KralikiException e)
            {
                FirstReady.TrySetException(e);
                Resumed.TrySetException(e);
            }
        }
    }
}
