using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Kraliki.Simulators;

/// <summary>
/// A web server on 127.0.0.1, of one simulator or shared by several, each under a path of its own
/// (<see cref="SimulatorHostOptions.Server"/>). It reads no configuration and listens to no signals: its owner decides when it ends.
/// </summary>
/// <remarks>
/// Control routes live under <c>/_control</c> of a simulator's path, so that they cannot meet a path of the simulated service.
/// JSON bodies of minimal API routes are snake_case (<see cref="ControlJson"/>). Safe from any thread.
/// </remarks>
public sealed class SimulatorServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<PathString, RequestDelegate> _simulators = new();

    private SimulatorServer(WebApplication app, X509Certificate2? certificate)
    {
        _app = app;
        Certificate = certificate;
    }

    /// <summary>For example <c>http://127.0.0.1:40123/</c>.</summary>
    public Uri Url => new(_app.Urls.Single());

    /// <summary>The self-signed certificate made at start; null without TLS. A client must be told to trust it.</summary>
    public X509Certificate2? Certificate { get; }

    /// <summary>Fires when the server begins to stop, before requests are cut off.</summary>
    public CancellationToken Stopping => _app.Lifetime.ApplicationStopping;

    /// <summary>Starts to listen. Web sockets are enabled; no ping is ever sent unless a simulator sends one itself.</summary>
    /// <exception cref="IOException">The port is taken.</exception>
    public static Task<SimulatorServer> StartAsync(SimulatorHostOptions options, CancellationToken cancellationToken) =>
        StartAsync(options, _ => { }, cancellationToken);

    /// <param name="prepare">Adds whom nobody must miss from the first request on.</param>
    internal static async Task<SimulatorServer> StartAsync(SimulatorHostOptions options, Action<SimulatorServer> prepare, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);

        var certificate = options.Tls ? CreateCertificate(options.TimeProvider) : null;
        // The empty builder: nothing of the surrounding process (ASPNETCORE_URLS, appsettings.json) may leak in.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddRoutingCore();
        builder.Services.ConfigureHttpJsonOptions(json => ControlJson.Configure(json.SerializerOptions));
        builder.Services.Configure<RouteHandlerOptions>(routes => routes.ThrowOnBadRequest = true);
        builder.Services.RemoveAll<IHostLifetime>();
        builder.Services.AddSingleton<IHostLifetime, OwnedLifetime>();
        if (options.LoggerFactory is { } loggers)
            builder.Services.AddSingleton(loggers);
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Listen(IPAddress.Loopback, options.Port, listen =>
            {
                listen.Protocols = HttpProtocols.Http1;
                if (certificate is not null)
                    listen.UseHttps(certificate);
            });
        });

        var server = new SimulatorServer(builder.Build(), certificate);
        try
        {
            server._app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = Timeout.InfiniteTimeSpan });
            server._app.Use(ExplainBadRequestAsync);
            server._app.Run(server.AnswerAsync);
            prepare(server);
            await server._app.StartAsync(cancellationToken).ConfigureAwait(false);
            return server;
        }
        catch
        {
            await server._app.DisposeAsync().ConfigureAwait(false);
            certificate?.Dispose();
            throw;
        }
    }

    /// <summary>Gives a simulator its path, at any time.</summary>
    /// <param name="path">Empty, or a segment: everything under it is the simulator's.</param>
    /// <param name="change">Changes requests before routing sees them.</param>
    /// <param name="map">Adds the simulator's routes, without <paramref name="path"/>.</param>
    internal void Add(PathString path, Action<IApplicationBuilder> change, Action<IEndpointRouteBuilder> map)
    {
        var pipeline = new ApplicationBuilder(_app.Services);
        change(pipeline);
        pipeline.UseRouting();
        pipeline.UseEndpoints(map);
        if (!_simulators.TryAdd(path, pipeline.Build()))
            throw new InvalidOperationException($"There is a simulator at \"{path}\" already.");
    }

    internal void Remove(PathString path) => _simulators.TryRemove(path, out _);

    public async ValueTask DisposeAsync()
    {
        // Sockets of simulated sessions may be left open by a test on purpose: do not wait for them.
        using var atOnce = new CancellationTokenSource();
        await atOnce.CancelAsync().ConfigureAwait(false);
        await _app.StopAsync(atOnce.Token).ConfigureAwait(false);
        await _app.DisposeAsync().ConfigureAwait(false);
        Certificate?.Dispose();
    }

    private Task AnswerAsync(HttpContext context)
    {
        foreach (var (path, simulator) in _simulators)
        {
            if (context.Request.Path.StartsWithSegments(path, out var matched, out var rest))
            {
                context.Request.PathBase += matched;
                context.Request.Path = rest;
                return simulator(context);
            }
        }
        context.Response.StatusCode = StatusCodes.Status404NotFound;
        return Task.CompletedTask;
    }

    private static async Task ExplainBadRequestAsync(HttpContext context, RequestDelegate next)
    {
        try
        {
            await next(context).ConfigureAwait(false);
        }
        catch (Microsoft.AspNetCore.Http.BadHttpRequestException wrong) when (!context.Response.HasStarted)
        {
            context.Response.StatusCode = wrong.StatusCode;
            await context.Response.WriteAsJsonAsync(
                new { error = wrong.InnerException?.Message ?? wrong.Message }, ControlJson.Options, context.RequestAborted).ConfigureAwait(false);
        }
    }

    private static X509Certificate2 CreateCertificate(TimeProvider time)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=Kraliki simulator", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        var now = time.GetUtcNow();
        return request.CreateSelfSigned(now.AddDays(-1), now.AddDays(30));
    }

    private sealed class OwnedLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
