using System.Diagnostics.Metrics;
using System.Text.Json;
using Kraliki.Contracts;
using Kraliki.Server.Sessions.Journal;
using StackExchange.Redis;

namespace Kraliki.Server.HotTier;

/// <summary>
/// Rows and newest events of the sessions that are going on, as committed by any node: what readers ask before, or instead of,
/// the database. Only what is committed comes here, so an event read here is never wrong; it may be missing. Safe from any thread.
/// </summary>
/// <remarks>
/// Per session two keys: a hash with the row and the numbers that order it, and a list of the last <see cref="Recent"/> events
/// without a gap. An older write never replaces a newer one, whichever node it comes from. What Redis has lost is there again
/// with the session's next commit.
/// </remarks>
internal sealed partial class HotSessions : BackgroundService
{
    /// <summary>Events that are kept per session.</summary>
    public const int Recent = 256;

    private static readonly TimeSpan Life = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan LifeOfEnded = TimeSpan.FromMinutes(5);

    // Sessions that wait to be written, each with its newest row; several times what a node holds. Full: the newcomer is
    // left out and counted, because readers find it in the database.
    private const int Capacity = 5_000;

    // Written in one go: some hundred kilobytes on the way to Redis.
    private const int AtOnce = 100;

    private readonly RedisConnection _redis;
    private readonly HotTierLimits _limits;
    private readonly Counter<long> _dropped;
    private readonly Doorbell _doorbell;
    private readonly Lock _gate = new();
    private Dictionary<Guid, Waiting> _waiting = [];

    public HotSessions(RedisConnection redis, HotTierLimits limits, IMeterFactory meters, TimeProvider time)
    {
        (_redis, _limits, _doorbell) = (redis, limits, new(time));
        _dropped = meters.Create(RedisConnection.MeterName).CreateCounter<long>("kraliki.hot_sessions.dropped", "{write}", "Commits that did not reach Redis.");
    }

    /// <summary>Whether there may be anything to read.</summary>
    public bool IsConfigured => _redis.IsConfigured;

    /// <summary>These were committed just now. Returns at once.</summary>
    public void Keep(SessionRow row, IReadOnlyList<SessionEvent> events)
    {
        if (!_redis.IsOpen)
        {
            return;
        }

        lock (_gate)
        {
            if (_waiting.TryGetValue(row.Id, out var before))
            {
                _waiting[row.Id] = new(row, before.Events is [] ? events : [.. before.Events.Concat(events).TakeLast(Recent)]);
            }
            else if (_waiting.Count < Capacity)
            {
                _waiting[row.Id] = new(row, events);
            }
            else
            {
                _dropped.Add(1);
            }
        }

        _doorbell.Ring();
    }

    /// <summary>The newest row that Redis knows; the database may have a newer one. Whose it is, is for the caller to check.</summary>
    public async Task<SessionRow?> RowAsync(Guid session)
    {
        var (_, json) = await _redis.AskAsync(database => database.HashGetAsync(RowKey(session), "row"), _limits.LastResortPatience);
        return json.IsNullOrEmpty ? null : Read<SessionRow>(json!, JsonSerializerOptions.Default);
    }

    /// <returns>The events that follow <paramref name="afterSeq"/> without a gap, but not necessarily the newest; null when they are not here.</returns>
    /// <param name="lastResort">Nobody else can answer: wait longer.</param>
    public async ValueTask<List<SessionEvent>?> EventsAsync(Guid session, long afterSeq, int limit, bool lastResort)
    {
        if (!_redis.IsOpen)
        {
            return null;
        }

        RedisKey[] keys = [RowKey(session), EventsKey(session)];
        RedisValue[] arguments = [afterSeq, limit];
        var (_, answer) = await _redis.AskAsync(
            database => database.ScriptEvaluateAsync(HotSessionScripts.Read, keys, arguments), lastResort ? _limits.LastResortPatience : _limits.RequestPatience);
        if (answer is not { Length: > 0 })
        {
            return null;
        }

        var events = new List<SessionEvent>(answer.Length);
        for (var i = 0; i < answer.Length; i++)
        {
            if (Read<SessionEvent>((string)answer[i]!, ContractsJson.Default.Options) is not { } happened || happened.Seq != afterSeq + i + 1)
            {
                return null;
            }

            events.Add(happened);
        }

        return events;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!IsConfigured)
        {
            return;
        }

        while (true)
        {
            await _doorbell.WaitAsync(Timeout.InfiniteTimeSpan, stoppingToken);
            Dictionary<Guid, Waiting> batch;
            lock (_gate)
            {
                (batch, _waiting) = (_waiting, []);
            }

            foreach (var some in batch.Values.Chunk(AtOnce))
            {
                var (written, _) = await _redis.AskAsync(database => Task.WhenAll(some.Select(waiting => WriteAsync(database, waiting))), _limits.LastResortPatience);
                if (!written)
                {
                    _dropped.Add(some.Length);
                }
            }
        }
    }

    private Task<RedisResult> WriteAsync(IDatabase database, Waiting waiting)
    {
        var row = waiting.Row;
        var life = SessionStates.IsTerminal(row.State) ? LifeOfEnded : Life;
        var events = waiting.Events.TakeLast(Recent).ToList();
        RedisValue[] arguments =
        [
            row.LastSeq,
            row.Epoch,
            row.OwnerFacts,
            JsonSerializer.Serialize(row, JsonSerializerOptions.Default),
            (long)life.TotalMilliseconds,
            Recent,
            events is [var first, ..] ? first.Seq : 0,
            .. events.Select(happened => (RedisValue)JsonSerializer.Serialize(happened, ContractsJson.Default.SessionEvent)),
        ];
        return database.ScriptEvaluateAsync(HotSessionScripts.Write, [RowKey(row.Id), EventsKey(row.Id)], arguments);
    }

    /// <returns>Null for what another version of the server has written and this one cannot read.</returns>
    private static T? Read<T>(string json, JsonSerializerOptions options)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize<T>(json, options);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    // Braces keep both on one shard of a Redis cluster.
    private RedisKey RowKey(Guid session) => _redis.Key($"session:{{{session:N}}}");

    private RedisKey EventsKey(Guid session) => _redis.Key($"events:{{{session:N}}}");

    private sealed record Waiting(SessionRow Row, IReadOnlyList<SessionEvent> Events);
}
