using System.Net;
using System.Net.Sockets;
using Kraliki.Server.Hosting;
using Kraliki.Server.Telephony;
using Orleans.Configuration;

namespace Kraliki.Server.Cluster;

internal static class ClusterSetup
{
    /// <summary>What a cluster needs before its silo starts.</summary>
    public static void AddCluster(this IServiceCollection services, KralikiOptions options)
    {
        services.AddSingleton<ClusterNodes>();
        services.AddSingleton<NodeExit>();
        services.AddHostedService<Drain>();
        if (options.Cluster is { } cluster)
        {
            services.AddSingleton(cluster);
            services.AddSingleton<IMembershipTable, ClusterTable>();
            services.AddSingleton<IFatalErrorHandler, EvictedNode>();
            services.AddHostedService<ClusterStart>();

            // The drain comes out of it, and after that everything else has still to stop.
            services.Configure<HostOptions>(host => host.ShutdownTimeout = options.Drain + TimeSpan.FromSeconds(30));
        }
    }

    /// <summary>While the node drains, what would begin here is left to the others: a proxy asks the next one after this answer (deploy/nginx.conf).</summary>
    public static void UseNodeExit(this WebApplication app)
    {
        var exit = app.Services.GetRequiredService<NodeExit>();
        app.Use((http, next) => exit.Draining.IsCancellationRequested && Begins(http.Request.Path) ? LeaveToOthersAsync(http) : next(http));
    }

    /// <summary>Where this silo listens and whom it belongs to.</summary>
    public static void ConfigureMembership(this ISiloBuilder silo, ClusterOptions? cluster)
    {
        if (cluster is null)
        {
            // One node: membership lives in this process, and nobody connects from outside, so there is no gateway.
            silo.UseLocalhostClustering(siloPort: FreePort(), gatewayPort: 0);
            return;
        }

        silo.ConfigureEndpoints(cluster.Address, cluster.SiloPort, cluster.GatewayPort);
        silo.Configure<Orleans.Configuration.ClusterOptions>(identity =>
        {
            identity.ClusterId = cluster.Id;
            identity.ServiceId = "kraliki";
        });

        // A dead node is found after about 3 × 700 ms. The probe's time-out is capped because it would grow with the
        // answers of a busy machine, and a frozen node would be noticed four times as late. Against false alarms there
        // are three things: any message of the other counts as a sign of life, the last of the three probes goes through
        // a third node, and both must agree. Measured in docs/adr/0019.
        silo.Configure<ClusterMembershipOptions>(membership =>
        {
            membership.ProbeTimeout = membership.MinProbeTimeout = membership.MaxProbeTimeout = TimeSpan.FromMilliseconds(700);
            membership.NumMissedProbesLimit = 3;
            membership.NumVotesForDeathDeclaration = 2;
            membership.ExtendProbeTimeoutDuringDegradation = false;

            // A frozen node that comes back learns from the table that it was declared dead.
            membership.TableRefreshTimeout = TimeSpan.FromSeconds(2);
            membership.IAmAliveTablePublishTimeout = ClusterStart.SignInterval;

            // Who has not signed for so long has no say: when two of three nodes die at once, the third decides alone.
            membership.NumMissedTableIAmAliveLimit = 3;
            membership.MaxJoinAttemptTime = TimeSpan.FromSeconds(20);
            membership.DefunctSiloExpiration = TimeSpan.FromHours(1);
            membership.DefunctSiloCleanupPeriod = TimeSpan.FromMinutes(5);
        });
        silo.Configure<ConnectionOptions>(connections =>
        {
            connections.OpenConnectionTimeout = TimeSpan.FromSeconds(1);
            connections.ConnectionRetryDelay = TimeSpan.FromMilliseconds(200);
        });
    }

    private static bool Begins(PathString path) =>
        path.StartsWithSegments(TwilioApi.VoicePath)
        || path.StartsWithSegments(TwilioApi.AfterStreamPath)
        || path.StartsWithSegments(MediaCalls.Path)
        || path.StartsWithSegments("/ws");

    private static Task LeaveToOthersAsync(HttpContext http)
    {
        http.Response.Headers.RetryAfter = "1";
        return Problems.WriteAsync(http, StatusCodes.Status503ServiceUnavailable, "server_stopping", "This server is about to stop and begins nothing new; another one answers.");
    }

    /// <summary>Orleans wants to know its port before it opens it. Between the look and the opening another process could take it; then the start fails with a clear message.</summary>
    private static int FreePort()
    {
        using var probe = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        probe.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)probe.LocalEndPoint!).Port;
    }
}
