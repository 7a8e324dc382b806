using System.Globalization;
using System.Threading.RateLimiting;
using Kraliki.Server.HotTier;
using StackExchange.Redis;

namespace Kraliki.Server.Hosting;

/// <summary>One count of requests that all nodes share: a token bucket of this node, and behind it one in Redis. Whoever the first refuses does not reach the second; while Redis is away the first decides alone.</summary>
/// <remarks>
/// The bucket in Redis is one number, the time at which it will be full again (GCRA), and Redis's own clock: nodes need not
/// agree about the time. It goes away by itself when it is full.
/// </remarks>
internal sealed class SharedBucket : ReplenishingRateLimiter
{
    // KEYS: bucket. ARGV: microseconds per permit, permits at once. Answers 0, or the microseconds to wait.
    // string.format, because Lua would write a number of this size with an exponent.
    private const string Take = """
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        local interval = tonumber(ARGV[1])
        local full = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now) + interval
        local wait = full - now - interval * tonumber(ARGV[2])
        if wait > 0 then return math.ceil(wait) end
        redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
        return 0
        """;

    private static readonly RateLimitLease Let = new Lease(null);

    private readonly TokenBucketRateLimiter _here;
    private readonly RedisConnection _redis;
    private readonly TimeSpan _patience;
    private readonly RedisKey[] _keys;
    private readonly RedisValue[] _arguments;

    /// <param name="name">Of the bucket; holds nothing that tells whose it is.</param>
    public SharedBucket(RedisConnection redis, TimeSpan patience, string name, TokenBucketRateLimiterOptions options)
    {
        (_redis, _patience) = (redis, patience);
        _keys = [redis.Key($"rate:{name}")];
        _arguments = [(options.ReplenishmentPeriod / options.TokensPerPeriod).TotalMicroseconds.ToString("0", CultureInfo.InvariantCulture), options.TokenLimit];
        _here = new(options);
    }

    public override TimeSpan? IdleDuration => _here.IdleDuration;

    public override bool IsAutoReplenishing => _here.IsAutoReplenishing;

    public override TimeSpan ReplenishmentPeriod => _here.ReplenishmentPeriod;

    public override bool TryReplenish() => _here.TryReplenish();

    public override RateLimiterStatistics? GetStatistics() => _here.GetStatistics();

    protected override RateLimitLease AttemptAcquireCore(int permitCount) => throw new NotSupportedException("Redis is asked, which takes time.");

    protected override async ValueTask<RateLimitLease> AcquireAsyncCore(int permitCount, CancellationToken cancellationToken)
    {
        var lease = _here.AttemptAcquire(permitCount);
        if (!lease.IsAcquired || !_redis.IsOpen)
        {
            return lease;
        }

        var (answered, wait) = await _redis.AskAsync(database => database.ScriptEvaluateAsync(Take, _keys, _arguments), _patience);
        return answered && (long)wait! is > 0 and var microseconds ? new Lease(TimeSpan.FromMicroseconds(microseconds)) : Let;
    }

    protected override void Dispose(bool disposing) => _here.Dispose();

    protected override ValueTask DisposeAsyncCore() => _here.DisposeAsync();

    /// <param name="wait">Null when it was let in.</param>
    private sealed class Lease(TimeSpan? wait) : RateLimitLease
    {
        public override bool IsAcquired => wait is null;

        public override IEnumerable<string> MetadataNames => wait is null ? [] : [MetadataName.RetryAfter.Name];

        public override bool TryGetMetadata(string metadataName, out object? metadata)
        {
            metadata = metadataName == MetadataName.RetryAfter.Name ? wait : null;
            return metadata is not null;
        }
    }
}
