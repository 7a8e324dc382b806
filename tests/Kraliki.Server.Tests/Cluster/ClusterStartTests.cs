using System.Net;
using System.Net.Sockets;
using Kraliki.Server.Cluster;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Tests.Shared;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using ClusterIdentity = Orleans.Configuration.ClusterOptions;

namespace Kraliki.Server.Tests.Cluster;

/// <summary>Whom a node finds in the table before it joins: the dead are cleared away, the living must be reachable.</summary>
public sealed class ClusterStartTests(ServerFixture fixture) : IAsyncLifetime
{
    private readonly string _cluster = $"test-{Guid.NewGuid()}";
    private readonly TcpListener _other = new(IPAddress.Loopback, 0);
    private ClusterTable _table = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _table = new(fixture.Server.Services.GetRequiredService<KralikiDbFactory>(), Options.Create(new ClusterIdentity { ClusterId = _cluster }));
        await _table.InitializeMembershipTableAsync(true, Cancel);
        _other.Start();
    }

    public async ValueTask DisposeAsync()
    {
        _other.Dispose();
        await _table.DeleteMembershipTableEntriesAsync(_cluster, CancellationToken.None);
    }

    [Fact]
    public async Task Nodes_that_were_killed_together_with_this_one_are_declared_dead_at_once()
    {
        var (first, second) = (await ActiveAsync(Loopback.FreePort()), await ActiveAsync(Loopback.FreePort()));
        await Start(Loopback.FreePort()).StartingAsync(Cancel);
        Assert.Equal(SiloStatus.Dead, await StatusAsync(first));
        Assert.Equal(SiloStatus.Dead, await StatusAsync(second));
    }

    [Fact]
    public async Task Nodes_that_start_together_clear_the_same_rows_without_disturbing_each_other()
    {
        var ghost = await ActiveAsync(Loopback.FreePort());
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Start(Loopback.FreePort()).StartingAsync(Cancel)));
        Assert.Equal(SiloStatus.Dead, await StatusAsync(ghost));
    }

    [Fact]
    public async Task A_node_that_can_be_reached_is_left_alone()
    {
        var living = await ActiveAsync(((IPEndPoint)_other.LocalEndpoint).Port);
        await Start(Loopback.FreePort()).StartingAsync(Cancel);
        Assert.Equal(SiloStatus.Active, await StatusAsync(living));
    }

    [Fact]
    public async Task Beside_a_node_that_lives_but_cannot_be_reached_the_start_is_refused_in_a_sentence()
    {
        var port = Loopback.FreePort();
        var living = await ActiveAsync(port);
        using var until = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var signing = SignAsync(living, until.Token);
        var refused = await Assert.ThrowsAsync<StartRefusedException>(() => Start(Loopback.FreePort()).StartingAsync(Cancel));
        Assert.Contains($"127.0.0.1:{port}", Assert.Single(refused.Reasons), StringComparison.Ordinal);
        Assert.Equal(SiloStatus.Active, await StatusAsync(living));
        await until.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => signing);
    }

    private ClusterStart Start(int port) =>
        new(new ClusterOptions(_cluster, IPAddress.Loopback, port, 0), _table, TimeProvider.System, NullLogger<ClusterStart>.Instance);

    private async Task<SiloAddress> ActiveAsync(int port)
    {
        var address = SiloAddress.New(new IPEndPoint(IPAddress.Loopback, port), 1);
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        var entry = new MembershipEntry { SiloAddress = address, SiloName = "node", HostName = "host", Status = SiloStatus.Active, StartTime = now, IAmAliveTime = now };
        Assert.True(await _table.InsertRowAsync(entry, (await _table.ReadAllAsync(Cancel)).Version.Next(), Cancel));
        return address;
    }

    private async Task<SiloStatus> StatusAsync(SiloAddress address) => (await _table.ReadRowAsync(address, Cancel)).TryGet(address)!.Item1.Status;

    private async Task SignAsync(SiloAddress address, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(200), TimeProvider.System);
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            await _table.UpdateIAmAliveAsync(new() { SiloAddress = address, IAmAliveTime = TimeProvider.System.GetUtcNow().UtcDateTime }, cancellationToken);
        }
    }
}
