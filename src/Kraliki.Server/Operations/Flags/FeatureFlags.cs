using System.Collections.Concurrent;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Server.HotTier;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Operations.Flags;

/// <summary>What holds for each organisation at present. Asked anywhere, as often as wanted: an answer costs one look into memory.</summary>
/// <remarks>
/// The database is the record. The node where a decision is made knows it at once (<see cref="Learn"/>); every other one
/// asks for changes each <see cref="Interval"/>, and at once when it is told of one, so it follows within that and the time
/// of a query. While the database is away, what was last known holds.
/// </remarks>
public sealed partial class FeatureFlags : BackgroundService
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    // Rows that are stamped by another node's clock, or were committed after a younger one, must not be overlooked.
    private static readonly TimeSpan Overlap = TimeSpan.FromMinutes(1);

    // Only what organisations have decided: as many entries as the table has rows.
    private readonly ConcurrentDictionary<(Guid Organisation, Flag Flag), Known> _decisions = new();
    private readonly Lock _learning = new();
    private readonly KralikiDbFactory _databases;
    private readonly RedisConnection _redis;
    private readonly KralikiOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<FeatureFlags> _log;
    private readonly Doorbell _doorbell;
    private DateTimeOffset _newest;
    private bool _failing;

    internal FeatureFlags(KralikiDbFactory databases, RedisConnection redis, KralikiOptions options, TimeProvider time, ILogger<FeatureFlags> log)
    {
        (_databases, _redis, _options, _time, _log, _doorbell) = (databases, redis, options, time, log, new(time));
        redis.Hinted += (hint, _) =>
        {
            if (hint == Hint.Flags)
            {
                _doorbell.Ring();
            }
        };
    }

    /// <summary>A flag of an organisation holds from now on, or no longer does. Raised on any thread, one after the other in the order of the changes; handlers must return at once.</summary>
    public event Action<Guid, Flag>? Changed;

    /// <summary>Safe from any thread, waits for nothing, allocates nothing.</summary>
    public bool IsEnabled(Guid organisation, Flag flag) =>
        (flag == Flag.WebhookValidation && !_options.Demo)
        || (_decisions.TryGetValue((organisation, flag), out var known) ? known.Enabled : FlagDefinition.Default);

    /// <summary>Everything is known before the first request or call can come.</summary>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await RefreshAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    /// <summary>A decision that was made on this node and is in the database.</summary>
    internal void Announce(FlagRow row)
    {
        Learn(row);
        _redis.Tell(Hint.Flags, "");
    }

    /// <summary>A decision that is in the database. Older ones than those known are ignored, in whatever order they come.</summary>
    internal void Learn(FlagRow row)
    {
        if (FlagDefinition.Find(row.Name)?.Flag is not { } flag)
        {
            // Of a newer or an older version of this server.
            return;
        }

        lock (_learning)
        {
            var before = IsEnabled(row.OrganisationId, flag);
            if (!_decisions.TryGetValue((row.OrganisationId, flag), out var known) || known.Version < row.Version)
            {
                _decisions[(row.OrganisationId, flag)] = new(row.Version, row.Enabled ?? FlagDefinition.Default);
            }

            if (IsEnabled(row.OrganisationId, flag) == before)
            {
                return;
            }

            if (flag == Flag.WebhookValidation && before)
            {
                LogWebhooksOpen(row.OrganisationId);
            }

            Changed?.Invoke(row.OrganisationId, flag);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            await _doorbell.WaitAsync(Interval, stoppingToken);
            try
            {
                await RefreshAsync(stoppingToken);
                _failing = false;
            }
            catch (Exception e) when (DatabaseTrouble.Is(e))
            {
                if (!_failing)
                {
                    _failing = true;
                    LogRefreshFailed(e);
                }
            }
        }
    }

    private async Task RefreshAsync(CancellationToken cancellationToken)
    {
        await using var db = _databases.OpenForSystem();
        var now = _time.GetUtcNow();
        var since = _newest == default ? default : _newest - Overlap;
        foreach (var row in await db.Set<FlagRow>().AsNoTracking().Where(row => row.UpdatedAt >= since).ToListAsync(cancellationToken))
        {
            Learn(row);

            // A stamp of a clock that is ahead must not hide what others decide until then.
            var seen = row.UpdatedAt < now ? row.UpdatedAt : now;
            _newest = seen > _newest ? seen : _newest;
        }
    }

    private readonly record struct Known(long Version, bool Enabled);
}
