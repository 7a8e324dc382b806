using System.Net;
using System.Net.Sockets;
using Kraliki.Server.Hosting;

namespace Kraliki.Server.Cluster;

/// <summary>Before this node joins: what the membership still holds of nodes that were all killed at once is cleared away, and a node that cannot reach a living one says so.</summary>
/// <remarks>
/// Orleans lets nobody join who cannot reach every active member, for five minutes: of a cluster that was killed as a whole
/// no node could start while another stays away. Who is unreachable and does not sign its row any more is dead, and is
/// declared so here; who does sign lives, and then the network between the two is broken.
/// </remarks>
internal sealed partial class ClusterStart(
    ClusterOptions options, IMembershipTable table, TimeProvider time, ILogger<ClusterStart> log) : IHostedLifecycleService
{
    /// <summary>How often a node signs its row.</summary>
    public static readonly TimeSpan SignInterval = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan Reachable = TimeSpan.FromSeconds(1);

    /// <exception cref="StartRefusedException">A living node cannot be reached from here.</exception>
    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        await table.InitializeMembershipTableAsync(tryInitTableVersion: true, cancellationToken);
        var unreachable = await UnreachableAsync(await OthersAsync(cancellationToken), cancellationToken);
        if (unreachable.Count == 0)
        {
            return;
        }

        // Twice the interval: one signature may come late on a busy machine.
        await Task.Delay(SignInterval * 2, time, cancellationToken);
        foreach (var (entry, etag) in await OthersAsync(cancellationToken))
        {
            if (unreachable.FirstOrDefault(member => member.SiloAddress.Equals(entry.SiloAddress)) is not { } before)
            {
                continue;
            }

            if (entry.IAmAliveTime > before.IAmAliveTime)
            {
                throw new StartRefusedException(
                    $"The node at {entry.SiloAddress.Endpoint} of the cluster \"{options.Id}\" is running but cannot be reached from here: "
                    + "check Kraliki:Cluster:Address and Kraliki:Cluster:SiloPort of that node, and that a firewall lets the nodes through to each other.");
            }

            await DeclareDeadAsync(entry, cancellationToken);
        }
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Active members, as Orleans would want to reach them. An earlier life of this node is none: nobody else can listen at our address, and Orleans clears it by itself.</summary>
    private async Task<IReadOnlyList<Tuple<MembershipEntry, string>>> OthersAsync(CancellationToken cancellationToken)
    {
        var own = new IPEndPoint(options.Address, options.SiloPort);
        return [.. (await table.ReadAllAsync(cancellationToken)).Members.Where(member => member.Item1.Status == SiloStatus.Active && !member.Item1.SiloAddress.Endpoint.Equals(own))];
    }

    private async Task<List<MembershipEntry>> UnreachableAsync(IReadOnlyList<Tuple<MembershipEntry, string>> members, CancellationToken cancellationToken)
    {
        var answers = await Task.WhenAll(members.Select(member => AnswersAsync(member.Item1.SiloAddress.Endpoint, cancellationToken)));
        return [.. members.Zip(answers).Where(pair => !pair.Second).Select(pair => pair.First.Item1)];
    }

    private async Task<bool> AnswersAsync(IPEndPoint endpoint, CancellationToken cancellationToken)
    {
        using var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        using var patience = new CancellationTokenSource(Reachable, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        try
        {
            await socket.ConnectAsync(endpoint, either.Token);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    /// <summary>Again until it holds: nodes that start together clear the same rows and refuse each other's versions.</summary>
    private async Task DeclareDeadAsync(MembershipEntry ghost, CancellationToken cancellationToken)
    {
        while (true)
        {
            var now = await table.ReadRowAsync(ghost.SiloAddress, cancellationToken);
            if (now.TryGet(ghost.SiloAddress) is not (var entry, var etag) || entry.Status == SiloStatus.Dead)
            {
                return;
            }

            entry.Status = SiloStatus.Dead;
            if (await table.UpdateRowAsync(entry, etag, now.Version.Next(), cancellationToken))
            {
                LogGhost(entry.SiloAddress.Endpoint, entry.IAmAliveTime);
                return;
            }
        }
    }
}
