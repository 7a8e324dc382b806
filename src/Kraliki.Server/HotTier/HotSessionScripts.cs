namespace Kraliki.Server.HotTier;

/// <summary>What Redis does in one step for <see cref="HotSessions"/>.</summary>
internal static class HotSessionScripts
{
    // KEYS: row, events. ARGV: seq, epoch, facts, row as JSON, life in ms, events to keep, first event's seq or 0, events.
    public const string Write = """
        local function num(value) return tonumber(value or '-1') end
        local seq, epoch, facts = num(ARGV[1]), num(ARGV[2]), num(ARGV[3])
        local old = redis.call('HMGET', KEYS[1], 'seq', 'epoch', 'facts', 'tail')
        local oldSeq, oldEpoch, oldFacts = num(old[1]), num(old[2]), num(old[3])
        local newer = seq > oldSeq or (seq == oldSeq and (epoch > oldEpoch or (epoch == oldEpoch and facts >= oldFacts)))
        local life = tonumber(ARGV[5])
        if newer then
          redis.call('HSET', KEYS[1], 'seq', ARGV[1], 'epoch', ARGV[2], 'facts', ARGV[3], 'row', ARGV[4])
        else
          life = math.max(redis.call('PTTL', KEYS[1]), 1)
        end
        local first, count, tail = num(ARGV[7]), #ARGV - 7, math.max(num(old[4]), 0)
        if count > 0 and first + count - 1 > tail then
          local from = 8
          if first > tail + 1 then redis.call('DEL', KEYS[2]) else from = 8 + tail + 1 - first end
          for i = from, #ARGV do redis.call('RPUSH', KEYS[2], ARGV[i]) end
          redis.call('LTRIM', KEYS[2], -tonumber(ARGV[6]), -1)
          redis.call('HSET', KEYS[1], 'tail', first + count - 1)
        end
        redis.call('PEXPIRE', KEYS[1], life)
        redis.call('PEXPIRE', KEYS[2], life)
        return 1
        """;

    // KEYS: row, events. ARGV: after seq, limit. The events after it, as far as they are kept; the reader checks that they join on.
    public const string Read = """
        local tail = tonumber(redis.call('HGET', KEYS[1], 'tail') or '0')
        local behind, limit = tail - tonumber(ARGV[1]), tonumber(ARGV[2])
        if behind <= 0 or limit <= 0 then return {} end
        return redis.call('LRANGE', KEYS[2], -behind, math.min(limit - behind, 0) - 1)
        """;
}
