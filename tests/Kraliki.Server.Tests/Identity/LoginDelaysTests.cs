using System.Diagnostics.Metrics;
using System.Net;
using System.Text;
using Kraliki.Server.Data;
using Kraliki.Server.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.Metrics.Testing;
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
        for (var i = 0; i < 15; i++)
        {
            await FailAsync(1, "ada@a.example", $"192.0.2.{100 + i}");
        }

        Assert.Equal(TimeSpan.FromMinutes(15), await Delays.RemainingAsync("ada@a.example", "198.51.100.1", Cancel));
        Assert.Equal(TimeSpan.Zero, await Delays.RemainingAsync("bob@a.example", "198.51.100.1", Cancel));

        _time.Advance(TimeSpan.FromMinutes(15));
        Assert.Equal(TimeSpan.Zero, await Delays.RemainingAsync("ada@a.example", "198.51.100.1", Cancel));
        await Delays.SucceededAsync("ada@a.example", "198.51.100.1", Cancel);
        await FailAsync(1, "ada@a.example", "198.51.100.1");
        Assert.Equal(TimeSpan.Zero, await Delays.RemainingAsync("ada@a.example", "198.51.100.1", Cancel));
    }

    [Fact]
    public async Task One_address_that_guesses_for_hours_never_closes_the_account_for_another()
    {
        for (var minute = 0; minute < 8 * 60; minute++)
        {
            using var attempt = await Delays.BeginAsync("ada@a.example", "192.0.2.1", Cancel);
            Assert.Equal(TimeSpan.Zero, await Delays.RemainingAsync("ada@a.example", "198.51.100.1", Cancel));
            _time.Advance(TimeSpan.FromMinutes(1));
        }

        // Others still have the most part of the account's free tries.
        for (var i = 0; i < 14; i++)
        {
            await FailAsync(1, "ada@a.example", $"192.0.2.{100 + i}");
        }

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
    public async Task Of_many_tries_at_once_on_many_nodes_only_the_free_ones_get_through()
    {
        var tries = await Task.WhenAll(Enumerable.Range(0, 16).Select(_ =>
            ActivatorUtilities.CreateInstance<LoginDelays>(_server.Services, _time).BeginAsync("ada@a.example", "192.0.2.1", Cancel)));
        Assert.Equal(3, tries.Count(attempt => attempt.Wait is null));
        Assert.All(tries.Where(attempt => attempt.Wait is not null), attempt => Assert.Equal(TimeSpan.FromSeconds(1), attempt.Wait));
        Assert.Equal(TimeSpan.FromSeconds(1), await Delays.RemainingAsync("ada@a.example", "192.0.2.1", Cancel));
    }

    [Fact]
    public async Task Fifty_wrong_passwords_at_once_cost_three_hashes()
    {
        using var derived = new MetricCollector<double>(_server.Services.GetRequiredService<IMeterFactory>(), "Kraliki.Identity", "kraliki.identity.password_hash.duration");
        using var guesser = new AccountClient(_server);
        var answers = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => guesser.LoginAsync(RunningServer.Admin, "not the password")));
        Assert.Equal(3, answers.Count(answer => answer.StatusCode == HttpStatusCode.Unauthorized));
        Assert.Equal(47, answers.Count(answer => answer.StatusCode == HttpStatusCode.TooManyRequests));
        Assert.Equal(3, derived.GetMeasurementSnapshot().Count);
    }

    [Fact]
    public async Task Right_passwords_at_once_are_all_welcome_and_leave_nothing_behind()
    {
        await FailAsync(1, "bob@a.example", "127.0.0.1");
        var before = Assert.Single(await RowsAsync(), row => row.ForgottenAfter == TimeSpan.FromMinutes(1).Ticks);
        _time.Advance(TimeSpan.FromSeconds(50));
        using var person = new AccountClient(_server);
        var answers = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => person.LoginAsync(RunningServer.Admin, _server.Password)));
        Assert.All(answers, answer => Assert.Equal(HttpStatusCode.OK, answer.StatusCode));

        // What bob did is neither forgotten earlier nor later for it.
        var rows = await RowsAsync();
        Assert.Equal(4, rows.Count);
        Assert.Equivalent(before, Assert.Single(rows, row => row.ForgottenAfter == TimeSpan.FromMinutes(1).Ticks));
    }

    [Fact]
    public async Task What_people_typed_is_not_in_the_database()
    {
        await FailAsync(1, "my secret password", "192.0.2.1");
        var rows = await RowsAsync();
        Assert.Equal(4, rows.Count);
        Assert.All(rows, row => Assert.DoesNotContain("secret", Encoding.Latin1.GetString(row.Id)));
    }

    /// <summary>As often as asked, each as soon as it is allowed.</summary>
    private async Task FailAsync(int times, string email, string address)
    {
        for (var i = 0; i < times; i++)
        {
            _time.Advance(await Delays.RemainingAsync(email, address, Cancel));
            using var attempt = await Delays.BeginAsync(email, address, Cancel);
            Assert.Null(attempt.Wait);
        }
    }

    private async Task<List<LoginFailures>> RowsAsync()
    {
        await using var db = _server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem();
        return await db.Set<LoginFailures>().AsNoTracking().ToListAsync(Cancel);
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
