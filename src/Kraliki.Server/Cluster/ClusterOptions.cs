using System.Globalization;
using System.Net;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;

namespace Kraliki.Server.Cluster;

/// <summary>Settings under <c>Kraliki:Cluster</c>; absent as a whole in an installation of one node.</summary>
/// <param name="Id">The same on all nodes of one installation.</param>
/// <param name="Address">Where the other nodes reach this one.</param>
/// <param name="SiloPort">Between nodes; never open to anybody else.</param>
/// <param name="GatewayPort">For clients of the cluster that are no nodes; 0 opens none.</param>
public sealed record ClusterOptions(string Id, IPAddress Address, int SiloPort, int GatewayPort)
{
    /// <summary>How long a node that was asked to stop may take to hand its calls over.</summary>
    public static readonly TimeSpan DefaultDrain = TimeSpan.FromSeconds(30);

    private const int DefaultSiloPort = 11111;

    internal static ClusterOptions? Read(ConfigurationReader reader, DatabaseOptions database)
    {
        var id = reader.Text("Cluster:Id");
        var addressText = reader.Text("Cluster:Address");
        var silo = reader.Number("Cluster:SiloPort", 1, 65535);
        var gateway = reader.Number("Cluster:GatewayPort", 0, 65535);
        if (id is null)
        {
            if (addressText is not null || silo is not null || gateway is not null)
            {
                reader.Complain("Cluster:Id", "", "must be set together with the other settings of Cluster, and be the same on every node");
            }

            return null;
        }

        if (database.Provider != DatabaseProvider.PostgreSql)
        {
            reader.Complain("Database:Provider", database.Provider.ToString().ToLowerInvariant(), "must be postgresql when Cluster:Id is set: the nodes of a cluster share one database");
        }

        if (!IPAddress.TryParse(addressText ?? "127.0.0.1", out var address))
        {
            reader.Complain("Cluster:Address", addressText!, "must be the IP address at which the other nodes reach this one");
        }
        else if (address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any))
        {
            reader.Complain("Cluster:Address", addressText!, "must be one address at which the other nodes reach this one: they are told it");
        }

        if (gateway is not null and not 0 && gateway == (silo ?? DefaultSiloPort))
        {
            reader.Complain("Cluster:GatewayPort", gateway.Value.ToString(CultureInfo.InvariantCulture), "must be another port than Cluster:SiloPort");
        }

        return new(id, address ?? IPAddress.Loopback, silo ?? DefaultSiloPort, gateway ?? 0);
    }
}
