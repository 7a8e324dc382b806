using Kraliki.Server.Data;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Identity;

/// <summary>
/// Whether an access token that is genuine and not expired is still good; asked on every request. The database is the
/// record, so a restart forgets nothing. Safe from any thread.
/// </summary>
/// <remarks>
/// What this node has revoked or found revoked is known at once. That a token is good is believed for
/// <see cref="Staleness"/>, so each token in use costs one query per five seconds and node. A hot tier that all nodes share
/// belongs in front of <see cref="AskAsync"/>.
/// </remarks>
internal sealed class Revocations(KralikiDbFactory databases, TimeProvider time)
{
    /// <summary>After this long every node knows about what any node has revoked.</summary>
    public static readonly TimeSpan Staleness = TimeSpan.FromSeconds(5);

    // Tokens in use on one node. When full, what is worn out goes, and if that is not half of it, everything: what is
    // forgotten costs a query, never a wrong answer.
    private const int Capacity = 50_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<Guid, DateTimeOffset> _goodUntil = [];
    private readonly Dictionary<Guid, DateTimeOffset> _refusedUntil = [];

    /// <returns>False for a revoked token, and for a person who is deactivated or no longer exists.</returns>
    public async ValueTask<bool> IsGoodAsync(Guid jti, Guid user, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        lock (_gate)
        {
            if (_refusedUntil.ContainsKey(jti))
            {
                return false;
            }

            if (_goodUntil.TryGetValue(jti, out var until) && until > now)
            {
                return true;
            }
        }

        var good = await AskAsync(jti, user, cancellationToken);
        lock (_gate)
        {
            if (good)
            {
                Keep(_goodUntil, jti, now + Staleness, now);
            }
            else
            {
                Keep(_refusedUntil, jti, now + AccessTokens.Life, now);
            }
        }

        return good;
    }

    /// <summary>These tokens were revoked just now; the database knows already.</summary>
    public void Refuse(IEnumerable<RevokedToken> tokens)
    {
        var now = time.GetUtcNow();
        lock (_gate)
        {
            foreach (var token in tokens)
            {
                _goodUntil.Remove(token.Jti);
                Keep(_refusedUntil, token.Jti, token.ExpiresAt, now);
            }
        }
    }

    private static void Keep(Dictionary<Guid, DateTimeOffset> entries, Guid jti, DateTimeOffset until, DateTimeOffset now)
    {
        if (entries.Count >= Capacity)
        {
            foreach (var (key, _) in entries.Where(entry => entry.Value <= now).ToList())
            {
                entries.Remove(key);
            }

            if (entries.Count > Capacity / 2)
            {
                entries.Clear();
            }
        }

        entries[jti] = until;
    }

    private async Task<bool> AskAsync(Guid jti, Guid user, CancellationToken cancellationToken)
    {
        await using var db = databases.OpenForSystem();
        return await db.Set<User>().AnyAsync(row => row.Id == user && row.DeactivatedAt == null && !db.Set<RevokedToken>().Any(revoked => revoked.Jti == jti), cancellationToken);
    }
}
