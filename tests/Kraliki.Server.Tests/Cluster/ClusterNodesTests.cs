using Kraliki.Server.Cluster;
using Microsoft.Extensions.DependencyInjection;

namespace Kraliki.Server.Tests.Cluster;

/// <summary>Which lives of nodes are over.</summary>
public sealed class ClusterNodesTests(ServerFixture fixture)
{
    [Fact]
    public async Task A_node_alone_lives_and_its_earlier_life_does_not()
    {
        var nodes = fixture.Server.Services.GetRequiredService<ClusterNodes>();
        Assert.Equal([nodes.Self], nodes.Living);
        Assert.Equal([nodes.Self], await nodes.LivingAsync(TestContext.Current.CancellationToken).FirstAsync(TestContext.Current.CancellationToken));
        Assert.True(nodes.IsLiving(nodes.Self));
        var earlier = Orleans.Runtime.SiloAddress.New(Orleans.Runtime.SiloAddress.FromParsableString(nodes.Self).Endpoint, 1).ToParsableString();
        Assert.False(nodes.IsLiving(earlier));
    }
}
