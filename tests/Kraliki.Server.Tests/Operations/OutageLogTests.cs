using System.Diagnostics;
using System.Net;
using Kraliki.Server.Sessions;
using Kraliki.Server.Sessions.Journal;
using Kraliki.Server.Tests.Sessions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Kraliki.Server.Tests.Operations;

/// <summary>What an outage of the database leaves in the log: a sentence or two, not one per request and round.</summary>
public sealed class OutageLogTests
{
    private readonly DatabaseDoor _door = new();
    private readonly ScopedLines _lines = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_comes_round_every_few_seconds_tells_an_outage_once()
    {
        await using var server = await StartAsync(new() { MicrophoneSweep = TimeSpan.FromMilliseconds(50) });

        _door.Refuse();
        using var look = new PeriodicTimer(TimeSpan.FromMilliseconds(20), TimeProvider.System);
        for (var began = Stopwatch.GetTimestamp(); server.Get<DatabaseWatch>().Lasting < TimeSpan.FromSeconds(1); await look.WaitForNextTickAsync(Cancel))
        {
            Assert.True(Stopwatch.GetElapsedTime(began) < SessionServer.Patience, "the outage was not noticed");
        }

        _door.Open();
        Assert.Single(_lines.Lines, line => line.Text.StartsWith("Microphones could not be looked after", StringComparison.Ordinal));
    }

    [Fact]
    public async Task What_goes_wrong_in_the_check_of_a_token_is_told_by_the_edge_alone()
    {
        await using var server = await StartAsync(new());
        using var client = await server.Host.SignInAsync(Cancel);

        // What a connection that broke under a query reports instead of the cause.
        _door.Refuse(() => new InvalidOperationException("The connection is broken."));
        using var answer = await client.GetAsync("api/v1/auth/me", Cancel);
        _door.Open();

        Assert.Equal(HttpStatusCode.InternalServerError, answer.StatusCode);
        Assert.DoesNotContain(_lines.Lines, line => line.Category.Contains("JwtBearer", StringComparison.Ordinal));
        Assert.Single(_lines.Lines, line => line.Category.Contains("ExceptionHandler", StringComparison.Ordinal));
    }

    private Task<SessionServer> StartAsync(SessionLimits limits) => SessionServer.StartAsync(Cancel, limits: limits, settings: RunningServer.Silent, change: services =>
    {
        _door.Install(services);
        services.AddSingleton<ILoggerProvider>(_lines);
    });
}
