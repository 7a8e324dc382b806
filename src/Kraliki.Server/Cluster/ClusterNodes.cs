using System.Runtime.CompilerServices;

namespace Kraliki.Server.Cluster;

/// <summary>The nodes of the cluster as this one sees them. Safe from any thread.</summary>
/// <remarks>
/// A node is named by its life: address, port and when it started, as <see cref="SiloAddress.ToParsableString"/> writes it.
/// After a restart it is another one, so whatever still names the old life belongs to nobody.
/// </remarks>
internal sealed class ClusterNodes(ILocalSiloDetails self, IClusterMembershipService membership)
{
    /// <summary>This life of this node.</summary>
    public string Self { get; } = self.SiloAddress.ToParsableString();

    /// <summary>All nodes that have not been declared dead, this one among them; in the same order on every node.</summary>
    public IReadOnlyList<string> Living => LivingOf(membership.CurrentSnapshot);

    /// <summary>False also for lives that the membership has forgotten by now.</summary>
    public bool IsLiving(string life) => Living.Contains(life);

    /// <summary>
    /// Who lives, at once and after each change. Whatever names a life that is not among them has lost its node: one
    /// question to the database finds it, after a start as well as after a death.
    /// </summary>
    /// <remarks>Never ends by itself. A reader that is slow gets every change, late.</remarks>
    public async IAsyncEnumerable<IReadOnlyList<string>> LivingAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        IReadOnlyList<string> before = [];
        await foreach (var snapshot in membership.MembershipUpdates.WithCancellation(cancellationToken))
        {
            var living = LivingOf(snapshot);
            if (!living.SequenceEqual(before))
            {
                yield return living;
                before = living;
            }
        }
    }

    private static List<string> LivingOf(ClusterMembershipSnapshot snapshot) =>
        [.. snapshot.Members.Values
            .Where(member => member.Status is not (SiloStatus.None or SiloStatus.Dead))
            .Select(member => member.SiloAddress.ToParsableString())
            .Order(StringComparer.Ordinal)];
}
