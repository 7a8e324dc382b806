using Kraliki.Server.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Kraliki.Server.Tests.Hosting;

public sealed class PublicUrlsTests
{
    [Theory]
    [InlineData("http://127.0.0.1:5080", "http://127.0.0.1:5080", "ws://127.0.0.1:5080/ws/x")]
    [InlineData("http://[::]:5080", "http://127.0.0.1:5080", "ws://127.0.0.1:5080/ws/x")]
    [InlineData("http://*:5080", "http://127.0.0.1:5080", "ws://127.0.0.1:5080/ws/x")]
    [InlineData("https://0.0.0.0:5443", "https://127.0.0.1:5443", "wss://127.0.0.1:5443/ws/x")]
    public void Outside_a_request_the_bound_address_counts(string bound, string origin, string socket)
    {
        var urls = Urls(publicUrl: null, bound, request: null);
        Assert.Equal(origin, urls.Origin);
        Assert.Equal(socket, urls.Socket("/ws/x"));
    }

    [Fact]
    public void In_a_request_its_own_host_counts_but_not_for_carriers()
    {
        var http = new DefaultHttpContext();
        http.Request.Scheme = "https";
        http.Request.Host = new HostString("proxy.example");
        var urls = Urls(publicUrl: null, "http://127.0.0.1:5080", http);
        Assert.Equal("wss://proxy.example/ws/x", urls.Socket("/ws/x"));
        Assert.Equal("http://127.0.0.1:5080/telephony", urls.FixedHttp("/telephony"));
    }

    [Fact]
    public void The_configured_address_always_wins()
    {
        var http = new DefaultHttpContext();
        http.Request.Scheme = "http";
        http.Request.Host = new HostString("internal:8080");
        var urls = Urls(new Uri("https://calls.example.org"), "http://127.0.0.1:5080", http);
        Assert.Equal("https://calls.example.org/x", urls.Http("/x"));
        Assert.Equal("wss://calls.example.org/media", urls.FixedSocket("/media"));
    }

    private static PublicUrls Urls(Uri? publicUrl, string bound, HttpContext? request)
    {
        var options = new KralikiOptions(publicUrl, "/data", Demo: true, new(new(null, null, null, null)), new(new(null, null, null)));
        return new(options, new BoundServer(bound), new HttpContextAccessor { HttpContext = request });
    }

    private sealed class BoundServer : IServer
    {
        public BoundServer(string address)
        {
            var addresses = new ServerAddressesFeature();
            addresses.Addresses.Add(address);
            Features.Set<IServerAddressesFeature>(addresses);
        }

        public IFeatureCollection Features { get; } = new FeatureCollection();

        public Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken)
            where TContext : notnull => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public void Dispose()
        {
        }
    }
}
