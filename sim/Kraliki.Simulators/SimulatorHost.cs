using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Kraliki.Simulators;

/// <summary>A web server of its own on 127.0.0.1 for one simulator. It reads no configuration and listens to no signals: its owner decides when it ends.</summary>
/// <remarks>
/// Control routes live under <c>/_control</c>, so that they cannot meet a path of the simulated service. JSON bodies of
/// minimal API routes are snake_case (<see cref="ControlJson"/>).
/// </remarks>
public sealed class SimulatorHost : IAsyncDisposable
{
    private readonly WebApplication _app;

    private SimulatorHost(WebApplication app, Uri baseUrl, X509Certificate2? certificate)
    {
        _app = app;
        BaseUrl = baseUrl;
        Certificate = certificate;
    }

    /// <summary>For example <c>http://127.0.0.1:40123</c>; without a path.</summary>
    public Uri BaseUrl { get; }

    /// <summary>The self-signed certificate made at start; null without TLS. A client must be told to trust it.</summary>
    public X509Certificate2? Certificate { get; }

    /// <summary>Fires when the host begins to stop, before requests are cut off.</summary>
    public CancellationToken Stopping => _app.Lifetime.ApplicationStopping;

    /// <summary>Starts to listen. Web sockets are enabled; no ping is ever sent unless the simulator sends one itself.</summary>
    /// <param name="map">Adds the simulator's routes.</param>
    /// <exception cref="IOException">The port is taken.</exception>
    public static async Task<SimulatorHost> StartAsync(
        SimulatorHostOptions options, Action<WebApplication> map, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(map);

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

        var app = builder.Build();
        try
        {
            app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = Timeout.InfiniteTimeSpan });
            app.Use(ExplainBadRequestAsync);
            map(app);
            await app.StartAsync(cancellationToken).ConfigureAwait(false);
            return new SimulatorHost(app, new Uri(app.Urls.Single()), certificate);
        }
        catch
        {
            await app.DisposeAsync().ConfigureAwait(false);
            certificate?.Dispose();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        // Sockets of simulated sessions may be left open by a test on purpose: do not wait for them.
        using var atOnce = new CancellationTokenSource();
        await atOnce.CancelAsync().ConfigureAwait(false);
        await _app.StopAsync(atOnce.Token).ConfigureAwait(false);
        await _app.DisposeAsync().ConfigureAwait(false);
        Certificate?.Dispose();
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

/// <param name="Port">0 takes a free one.</param>
/// <param name="Tls">Listens with a self-signed certificate made at start.</param>
/// <param name="LoggerFactory">Null logs nothing.</param>
public sealed record SimulatorHostOptions(int Port = 0, bool Tls = false, ILoggerFactory? LoggerFactory = null)
{
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;
}
