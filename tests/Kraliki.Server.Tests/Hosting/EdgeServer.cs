using System.Net;
using System.Net.Sockets;
using Kraliki.Server.Data;
using Kraliki.Server.Operations;
using Kraliki.Server.Tests.Telephony;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Kraliki.Server.Tests.Hosting;

/// <summary>A server with tight limits, one proxy that it believes and one foreign page that it knows. Loopback has many addresses: each test comes from its own.</summary>
public sealed class EdgeServer : IAsyncLifetime
{
    public const string Proxy = "127.0.0.9";
    public const string KnownPage = "https://crm.example.org";
    public const int PerMinute = 3;

    /// <summary>A fifth of the count may come at once.</summary>
    public const int UserAtOnce = 4;

    public RunningServer Server { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Server = await RunningServer.StartAsync(CancellationToken.None, new ServerSetup(Settings: new Dictionary<string, string>(TestCarrier.Settings)
    {
        ["Kraliki:Proxies"] = Proxy,
        ["Kraliki:Hosts"] = "calls.example.org",
        ["Kraliki:Cors:Origins:0"] = KnownPage,
        ["Kraliki:Limits:UserPerMinute"] = $"{UserAtOnce * 5}",
        ["Kraliki:Limits:AddressPerMinute"] = $"{PerMinute}",
        ["Kraliki:Limits:SignInPerMinute"] = $"{PerMinute}",
        ["Kraliki:Limits:WebhooksPerMinute"] = $"{PerMinute}",
    }));

    /// <summary>A client whose connections come from this address of the machine.</summary>
    public HttpClient From(string address) => new(new SocketsHttpHandler
    {
        UseCookies = false,
        AllowAutoRedirect = false,
        ConnectCallback = async (context, cancellationToken) =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(IPAddress.Parse(address), 0));
            await socket.ConnectAsync(context.DnsEndPoint.Host, context.DnsEndPoint.Port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        },
    })
    { BaseAddress = Server.Url };

    public async Task<List<AuditEntry>> AuditOfAsync(string requestId, CancellationToken cancellationToken)
    {
        await using var db = Server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem();
        return await db.Set<AuditEntry>().AsNoTracking().Where(entry => entry.RequestId == requestId).ToListAsync(cancellationToken);
    }

    public ValueTask DisposeAsync() => Server.DisposeAsync();
}
