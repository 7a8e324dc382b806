using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Kraliki.Server.Cluster;

/// <summary>One version of who belongs to a cluster: each change of a member counts it up, and whoever changes must have read the newest.</summary>
internal sealed class ClusterViewRow
{
    public required string ClusterId { get; init; }

    public required int Version { get; init; }

    public List<ClusterNodeRow> Members { get; init; } = [];
}

/// <summary>One life of one node.</summary>
internal sealed class ClusterNodeRow
{
    public required string ClusterId { get; init; }

    /// <summary>Address, port and start, as <see cref="SiloAddress.ToParsableString"/> writes it.</summary>
    public required string Life { get; init; }

    public required SiloStatus Status { get; init; }

    /// <summary>The version of the view that changed this row last.</summary>
    public required int ChangedIn { get; init; }

    public required string Name { get; init; }

    public required string Host { get; init; }

    /// <summary>0: it takes no clients that are no nodes.</summary>
    public required int GatewayPort { get; init; }

    /// <summary>Who found it unreachable, and when.</summary>
    public required List<Suspicion> Suspicions { get; init; }

    /// <summary>By the node's own clock, as all times here.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    public required DateTimeOffset AliveAt { get; init; }
}

internal sealed record Suspicion(string By, DateTimeOffset At);

internal sealed class ClusterViewRowTable : IEntityTypeConfiguration<ClusterViewRow>
{
    public void Configure(EntityTypeBuilder<ClusterViewRow> builder)
    {
        builder.ToTable("cluster_views");
        builder.HasKey(view => view.ClusterId);
        builder.HasMany(view => view.Members).WithOne().HasForeignKey(member => member.ClusterId).OnDelete(DeleteBehavior.Cascade);
    }
}

internal sealed class ClusterNodeRowTable : IEntityTypeConfiguration<ClusterNodeRow>
{
    public void Configure(EntityTypeBuilder<ClusterNodeRow> builder)
    {
        builder.ToTable("cluster_members");
        builder.HasKey(member => new { member.ClusterId, member.Life });
        builder.Property(member => member.Suspicions).HasConversion(
            list => JsonSerializer.Serialize(list, JsonSerializerOptions.Default),
            json => JsonSerializer.Deserialize<List<Suspicion>>(json, JsonSerializerOptions.Default)!,
            new ValueComparer<List<Suspicion>>((a, b) => ReferenceEquals(a, b), list => list.Count));
    }
}
