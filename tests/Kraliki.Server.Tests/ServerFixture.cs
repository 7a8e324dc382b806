using Kraliki.Server.Tests;

[assembly: AssemblyFixture(typeof(ServerFixture))]

namespace Kraliki.Server.Tests;

/// <summary>One server with default settings that every test shares which does not change settings or time.</summary>
public sealed class ServerFixture : IAsyncLifetime
{
    public RunningServer Server { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Server = await RunningServer.StartAsync(CancellationToken.None);

    public ValueTask DisposeAsync() => Server.DisposeAsync();
}
