using System.Security.Cryptography.X509Certificates;

namespace Kraliki.Simulators;

/// <summary>Where a simulator is reached: a web server of its own, or a path of one that several share.</summary>
public sealed class SimulatorHost : IAsyncDisposable
{
    private readonly SimulatorServer _server;
    private readonly bool _ownsServer;
    private readonly PathString _path;
    private readonly CancellationTokenSource _stopping;

    private SimulatorHost(SimulatorServer server, bool ownsServer, PathString path)
    {
        _server = server;
        _ownsServer = ownsServer;
        _path = path;
        _stopping = CancellationTokenSource.CreateLinkedTokenSource(server.Stopping);
        Stopping = _stopping.Token;
        BaseUrl = path.HasValue ? new Uri(server.Url, path + "/") : server.Url;
    }

    /// <summary>For example <c>http://127.0.0.1:40123/</c>; on a shared server with the simulator's path and a slash at its end.</summary>
    public Uri BaseUrl { get; }

    /// <inheritdoc cref="SimulatorServer.Certificate"/>
    public X509Certificate2? Certificate => _server.Certificate;

    /// <summary>Fires when the simulator ends, before requests are cut off.</summary>
    public CancellationToken Stopping { get; }

    /// <param name="map">Adds the simulator's routes.</param>
    /// <exception cref="IOException">The port is taken.</exception>
    public static Task<SimulatorHost> StartAsync(SimulatorHostOptions options, Action<IEndpointRouteBuilder> map, CancellationToken cancellationToken) =>
        StartAsync(options, _ => { }, map, cancellationToken);

    /// <param name="change">Changes requests before routing sees them.</param>
    /// <param name="map">Adds the simulator's routes.</param>
    /// <exception cref="IOException">The port is taken.</exception>
    public static async Task<SimulatorHost> StartAsync(
        SimulatorHostOptions options, Action<IApplicationBuilder> change, Action<IEndpointRouteBuilder> map, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(map);

        if (options.Server is not { } shared)
        {
            var own = await SimulatorServer.StartAsync(options, server => server.Add(PathString.Empty, change, map), cancellationToken).ConfigureAwait(false);
            return new SimulatorHost(own, ownsServer: true, PathString.Empty);
        }
        var path = new PathString("/" + options.Name);
        shared.Add(path, change, map);
        return new SimulatorHost(shared, ownsServer: false, path);
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        if (_ownsServer)
            await _server.DisposeAsync().ConfigureAwait(false);
        else
            _server.Remove(_path);
        _stopping.Dispose();
    }
}

/// <param name="Port">0 takes a free one.</param>
/// <param name="Tls">Listens with a self-signed certificate made at start.</param>
/// <param name="LoggerFactory">Null logs nothing.</param>
public sealed record SimulatorHostOptions(int Port = 0, bool Tls = false, ILoggerFactory? LoggerFactory = null)
{
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Runs already and is used together with other simulators; the settings above are its own then. Null: the simulator has one for itself.</summary>
    public SimulatorServer? Server { get; init; }

    /// <summary>The simulator's path on a shared server, one segment.</summary>
    public string Name { get; init; } = "";
}
