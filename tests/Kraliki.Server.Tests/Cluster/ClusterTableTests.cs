using System.Net;
using Kraliki.Server.Cluster;
using Kraliki.Server.Data;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using ClusterIdentity = Orleans.Configuration.ClusterOptions;

namespace Kraliki.Server.Tests.Cluster;

/// <summary>What Orleans relies on when it asks the table of members, on a real database.</summary>
public sealed class ClusterTableTests(ServerFixture fixture) : IAsyncLifetime
{
    private static readonly DateTime Now = new(2026, 11, 22, 10, 0, 0, DateTimeKind.Utc);

    private readonly string _cluster = $"test-{Guid.NewGuid()}";
    private ClusterTable _table = null!;
    private int _generation;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _table = Open(_cluster);
        await _table.InitializeMembershipTableAsync(true, Cancel);
    }

    public async ValueTask DisposeAsync() => await _table.DeleteMembershipTableEntriesAsync(_cluster, CancellationToken.None);

    [Fact]
    public async Task A_new_table_is_empty_and_stays_as_it_is_when_it_is_made_again()
    {
        Assert.True(await _table.InsertRowAsync(Node(), (await ReadAsync()).Version.Next(), Cancel));
        await _table.InitializeMembershipTableAsync(true, Cancel);
        var data = await ReadAsync();
        Assert.Equal(1, data.Version.Version);
        Assert.Single(data.Members);

        var other = Open($"other-{_cluster}");
        await other.InitializeMembershipTableAsync(true, Cancel);
        Assert.Empty((await other.ReadAllAsync(Cancel)).Members);
        await other.DeleteMembershipTableEntriesAsync($"other-{_cluster}", Cancel);
    }

    [Fact]
    public async Task A_member_comes_back_as_it_was_written()
    {
        var node = Node();
        node.SuspectTimes = [Tuple.Create(Address(), Now.AddSeconds(1)), Tuple.Create(Address(), Now.AddSeconds(2))];
        Assert.True(await _table.InsertRowAsync(node, (await ReadAsync()).Version.Next(), Cancel));
        Assert.Equal(node.ToFullString(), (await ReadAsync()).TryGet(node.SiloAddress)!.Item1.ToFullString());

        var one = await _table.ReadRowAsync(node.SiloAddress, Cancel);
        Assert.Equal(node.ToFullString(), Assert.Single(one.Members).Item1.ToFullString());
        Assert.Equal(1, one.Version.Version);

        var unknown = await _table.ReadRowAsync(Address(), Cancel);
        Assert.Empty(unknown.Members);
        Assert.Equal(1, unknown.Version.Version);
    }

    [Fact]
    public async Task A_member_is_inserted_once_and_only_into_the_version_that_was_read()
    {
        var empty = await ReadAsync();
        var node = Node();
        Assert.True(await _table.InsertRowAsync(node, empty.Version.Next(), Cancel));
        Assert.False(await _table.InsertRowAsync(node, empty.Version.Next(), Cancel));
        Assert.False(await _table.InsertRowAsync(Node(), empty.Version.Next(), Cancel));

        var read = await ReadAsync();
        Assert.False(await _table.InsertRowAsync(node, read.Version.Next(), Cancel));
        Assert.Equal(read.Version, (await ReadAsync()).Version);
        Assert.Single((await ReadAsync()).Members);
    }

    [Fact]
    public async Task A_member_is_changed_only_in_the_version_and_row_that_were_read()
    {
        var node = Node();
        await _table.InsertRowAsync(node, (await ReadAsync()).Version.Next(), Cancel);
        var read = await ReadAsync();
        var (entry, etag) = read.TryGet(node.SiloAddress)!;
        entry.Status = SiloStatus.Active;
        Assert.False(await _table.UpdateRowAsync(entry, etag, new TableVersion(1, "0"), Cancel));
        Assert.False(await _table.UpdateRowAsync(entry, "7", read.Version.Next(), Cancel));
        Assert.False(await _table.UpdateRowAsync(Node(), etag, read.Version.Next(), Cancel));
        Assert.Equal(read.Version, (await ReadAsync()).Version);

        Assert.True(await _table.UpdateRowAsync(entry, etag, read.Version.Next(), Cancel));
        Assert.False(await _table.UpdateRowAsync(entry, etag, read.Version.Next(), Cancel));
        var changed = await ReadAsync();
        Assert.Equal(2, changed.Version.Version);
        Assert.NotEqual(read.Version.VersionEtag, changed.Version.VersionEtag);
        Assert.NotEqual(etag, changed.TryGet(node.SiloAddress)!.Item2);
        Assert.Equal(SiloStatus.Active, changed.TryGet(node.SiloAddress)!.Item1.Status);
    }

    [Fact]
    public async Task Of_many_who_insert_at_once_one_succeeds_and_many_who_change_all_do_in_turn()
    {
        var node = Node();
        var next = (await ReadAsync()).Version.Next();
        var inserted = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => _table.InsertRowAsync(node, next, Cancel)));
        Assert.Single(inserted, done => done);

        await Task.WhenAll(Enumerable.Range(0, 19).Select(async _ =>
        {
            for (var done = false; !done;)
            {
                var read = await ReadAsync();
                var (entry, etag) = read.TryGet(node.SiloAddress)!;
                done = await _table.UpdateRowAsync(entry, etag, read.Version.Next(), Cancel);
            }
        }));
        Assert.Equal(20, (await ReadAsync()).Version.Version);
    }

    [Fact]
    public async Task A_sign_of_life_changes_nothing_else_and_does_not_disturb_a_change()
    {
        var node = Node();
        await _table.InsertRowAsync(node, (await ReadAsync()).Version.Next(), Cancel);
        var read = await ReadAsync();
        await _table.UpdateIAmAliveAsync(new() { SiloAddress = node.SiloAddress, IAmAliveTime = Now.AddSeconds(5) }, Cancel);

        var signed = await ReadAsync();
        Assert.Equal(read.Version, signed.Version);
        var entry = signed.TryGet(node.SiloAddress)!.Item1;
        Assert.Equal(Now.AddSeconds(5), entry.IAmAliveTime);
        Assert.Equal(node.Status, entry.Status);
        Assert.True(await _table.UpdateRowAsync(entry, read.TryGet(node.SiloAddress)!.Item2, read.Version.Next(), Cancel));
    }

    [Fact]
    public async Task Old_rows_are_removed_unless_their_node_is_active()
    {
        foreach (var status in Enum.GetValues<SiloStatus>())
        {
            var old = Node();
            old.StartTime = old.IAmAliveTime = Now.AddDays(-10);
            old.Status = status;
            Assert.True(await _table.InsertRowAsync(old, (await ReadAsync()).Version.Next(), Cancel));
        }

        var young = Node();
        young.Status = SiloStatus.Dead;
        Assert.True(await _table.InsertRowAsync(young, (await ReadAsync()).Version.Next(), Cancel));

        await _table.CleanupDefunctSiloEntriesAsync(Now.AddDays(-7), Cancel);
        Assert.Equal([SiloStatus.Active, SiloStatus.Dead], (await ReadAsync()).Members.Select(member => member.Item1.Status).Order());
    }

    private ClusterTable Open(string cluster) =>
        new(fixture.Server.Services.GetRequiredService<KralikiDbFactory>(), Options.Create(new ClusterIdentity { ClusterId = cluster }));

    private Task<MembershipTableData> ReadAsync() => _table.ReadAllAsync(Cancel);

    private MembershipEntry Node() => new()
    {
        SiloAddress = Address(),
        HostName = "host",
        SiloName = "node",
        Status = SiloStatus.Joining,
        ProxyPort = 7,
        StartTime = Now,
        IAmAliveTime = Now,
        SuspectTimes = [],
    };

    private SiloAddress Address() => SiloAddress.New(new IPEndPoint(IPAddress.Loopback, 11111), ++_generation);
}
