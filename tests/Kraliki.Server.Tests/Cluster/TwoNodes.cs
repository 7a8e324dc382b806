using System.Globalization;
using Kraliki.Server.Hosting;
using Kraliki.Server.Tests.Sessions;
using Kraliki.Tests.Shared;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Configuration;

namespace Kraliki.Server.Tests.Cluster;

/// <summary>Two servers of this process, one cluster on one PostgreSQL. What the death of a node needs, a process of its own, is in Kraliki.Cluster.Tests.</summary>
internal sealed class TwoNodes : IAsyncDisposable
{
    private readonly string _directory;

    private TwoNodes(string directory, SessionServer first, SessionServer second)
    {
        _directory = directory;
        First = first;
        Second = second;
    }

    public SessionServer First { get; }

    public SessionServer Second { get; }

    /// <param name="drainSeconds">How long a node may take to leave; 0: it does not hand over at all.</param>
    /// <param name="settings">Of both nodes.</param>
    public static async Task<TwoNodes> StartAsync(CancellationToken cancellationToken, int drainSeconds = 0, IReadOnlyDictionary<string, string>? settings = null)
    {
        var directory = Directory.CreateTempSubdirectory("kraliki-test-").FullName;
        var first = await NodeAsync();
        return new(directory, first, await NodeAsync());

        async Task<SessionServer> NodeAsync()
        {
            var all = new Dictionary<string, string>([.. await SettingsAsync(directory, drainSeconds, cancellationToken), .. settings ?? new Dictionary<string, string>()]);
            return await SessionServer.StartAsync(cancellationToken, directory, settings: all, change: services => services.PostConfigure<ClusterMembershipOptions>(BePatient));
        }
    }

    /// <summary>Of one more node for the data of this directory.</summary>
    public static async Task<Dictionary<string, string>> SettingsAsync(string directory, int drainSeconds, CancellationToken cancellationToken) =>
        new(await TestDatabase.PostgreSqlSettingsAsync(directory, cancellationToken))
        {
            ["Kraliki:MasterKey"] = Convert.ToBase64String(new byte[MasterKey.Bytes]),
            ["Kraliki:Cluster:Id"] = "two-nodes",
            ["Kraliki:Cluster:SiloPort"] = Loopback.FreePort().ToString(CultureInfo.InvariantCulture),
            ["Kraliki:DrainSeconds"] = drainSeconds.ToString(CultureInfo.InvariantCulture),
        };

    public async ValueTask DisposeAsync()
    {
        await First.DisposeAsync();
        await Second.DisposeAsync();
        await TestDatabase.DropPostgreSqlAsync(_directory);
        Directory.Delete(_directory, recursive: true);
    }

    /// <summary>Who is evicted ends the process, and this one may be busy with other tests for longer than a node may be silent.</summary>
    private static void BePatient(ClusterMembershipOptions membership) =>
        membership.ProbeTimeout = membership.MinProbeTimeout = membership.MaxProbeTimeout = TimeSpan.FromSeconds(20);
}
