using System.Globalization;
using System.Net;
using Kraliki.Client;
using Kraliki.Contracts;
using Kraliki.Server.Sessions.Journal;
using Kraliki.Tests.Shared;

namespace Kraliki.Server.Tests.Sessions;

/// <summary>
/// The session socket's promise, against a line that breaks at any byte, in either direction, at any time: what a client has
/// seen in the end is the journal, each event once and in order, nothing else.
/// </summary>
/// <remarks>
/// <c>KRALIKI_CUTS</c> sets the number of cuts, <c>KRALIKI_SEED</c> the seed; both are printed. Which byte of which connection is
/// cut depends on the seed, what that byte belongs to also on timing.
/// </remarks>
public sealed class CatchUpTests(ITestOutputHelper output)
{
    private const int Calls = 8;
    private const int WatchersPerCall = 8;

    private static int Cuts { get; } = Setting("KRALIKI_CUTS") ?? 2_000;

    private static int Seed { get; } = Setting("KRALIKI_SEED") ?? Random.Shared.Next();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task However_often_and_wherever_the_line_is_cut_a_client_sees_each_event_once_and_in_order()
    {
        await using var server = await SessionServer.StartAsync(Cancelled);
        await RunAsync([server], Cuts);
    }

    /// <param name="nodes">Calls and watchers are spread over them, so that most watch a call of another node.</param>
    private async Task RunAsync(SessionServer[] nodes, int cuts)
    {
        output.WriteLine($"{cuts} cuts, seed {Seed}");
        var random = new Random(Seed);
        var cutting = true;
        var turn = 0;
        await using var proxy = new CuttingProxy(
            () => Address(nodes[Interlocked.Increment(ref turn) % nodes.Length]),
            () => Volatile.Read(ref cutting) ? CutOf(random) : null);

        var calls = new List<TestCall>();
        for (var i = 0; i < Calls; i++)
        {
            calls.Add(await nodes[i % nodes.Length].StartCallAsync(Cancelled));
        }

        var began = TimeProvider.System.GetTimestamp();
        var watchers = calls.SelectMany(call => Enumerable.Range(0, WatchersPerCall).Select(_ => WatchAsync(nodes[0], proxy, call.Id))).ToList();
        await TalkAsync(calls, () => proxy.Cuts >= cuts || watchers.Exists(watcher => watcher.IsFaulted));
        Volatile.Write(ref cutting, false);
        await Task.WhenAll(calls.Select(call => call.EndAsync(EndReason.CallerHungUp)));

        // Whoever waits on a line that is to be cut at a byte that does not come any more gets a new one.
        proxy.CutAll(reset: false);
        var seen = await Task.WhenAll(watchers).WaitAsync(SessionServer.Patience * 3, Cancelled);
        output.WriteLine($"{proxy.Cuts} cuts in {TimeProvider.System.GetElapsedTime(began).TotalSeconds:0.0} s, {seen.Sum(log => log.Connections)} connections, {seen.Sum(log => log.Events.Count)} events seen");

        foreach (var (call, at) in calls.Select((call, at) => (call, at)))
        {
            var journal = await nodes[0].Journal.EventsAsync(call.Id, 0, int.MaxValue, Cancelled);
            Assert.Equal(Enumerable.Range(1, journal.Count).Select(seq => (long)seq), journal.Select(happened => happened.Seq));
            var expected = journal.ConvertAll(happened => (happened.Seq, happened.At, JournalJson.Write(happened.Data)));
            Assert.All(seen.Skip(at * WatchersPerCall).Take(WatchersPerCall), log => Assert.Equal(expected, log.Events));
        }

        Assert.True(proxy.Cuts >= cuts, $"Only {proxy.Cuts} cuts.");
    }

    /// <summary>From the first byte of the handshake to some dozens of events; short ones more often, because most happens there.</summary>
    private static Cut CutOf(Random random)
    {
        var fromClient = random.Next(3) == 0 ? random.Next(1_000) : long.MaxValue;
        return new Cut(fromClient, (long)(Math.Pow(random.NextDouble(), 2) * 8_000), Reset: random.Next(2) == 0);
    }

    private static async Task<Log> WatchAsync(SessionServer node, CuttingProxy proxy, Guid session)
    {
        var log = new Log([], 0);
        await using var socket = new SessionSocket(
            new Uri($"ws://127.0.0.1:{proxy.Port}/ws/sessions/{session}"),
            _ => Task.FromResult(node.Ticket(session)),
            options: new SessionSocketOptions { Backoff = new Backoff(TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(100)) });
        await foreach (var message in socket.ReadAsync(Cancelled))
        {
            if (message is EventMessage happened)
            {
                log.Events.Add((happened.Seq, happened.At, JournalJson.Write(happened.Data)));
            }
            else if (message is Ready)
            {
                log = log with { Connections = log.Connections + 1 };
            }
        }

        return log;
    }

    /// <summary>Every call says something all the time; now and then a burst, longer than a feed keeps.</summary>
    private static async Task TalkAsync(List<TestCall> calls, Func<bool> enough)
    {
        using var beat = new PeriodicTimer(TimeSpan.FromMilliseconds(25));
        for (var round = 0; !enough(); round++)
        {
            Assert.True(await beat.WaitForNextTickAsync(Cancelled));
            foreach (var (call, at) in calls.Select((call, at) => (call, at)))
            {
                call.Sink.Partial(new PartialTranscript($"t{round}", LegRole.Caller, $"Part {round}", round));
                var facts = (round + (at * 50)) % 400 == 399 ? 300 : 1;
                for (var i = 0; i < facts; i++)
                {
                    call.Say(LegRole.Caller, $"Line {round}.{i}", atMs: round);
                }
            }
        }
    }

    private static IPEndPoint Address(SessionServer node) => new(IPAddress.Loopback, node.Url.Port);

    private static int? Setting(string name) => int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out var value) ? value : null;

    private sealed record Log(List<(long Seq, DateTimeOffset At, string Data)> Events, int Connections);
}
