using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;

namespace Kraliki.Server.Telephony;

internal enum StreamTokenOutcome
{
    Good,
    Unknown,
    Expired,
    Used,
}

/// <summary>One-time tokens that open a media socket: put into the TwiML, brought back by the stream's <c>start</c> message. Safe from any thread.</summary>
/// <remarks>Kept in memory, hashed: a token lives for a minute, and a call whose server died gets a new one with new TwiML.</remarks>
internal sealed class StreamTokens(TimeProvider time)
{
    private static readonly TimeSpan Life = TimeSpan.FromSeconds(60);

    private readonly ConcurrentDictionary<string, Entry> _entries = new();

    public string Issue(Guid sessionId, string callSid)
    {
        var now = time.GetUtcNow();
        foreach (var (key, entry) in _entries)
        {
            if (entry.ExpiresAt < now)
            {
                _entries.TryRemove(key, out _);
            }
        }

        string token = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(24));
        _entries[Hash(token)] = new Entry(sessionId, callSid, now + Life);
        return token;
    }

    /// <param name="callSid">The call that the stream says it belongs to; a token of another call is unknown.</param>
    public StreamTokenOutcome Redeem(string token, string callSid, out Guid sessionId)
    {
        sessionId = Guid.Empty;
        if (!_entries.TryGetValue(Hash(token), out var entry) || entry.CallSid != callSid)
        {
            return StreamTokenOutcome.Unknown;
        }

        if (entry.ExpiresAt < time.GetUtcNow())
        {
            return StreamTokenOutcome.Expired;
        }

        if (!entry.Take())
        {
            return StreamTokenOutcome.Used;
        }

        sessionId = entry.SessionId;
        return StreamTokenOutcome.Good;
    }

    private static string Hash(string token) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token)));

    private sealed class Entry(Guid sessionId, string callSid, DateTimeOffset expiresAt)
    {
        private int _used;

        public Guid SessionId => sessionId;

        public string CallSid => callSid;

        public DateTimeOffset ExpiresAt => expiresAt;

        public bool Take() => Interlocked.Exchange(ref _used, 1) == 0;
    }
}
