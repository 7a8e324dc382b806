using System.Globalization;
using System.Net;
using Kraliki.Client;
using Kraliki.Contracts;
using Kraliki.Server.Sessions.Journal;
using Kraliki.Server.Tests.Cluster;
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

    private static int Seed { get; } = Setting("KRALIKI_SEED") ?? Random.Shared.Next();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task However_often_and_wherever_the_line_is_cut_a_client_sees_each_event_once_and_in_order()
    {
        await using var server = await SessionServer.StartAsync(Cancelled);
        await RunAsync([server], Setting("KRALIKI_CUTS") ?? 2_000);
    }

    [Fact]
    public async Task So_it_is_when_after_every_cut_the_client_comes_to_another_node()
    {
        await using var nodes = await TwoNodes.StartAsync(Cancelled);
        await RunAsync([nodes.First, nodes.Second], Setting("KRALIKI_CUTS") ?? 1_000);
    }

    /// <param name="nodes">Calls are spread over them, and the connections of each watcher go from one to the next.</param>
    private async Task RunAsync(SessionServer[] nodes, int cuts)
    {
        output.WriteLine($"{cuts} cuts on {nodes.Length} nodes, seed {Seed}");
        var calls = new List<TestCall>();
        for (var i = 0; i < Calls; i++)
        {
            calls.Add(await nodes[i % nodes.Length].StartCallAsync(Cancelled));
        }

        var began = TimeProvider.System.GetTimestamp();
        var watchers = new List<Watcher>();
        try
        {
            watchers.AddRange(Enumerable.Range(0, Calls * WatchersPerCall).Select(i => new Watcher(nodes, calls[i / WatchersPerCall].Id, i)));
            await TalkAsync(calls, () => watchers.Sum(watcher => watcher.Cuts) >= cuts || watchers.Exists(watcher => watcher.Watching.IsFaulted));
            watchers.ForEach(watcher => watcher.LetLive());
            await Task.WhenAll(calls.Select(call => call.EndAsync(EndReason.CallerHungUp)));

            // Whoever waits on a line that is to be cut at a byte that does not come any more gets a new one.
            watchers.ForEach(watcher => watcher.CutNow());
            await Task.WhenAll(watchers.Select(watcher => watcher.Watching)).WaitAsync(SessionServer.Patience * 3, Cancelled);
            output.WriteLine(
                $"{watchers.Sum(watcher => watcher.Cuts)} cuts in {TimeProvider.System.GetElapsedTime(began).TotalSeconds:0.0} s, "
                + $"{watchers.Sum(watcher => watcher.Connections)} connections, {watchers.Sum(watcher => watcher.Events.Count)} events seen");

            foreach (var (call, at) in calls.Select((call, at) => (call, at)))
            {
                var journal = await nodes[0].Journal.EventsAsync(call.Id, 0, int.MaxValue, Cancelled);
                Assert.Equal(Enumerable.Range(1, journal.Count).Select(seq => (long)seq), journal.Select(happened => happened.Seq));
                var expected = journal.ConvertAll(happened => (happened.Seq, happened.At, JournalJson.Write(happened.Data)));
                Assert.All(watchers.Skip(at * WatchersPerCall).Take(WatchersPerCall), watcher => Assert.Equal(expected, watcher.Events));
            }

            Assert.True(watchers.Sum(watcher => watcher.Cuts) >= cuts, "Not as many cuts as were wanted.");
        }
        finally
        {
            await Task.WhenAll(watchers.Select(watcher => watcher.DisposeAsync().AsTask()));
        }
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

    private static int? Setting(string name) => int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out var value) ? value : null;

    /// <summary>One client, on a line of its own.</summary>
    private sealed class Watcher : IAsyncDisposable
    {
        private readonly SessionServer[] _nodes;
        private readonly Random _random;
        private readonly CuttingProxy _line;
        private readonly SessionSocket _socket;
        private volatile bool _cutting = true;
        private int _turn;

        public Watcher(SessionServer[] nodes, Guid session, int number)
        {
            _nodes = nodes;
            _turn = number;
            _random = new Random(Seed + number);
            _line = new CuttingProxy(NextNode, () => _cutting ? NextCut() : null);
            _socket = new SessionSocket(
                new Uri($"ws://127.0.0.1:{_line.Port}/ws/sessions/{session}"),
                _ => Task.FromResult(nodes[0].Ticket(session)),
                options: new SessionSocketOptions { Backoff = new Backoff(TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(100)) });
            Watching = WatchAsync();
        }

        public int Cuts => _line.Cuts;

        public List<(long Seq, DateTimeOffset At, string Data)> Events { get; } = [];

        public int Connections { get; private set; }

        /// <summary>Ends when the session is over.</summary>
        public Task Watching { get; }

        public void LetLive() => _cutting = false;

        public void CutNow() => _line.CutAll(reset: false);

        public async ValueTask DisposeAsync()
        {
            await _socket.DisposeAsync();
            await _line.DisposeAsync();
        }

        private IPEndPoint NextNode() => new(IPAddress.Loopback, _nodes[Interlocked.Increment(ref _turn) % _nodes.Length].Url.Port);

        /// <summary>From the first byte of the handshake to some dozens of events; short ones more often, because most happens there.</summary>
        private Cut NextCut()
        {
            var fromClient = _random.Next(3) == 0 ? _random.Next(1_000) : long.MaxValue;
            return new Cut(fromClient, (long)(Math.Pow(_random.NextDouble(), 2) * 8_000), Reset: _random.Next(2) == 0);
        }

        private async Task WatchAsync()
        {
            await foreach (var message in _socket.ReadAsync(Cancelled))
            {
                if (message is EventMessage happened)
                {
                    Events.Add((happened.Seq, happened.At, JournalJson.Write(happened.Data)));
                }
                else if (message is Ready)
                {
                    Connections++;
                }
            }
        }
    }
}
