using Kraliki.Server.Cluster;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Server.HotTier;
using Kraliki.Server.Tests.HotTier;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Time.Testing;

namespace Kraliki.Server.Tests.Cluster;

/// <summary>One-time tokens while the database, or Redis, or both, have a bad time.</summary>
public sealed class SpentTokensTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private readonly DatabaseDoor _door = new();
    private readonly List<SpentTokens> _nodes = [];
    private RedisServer _redis = null!;
    private RunningServer _server = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private DateTimeOffset ExpiresAt => _time.GetUtcNow() + TimeSpan.FromMinutes(5);

    public async ValueTask InitializeAsync()
    {
        _redis = await RedisServer.StartAsync(Cancel);

        // Patient with Redis, because tests may run on a machine that has much else to do.
        _server = await RunningServer.StartAsync(Cancel, new ServerSetup(Settings: _redis.Settings, Change: builder =>
            builder.Services.Replace(ServiceDescriptor.Singleton(new HotTierLimits { RequestPatience = Patience, LastResortPatience = Patience }))));
        await RedisOf.UntilAsync(open: true, Cancel).WaitAsync(Patience, Cancel);
    }

    public async ValueTask DisposeAsync()
    {
        _door.Open();
        foreach (var node in _nodes)
        {
            await node.StopAsync(CancellationToken.None);
            node.Dispose();
        }

        await _server.DisposeAsync();
        await _redis.DisposeAsync();
    }

    [Fact]
    public async Task What_was_used_without_the_database_stays_used_when_Redis_was_emptied_and_is_written_down_later()
    {
        var (here, there) = (await NodeAsync(TimeProvider.System, behindTheDoor: true), await NodeAsync(TimeProvider.System));
        var (token, expiresAt) = (Guid.NewGuid(), ExpiresAt);

        _door.Refuse();
        Assert.True(await here.SpendAsync(token, expiresAt, Cancel));
        await EmptyRedisAsync();
        Assert.False(await here.SpendAsync(token, expiresAt, Cancel));

        _door.Open();
        await UntilWrittenAsync(token);
        await EmptyRedisAsync();
        Assert.False(await there.SpendAsync(token, expiresAt, Cancel));
    }

    [Fact]
    public async Task A_database_that_froze_is_waited_for_three_seconds_and_what_was_not_waited_for_is_not_used_up()
    {
        await _redis.KillAsync(Cancel);
        await RedisOf.UntilAsync(open: false, Cancel).WaitAsync(Patience, Cancel);
        var node = await NodeAsync(_time, behindTheDoor: true);
        var (token, expiresAt) = (Guid.NewGuid(), ExpiresAt);

        _door.Freeze();
        var written = node.SpendAsync(Guid.NewGuid(), expiresAt, Cancel);
        await _door.Reached.WaitAsync(Patience, Cancel);
        var behind = node.SpendAsync(token, expiresAt, Cancel);
        _time.Advance(SpentTokens.Patience - TimeSpan.FromMilliseconds(1));
        Assert.False(behind.IsCompleted);
        _time.Advance(TimeSpan.FromMilliseconds(1));

        await Assert.ThrowsAsync<TimeoutException>(() => written.WaitAsync(Patience, Cancel));
        await Assert.ThrowsAsync<TimeoutException>(() => behind.WaitAsync(Patience, Cancel));
        _door.Open();
        Assert.True(await node.SpendAsync(token, expiresAt, Cancel));
    }

    [Fact]
    public async Task Redis_is_believed_after_a_second_in_which_the_database_says_nothing()
    {
        var node = await NodeAsync(_time, behindTheDoor: true);
        var (token, expiresAt) = (Guid.NewGuid(), ExpiresAt);

        _door.Freeze();
        var first = node.SpendAsync(token, expiresAt, Cancel);
        await _door.Reached.WaitAsync(Patience, Cancel);
        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.True(await first.WaitAsync(Patience, Cancel));
        await EmptyRedisAsync();
        Assert.False(await node.SpendAsync(token, expiresAt, Cancel).WaitAsync(Patience, Cancel));
    }

    [Fact]
    public async Task Who_is_refused_because_too_many_wait_can_try_again_with_the_same_token()
    {
        var node = await NodeAsync(_time, behindTheDoor: true);
        var expiresAt = ExpiresAt;
        _door.Freeze();

        // Some more than may wait and than are being written.
        var all = Enumerable.Range(0, 10_300).Select(_ => Guid.NewGuid()).Select(token => (Token: token, Spending: node.SpendAsync(token, expiresAt, Cancel))).ToList();
        await Task.WhenAny(all.Select(one => one.Spending)).WaitAsync(Patience, Cancel);
        var refused = all.First(one => one.Spending.IsCompleted);
        await Assert.ThrowsAsync<TimeoutException>(() => refused.Spending);

        _door.Open();
        await UntilWrittenAsync(all.First(one => !one.Spending.IsFaulted).Token);
        Assert.True(await UntilTakenAsync(refused.Token));

        async Task<bool> UntilTakenAsync(Guid token)
        {
            using var look = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
            for (var tries = 0; ; tries++)
            {
                try
                {
                    return await node.SpendAsync(token, expiresAt, Cancel).WaitAsync(Patience, Cancel);
                }
                catch (TimeoutException) when (tries < 100)
                {
                    await look.WaitForNextTickAsync(Cancel);
                }
            }
        }
    }

    private RedisConnection RedisOf => _server.Services.GetRequiredService<RedisConnection>();

    private async Task<SpentTokens> NodeAsync(TimeProvider time, bool behindTheDoor = false)
    {
        var services = _server.Services;
        var options = new DbContextOptionsBuilder<KralikiDb>(services.GetRequiredService<DbContextOptions<KralikiDb>>());
        var databases = new KralikiDbFactory((behindTheDoor ? options.AddInterceptors(_door) : options).Options, services.GetRequiredService<KralikiOptions>());
        var node = ActivatorUtilities.CreateInstance<SpentTokens>(services, databases, time);
        _nodes.Add(node);
        await node.StartAsync(Cancel);
        return node;
    }

    private async Task EmptyRedisAsync()
    {
        await using var redis = await _redis.ConnectAsync();
        await redis.GetServer("127.0.0.1", _redis.Port).FlushAllDatabasesAsync();
    }

    private async Task UntilWrittenAsync(Guid token)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        limit.CancelAfter(Patience);
        using var look = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (true)
        {
            await using (var db = _server.Services.GetRequiredService<KralikiDbFactory>().OpenForSystem())
            {
                if (await db.Set<SpentToken>().AnyAsync(row => row.Id == token, Cancel))
                {
                    return;
                }
            }

            Assert.False(limit.IsCancellationRequested, "The use of the token was not written down.");
            await look.WaitForNextTickAsync(Cancel);
        }
    }
}
