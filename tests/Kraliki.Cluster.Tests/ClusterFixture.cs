using System.Collections.Concurrent;
using Kraliki.Chaos;

namespace Kraliki.Cluster.Tests;

/// <summary>Four nodes (so that one may be starting while the next is killed) with PostgreSQL, Redis and nginx for all tests of a class; a fault in one test finds the cluster well, and leaves it well.</summary>
public sealed class ClusterFixture : IAsyncLifetime
{
    private readonly string _directory = Path.Combine(Path.GetTempPath(), $"kraliki-cluster-tests-{Environment.ProcessId}");
    private readonly ConcurrentQueue<string> _told = new();
    private ChaosRun? _run;

    internal ChaosRun Run => _run!;

    /// <summary>A test has begun and not passed: the logs of the nodes are kept.</summary>
    internal bool KeepsLogs { get; set; }

    /// <summary>What the run said since this was asked last; for the text of a failure.</summary>
    internal string Told
    {
        get
        {
            var lines = new List<string>();
            while (_told.TryDequeue(out var line))
            {
                lines.Add(line);
            }

            return string.Join('\n', lines);
        }
    }

    public async ValueTask InitializeAsync() =>
        _run = await ChaosRun.StartAsync(_directory, new(Nodes: 4), _told.Enqueue, TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        if (_run is not null)
        {
            await _run.DisposeAsync();
        }

        if (!KeepsLogs && Directory.Exists(_directory))
        {
            Directory.Delete(_directory, recursive: true);
        }
    }
}
