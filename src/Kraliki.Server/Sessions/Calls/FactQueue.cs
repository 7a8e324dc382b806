using System.Threading.Channels;
using Kraliki.Contracts;
using Kraliki.Server.Sessions.Journal;

namespace Kraliki.Server.Sessions.Calls;

internal enum FactRoom
{
    Taken,

    /// <summary>Taken, but the call must come to its end: there is room for its last words only.</summary>
    Last,

    /// <summary>Not taken.</summary>
    None,
}

/// <summary>What a call has told and the journal has not taken, in order. Adding never waits; one taker. Safe from any thread.</summary>
internal sealed class FactQueue(FactBudget budget)
{
    // A call makes about one fact a second: this is a quarter of an hour without a database. All calls together have the
    // node's budget. Full: nothing is dropped to make room, the call is ended, because a conversation that cannot be
    // written down must not go on unnoticed.
    private const int Capacity = 1024;

    // For a call that was told to end: words that were on their way, and how it ended.
    private const int Reserve = 64;

    /// <summary>What watchers are shown; the rest is a number.</summary>
    private const int Shown = 20;

    private readonly Lock _gate = new();
    private readonly Queue<TimedFact> _facts = new();

    // A wake-up, not a queue: one that nobody has noticed yet stands for all that follow.
    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });
    private bool _closed;

    /// <summary>When the first of them happened; null when nothing waits.</summary>
    public DateTimeOffset? Since
    {
        get
        {
            lock (_gate)
            {
                return _facts.TryPeek(out var oldest) ? oldest.At : null;
            }
        }
    }

    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _facts.Count;
            }
        }
    }

    public FactRoom Add(TimedFact fact)
    {
        FactRoom room;
        lock (_gate)
        {
            if (_closed || _facts.Count == Capacity + Reserve)
            {
                return FactRoom.None;
            }

            room = _facts.Count >= Capacity || budget.Exhausted ? FactRoom.Last : FactRoom.Taken;
            _facts.Enqueue(fact);
            budget.Add();
        }

        _wake.Writer.TryWrite(true);
        return room;
    }

    /// <summary>Nothing more comes.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _closed = true;
        }

        _wake.Writer.TryWrite(true);
    }

    /// <returns>The oldest, at most so many, which stay until they are removed; empty once it is closed and nothing waits.</returns>
    public async ValueTask<TimedFact[]> NextAsync(int most)
    {
        while (true)
        {
            lock (_gate)
            {
                if (_facts.Count > 0 || _closed)
                {
                    return [.. _facts.Take(most)];
                }
            }

            await _wake.Reader.ReadAsync();
        }
    }

    /// <summary>The oldest are in the journal, or belong to nobody any more.</summary>
    public void Remove(int count)
    {
        lock (_gate)
        {
            for (var i = 0; i < count; i++)
            {
                _facts.Dequeue();
            }
        }

        budget.Remove(count);
    }

    /// <summary>The newest of what waits; null when nothing does.</summary>
    public Unsaved? Show(string reason)
    {
        lock (_gate)
        {
            return _facts.TryPeek(out var oldest)
                ? new([.. _facts.Skip(_facts.Count - Shown).Select(timed => timed.Fact)], _facts.Count, oldest.At, reason)
                : null;
        }
    }
}
