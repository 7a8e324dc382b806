using System.Globalization;
using Kraliki.Server.Data;
using Kraliki.Server.HotTier;
using Kraliki.Server.Sessions.Journal;
using Microsoft.EntityFrameworkCore;
using StackExchange.Redis;

namespace Kraliki.Server.Identity;

internal enum TokenStanding
{
    Good,

    /// <summary>Revoked, or of a person who is deactivated or no longer exists.</summary>
    Revoked,

    /// <summary>The database is away and nobody knows this token: neither good nor bad, to be tried again.</summary>
    Unknown,
}

/// <summary>
/// Whether an access token that is genuine and not expired is still good; asked on every request. The database is the
/// record, so a restart forgets nothing. Safe from any thread.
/// </summary>
/// <remarks>
/// <list type="number">
/// <item>This node's memory: what it has revoked or found revoked, and what was found good less than <see cref="Staleness"/> ago.</item>
/// <item>The hot tier: the same from all nodes. A good answer there keeps its age, so that the two together are never older.</item>
/// <item>The database: at most one query per token in use and five seconds.</item>
/// <item>While the database is away, whatever was found good within <see cref="Trust"/> stays good.</item>
/// </list>
/// What is revoked is told to the other nodes at once, and they refuse it from then on. A message that is lost costs
/// <see cref="Staleness"/>, as it does without a hot tier.
/// </remarks>
internal sealed class Revocations
{
    /// <summary>After this long every node knows about what any node has revoked.</summary>
    public static readonly TimeSpan Staleness = TimeSpan.FromSeconds(5);

    /// <summary>How long ago a token may have been found good when the database cannot be asked.</summary>
    public static readonly TimeSpan Trust = TimeSpan.FromSeconds(60);

    // A database that has not answered by then is away as far as a request is concerned.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    // Tokens in use on one node. When full, what is worn out goes, and if that is not half of it, everything: what is
    // forgotten costs a query, never a wrong answer.
    private const int Capacity = 50_000;

    // Tokens in one message; a person has a few. What is left out is found out within Staleness.
    private const int MostTold = 500;

    // What stands in the hot tier: this, or when the token was found good (unix milliseconds).
    private const string Refused = "refused";

    // Never over a refusal. KEYS: token. ARGV: found at, life in ms.
    private const string ShareGood = $"""
        if redis.call('GET', KEYS[1]) ~= '{Refused}' then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
        return 1
        """;

    private readonly KralikiDbFactory _databases;
    private readonly RedisConnection _redis;
    private readonly HotTierLimits _limits;
    private readonly DatabaseWatch _database;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly Dictionary<Guid, DateTimeOffset> _foundGood = [];
    private readonly Dictionary<Guid, DateTimeOffset> _refusedUntil = [];

    public Revocations(KralikiDbFactory databases, RedisConnection redis, HotTierLimits limits, DatabaseWatch database, TimeProvider time)
    {
        (_databases, _redis, _limits, _database, _time) = (databases, redis, limits, database, time);
        redis.Hinted += (hint, payload) =>
        {
            if (hint == Hint.Revoked)
            {
                Hear(payload);
            }
        };
    }

    public async ValueTask<TokenStanding> AskAsync(Guid jti, Guid user, CancellationToken cancellationToken)
    {
        var now = _time.GetUtcNow();
        if (Known(jti, now) is { } known)
        {
            return known;
        }

        if (await SharedAsync(jti, now) is { } shared)
        {
            return shared;
        }

        var trusted = Found(jti) > now - Trust;
        if (trusted && _database.Fault is not null)
        {
            return TokenStanding.Good;
        }

        using var patience = new CancellationTokenSource(trusted ? _limits.DatabasePatience : Patience, _time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        bool good;
        try
        {
            good = await RecordAsync(jti, user, stop.Token);
        }
        catch (Exception e) when (DatabaseFault.KindOf(e) is not null || (patience.IsCancellationRequested && !cancellationToken.IsCancellationRequested))
        {
            _database.Suspect();
            return trusted ? TokenStanding.Good : TokenStanding.Unknown;
        }

        lock (_gate)
        {
            // Somebody may have revoked it since the database was asked.
            good &= !_refusedUntil.ContainsKey(jti);
            if (good)
            {
                Keep(_foundGood, jti, now, now - Trust);
            }
            else
            {
                _foundGood.Remove(jti);
                Keep(_refusedUntil, jti, now + AccessTokens.Life, now);
            }
        }

        if (good && Trust - (_time.GetUtcNow() - now) is { Ticks: > 0 } left)
        {
            _ = ShareAsync(database => database.ScriptEvaluateAsync(ShareGood, [Key(jti)], [now.ToUnixTimeMilliseconds(), (long)left.TotalMilliseconds]));
        }

        return good ? TokenStanding.Good : TokenStanding.Revoked;
    }

    /// <summary>These tokens were revoked just now; the database knows already.</summary>
    public void Refuse(IReadOnlyCollection<RevokedToken> tokens)
    {
        var now = _time.GetUtcNow();
        RefuseHere(tokens.Select(token => (token.Jti, token.ExpiresAt)), now);
        if (!_redis.IsOpen || tokens.Count == 0)
        {
            return;
        }

        var told = tokens.Where(token => token.ExpiresAt > now).Take(MostTold).ToList();
        foreach (var token in told)
        {
            _ = ShareAsync(database => database.StringSetAsync(Key(token.Jti), Refused, token.ExpiresAt - now));
        }

        _redis.Tell(Hint.Revoked, string.Join(',', told.Select(token => string.Create(CultureInfo.InvariantCulture, $"{token.Jti:N}:{token.ExpiresAt.ToUnixTimeMilliseconds()}"))));
    }

    private TokenStanding? Known(Guid jti, DateTimeOffset now)
    {
        lock (_gate)
        {
            return _refusedUntil.ContainsKey(jti) ? TokenStanding.Revoked
                : _foundGood.TryGetValue(jti, out var at) && at > now - Staleness ? TokenStanding.Good
                : null;
        }
    }

    private DateTimeOffset Found(Guid jti)
    {
        lock (_gate)
        {
            return _foundGood.GetValueOrDefault(jti);
        }
    }

    /// <summary>What the other nodes know.</summary>
    /// <remarks>
    /// How long ago it was found good is told twice, and the older counts: by the time that stands there, which is wrong when
    /// the clocks differ, and by the life that is left, which is wrong when Redis was frozen before it took the entry.
    /// </remarks>
    private async ValueTask<TokenStanding?> SharedAsync(Guid jti, DateTimeOffset now)
    {
        if (!_redis.IsOpen)
        {
            return null;
        }

        var (_, shared) = await _redis.AskAsync(database => database.StringGetWithExpiryAsync(Key(jti)), _limits.RequestPatience);
        if (shared.Value == Refused)
        {
            RefuseHere([(jti, now + (shared.Expiry ?? AccessTokens.Life))], now);
            return TokenStanding.Revoked;
        }

        if (shared.Expiry is not { } left || !shared.Value.TryParse(out long stamp))
        {
            return null;
        }

        lock (_gate)
        {
            if (_refusedUntil.ContainsKey(jti))
            {
                return TokenStanding.Revoked;
            }

            var byLife = now - (Trust - left);
            var byClock = DateTimeOffset.FromUnixTimeMilliseconds(stamp);
            var foundAt = byClock < byLife ? byClock : byLife;
            if (foundAt > _foundGood.GetValueOrDefault(jti))
            {
                Keep(_foundGood, jti, foundAt, now - Trust);
            }

            return foundAt > now - Staleness ? TokenStanding.Good : null;
        }
    }

    private void Hear(string payload)
    {
        var now = _time.GetUtcNow();
        RefuseHere(
            payload.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(text => text.Split(':')).SelectMany(parts =>
                parts is [var id, var until] && Guid.TryParse(id, out var jti) && long.TryParse(until, CultureInfo.InvariantCulture, out var expiresAt)
                    ? new[] { (jti, DateTimeOffset.FromUnixTimeMilliseconds(expiresAt)) }
                    : []),
            now);
    }

    private void RefuseHere(IEnumerable<(Guid Jti, DateTimeOffset ExpiresAt)> tokens, DateTimeOffset now)
    {
        lock (_gate)
        {
            foreach (var (jti, expiresAt) in tokens)
            {
                _foundGood.Remove(jti);
                Keep(_refusedUntil, jti, expiresAt, now);
            }
        }
    }

    /// <param name="wornOut">Entries up to this time are of no use any more.</param>
    private static void Keep(Dictionary<Guid, DateTimeOffset> entries, Guid jti, DateTimeOffset at, DateTimeOffset wornOut)
    {
        if (entries.Count >= Capacity)
        {
            foreach (var (key, _) in entries.Where(entry => entry.Value <= wornOut).ToList())
            {
                entries.Remove(key);
            }

            if (entries.Count > Capacity / 2)
            {
                entries.Clear();
            }
        }

        entries[jti] = at;
    }

    private RedisKey Key(Guid jti) => _redis.Key($"token:{jti:N}");

    private async Task ShareAsync<T>(Func<IDatabase, Task<T>> write) => await _redis.AskAsync(write, _limits.LastResortPatience);

    private async Task<bool> RecordAsync(Guid jti, Guid user, CancellationToken cancellationToken)
    {
        await using var db = _databases.OpenForSystem();
        return await db.Set<User>().AnyAsync(row => row.Id == user && row.DeactivatedAt == null && !db.Set<RevokedToken>().Any(revoked => revoked.Jti == jti), cancellationToken);
    }
}
