using System.Text;
using Kraliki.Server.Data;
using Kraliki.Server.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace Kraliki.Server.Tests.Identity;

public sealed class LoginDelaysTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new(DateTimeOffset.Parse("2026-11-22T12:00:00Z"));
    private readonly string _data = Directory.CreateTempSubdirectory("kraliki-test-").FullName;
    private RunningServer _server = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private LoginDelays Delays => _server.Services.GetRequiredService<LoginDelays>();

    public async ValueTask InitializeAsync() => await RestartAsync();

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(_data, recursive: true);
    }

    [Fact]
    public async Task One_guesser_waits_longer_each_time_and_up_to_a_minute()
    {
        await FailAsync(3, "ada@a.example", "192.0.2.1");
        foreach (var seconds in new[] { 1, 2, 4, 8, 16, 32, 60, 60 })
        {
            Assert.Equal(TimeSpan.FromSeconds(seconds), await Delays.RemainingAsync("ada@a.example", "192.0.2.1", Cancel));
            _time.Advance(TimeSpan.FromSeconds(seconds));
            Assert.Equal(TimeSpan.Zero, await Delays.RemainingAsync("ada@a.example", "192.0.2.1", Cancel));
            await FailAsync(1, "ada@a.example", "192.0.2.1");
        }

        Assert.Equal(TimeSpan.Zero, await Delays.RemainingAsync("ada@a.example", "192.0.2.2", Cancel));
        Assert.Equal(TimeSpan.Zero, await Delays.RemainingAsync("bob@a.example", "192.0.2.1", Cancel));
    }

    [Fact]
    public async Task A_guesser_with_many_addresses_is_held_by_the_account()
    {
        for (var i = 0; i < 19; i++)
        {
            await FailAsync(1, "ada@a.example", $"192.0.2.{i}");
        }

        Assert.Equal(TimeSpan.Zero, await Delays.RemainingAsync("ada@a.example", "198.51.100.1", Cancel));
        await FailAsync(15, "ada@a.example", "192.0.2.200");
        Assert.Equal(TimeSpan.FromMinutes(15), await Delays.RemainingAsync("ada@a.example", "198.51.100.1", Cancel));
        Assert.Equal(TimeSpan.Zero, await Delays.RemainingAsync("bob@a.example", "198.51.100.1", Cancel));

        _time.Advance(TimeSpan.FromMinutes(15));
        Assert.Equal(TimeSpan.Zero, await Delays.RemainingAsync("ada@a.example", "198.51.100.1", Cancel));
        await Delays.SucceededAsync("ada@a.example", "198.51.100.1", Cancel);
        await FailAsync(1, "ada@a.example", "198.51.100.1");
        Assert.Equal(TimeSpan.Zero, await Delays.RemainingAsync("ada@a.example", "198.51.100.1", Cancel));
    }

    [Fact]
    public async Task One_password_on_many_accounts_is_held_by_the_address()
    {
        for (var i = 0; i < 52; i++)
        {
            await FailAsync(1, $"person{i}@a.example", "192.0.2.1");
        }

        Assert.Equal(TimeSpan.FromSeconds(4), await Delays.RemainingAsync("somebody@a.example", "192.0.2.1", Cancel));

        // A failure a minute is forgotten: an office makes typing errors all day long.
        _time.Advance(TimeSpan.FromMinutes(3));
        await FailAsync(1, "somebody@a.example", "192.0.2.1");
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(TimeSpan.Zero, await Delays.RemainingAsync("somebody@a.example", "192.0.2.1", Cancel));
    }

    [Fact]
    public async Task A_restart_forgives_nothing_and_time_does()
    {
        await FailAsync(6, "ada@a.example", "192.0.2.1");
        await RestartAsync();
        Assert.Equal(TimeSpan.FromSeconds(8), await Delays.RemainingAsync("ada@a.example", "192.0.2.1", Cancel));

        _time.Advance(TimeSpan.FromMinutes(30));
        await FailAsync(2, "ada@a.example", "192.0.2.1");
        Assert.Equal(TimeSpan.Zero, await Delays.RemainingAsync("ada@a.example", "192.0.2.1", Cancel));
    }

    [Fact]
    public async Task No_failure_is_lost_when_many_happen_at_once()
    {
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => FailAsync(1, "ada@a.example", "192.0.2.1")));
        Assert.Equal(TimeSpan.FromSeconds(32), await Delays.RemainingAsync("ada@a.example", "192.0.2.1", Cancel));
    }

    [Fact]
    public async Task What_people_typed_is_not_in_the_database()
    {
        await FailAsync(1, "my secret password", "192.0.2.1");
        await using var db = _server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem();
        var rows = await db.Set<LoginFailures>().ToListAsync(Cancel);
        Assert.Equal(3, rows.Count);
        Assert.All(rows, row => Assert.DoesNotContain("secret", Encoding.Latin1.GetString(row.Id)));
    }

    private async Task FailAsync(int times, string email, string address)
    {
        for (var i = 0; i < times; i++)
        {
            await Delays.FailedAsync(email, address, Cancel);
        }
    }

    private async Task RestartAsync()
    {
        if (_server is not null)
        {
            await _server.DisposeAsync();
        }

        _server = await RunningServer.StartAsync(Cancel, new ServerSetup(_data, Time: _time));
    }
}
