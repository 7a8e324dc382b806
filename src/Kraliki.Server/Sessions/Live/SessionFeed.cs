using Kraliki.Contracts;

namespace Kraliki.Server.Sessions.Live;

/// <summary>One session as the sockets of this node see it. Everything that watchers have in common; safe from any thread, never waits.</summary>
/// <remarks>
/// Committed events are not queued per watcher: each watcher has a cursor and reads on from the newest events here, or from
/// the journal when it is further behind. So a slow watcher costs no memory and misses nothing.
/// What is fleeting goes straight to the watchers here and, where the call is, into the outboxes of <see cref="FeedRelays"/>;
/// what came from another node is never relayed again.
/// </remarks>
internal sealed class SessionFeed(Guid sessionId, Action<Guid, bool> listenersChanged)
{
    // Enough for watchers that are only a moment behind; everybody else reads the journal. Full: the oldest goes.
    private const int Recent = 256;

    private readonly Lock _gate = new();
    private readonly Queue<SessionEvent> _recent = new(Recent);
    private WatcherOutbox[] _watchers = [];
    private WatcherOutbox[] _relays = [];
    private Unsaved? _unsaved;
    private int _listeners;
    private int _listenersHere;
    private long _lastSeq;

    public Guid SessionId => sessionId;

    /// <summary>The newest committed event that is known here.</summary>
    public long LastSeq => Interlocked.Read(ref _lastSeq);

    /// <summary>Somebody listens, here or on a node that this one relays to.</summary>
    public bool HasListeners => Volatile.Read(ref _listeners) > 0;

    /// <summary>What the people with sockets on this node want.</summary>
    public FeedInterest Interest => _watchers.Length == 0 ? FeedInterest.None : Volatile.Read(ref _listenersHere) > 0 ? FeedInterest.Listening : FeedInterest.Watching;

    /// <summary>Sockets on this node.</summary>
    public int Watchers => _watchers.Length;

    /// <summary>Nodes that this one relays to.</summary>
    public int Relays => _relays.Length;

    public bool IsEmpty => Watchers == 0 && Relays == 0;

    public void Join(WatcherOutbox watcher)
    {
        lock (_gate)
        {
            if (watcher.IsRelay)
            {
                _relays = [.. _relays, watcher];
            }
            else
            {
                _watchers = [.. _watchers, watcher];
            }

            if (_unsaved is { } unsaved)
            {
                watcher.Put(unsaved);
            }
        }
    }

    public void Leave(WatcherOutbox watcher)
    {
        Listen(watcher, false);
        lock (_gate)
        {
            _watchers = [.. _watchers.Where(other => other != watcher)];
            _relays = [.. _relays.Where(other => other != watcher)];
        }
    }

    /// <summary>Turns audio on or off for one watcher; the call makes audio only while somebody listens.</summary>
    public void Listen(WatcherOutbox watcher, bool enabled)
    {
        lock (_gate)
        {
            if (watcher.Listening == enabled)
            {
                return;
            }

            watcher.Listening = enabled;
            _listeners += enabled ? 1 : -1;
            _listenersHere += watcher.IsRelay ? 0 : enabled ? 1 : -1;
            listenersChanged(sessionId, _listeners > 0);
        }
    }

    public void Publish(SessionEvent[] events)
    {
        lock (_gate)
        {
            foreach (var happened in events)
            {
                if (happened.Seq <= _lastSeq)
                {
                    continue;
                }

                if (happened.Seq != _lastSeq + 1)
                {
                    // A message between was lost or overtaken: what is kept must be without gaps.
                    _recent.Clear();
                }

                if (_recent.Count == Recent)
                {
                    _recent.Dequeue();
                }

                _recent.Enqueue(happened);
                Interlocked.Exchange(ref _lastSeq, happened.Seq);
                if (happened.Data is CallInterrupted or CallResumed && _unsaved is not null)
                {
                    // What waited on the node that was lost will never be saved; where it was not lost it is told again.
                    _unsaved = null;
                    Put(_watchers, (Unsaved?)null);
                }
            }
        }

        Wake();
    }

    /// <summary>The journal is at least this far, as its owner says.</summary>
    public void Advance(long lastSeq)
    {
        lock (_gate)
        {
            if (lastSeq <= _lastSeq)
            {
                return;
            }

            _recent.Clear();
            Interlocked.Exchange(ref _lastSeq, lastSeq);
        }

        Wake();
    }

    /// <summary>Every socket looks whether there is something for it.</summary>
    public void Wake()
    {
        foreach (var watcher in _watchers)
        {
            watcher.Wake();
        }
    }

    /// <summary>Events after <paramref name="afterSeq"/>, in order.</summary>
    /// <returns>False when they are no longer, or not yet, kept here: read the journal.</returns>
    public bool TryRead(long afterSeq, int limit, List<SessionEvent> into)
    {
        lock (_gate)
        {
            if (_recent.Count == 0 || _recent.Peek().Seq > afterSeq + 1)
            {
                return false;
            }

            into.AddRange(_recent.SkipWhile(happened => happened.Seq <= afterSeq).Take(limit));
            return true;
        }
    }

    public void Partial(PartialTranscript partial)
    {
        Put(_watchers, partial);
        Put(_relays, partial);
    }

    public void Meters(CallMeters meters)
    {
        Put(_watchers, meters);
        Put(_relays, meters);
    }

    /// <summary>What has happened but is not in the journal; null when all is. May be told again and again, watchers hear of changes.</summary>
    public void Tell(Unsaved? unsaved)
    {
        lock (_gate)
        {
            if (Remember(unsaved))
            {
                Put(_watchers, unsaved);
                Put(_relays, unsaved);
            }
        }
    }

    public void Audio(AudioFrameHeader header, ReadOnlySpan<byte> mulaw)
    {
        if (!HasListeners)
        {
            return;
        }

        var frame = new byte[AudioFrameHeader.Size + mulaw.Length];
        header.Write(frame);
        mulaw.CopyTo(frame.AsSpan(AudioFrameHeader.Size));
        Put(_watchers, header, frame);
        Put(_relays, header, frame);
    }

    /// <summary>What the node that holds the call relayed here.</summary>
    public void Take(FleetingBatch batch)
    {
        foreach (var partial in batch.Partials)
        {
            Put(_watchers, partial);
        }

        if (batch.Meters is { } meters)
        {
            Put(_watchers, meters);
        }

        if (batch.Unsaved is { } unsaved)
        {
            lock (_gate)
            {
                Remember(unsaved.Count == 0 ? null : unsaved);
                Put(_watchers, unsaved);
            }
        }

        foreach (var frame in batch.Audio)
        {
            if (AudioFrameHeader.TryRead(frame, out var header))
            {
                Put(_watchers, header, frame);
            }
        }
    }

    /// <returns>False when it is known already.</returns>
    private bool Remember(Unsaved? unsaved)
    {
        var news = (unsaved?.Count, unsaved?.Since, unsaved?.Reason) != (_unsaved?.Count, _unsaved?.Since, _unsaved?.Reason);
        _unsaved = unsaved;
        return news;
    }

    private static void Put(WatcherOutbox[] outboxes, PartialTranscript partial)
    {
        foreach (var outbox in outboxes)
        {
            outbox.Put(partial);
        }
    }

    private static void Put(WatcherOutbox[] outboxes, CallMeters meters)
    {
        foreach (var outbox in outboxes)
        {
            outbox.Put(meters);
        }
    }

    private static void Put(WatcherOutbox[] outboxes, Unsaved? unsaved)
    {
        foreach (var outbox in outboxes)
        {
            outbox.Put(unsaved ?? new Unsaved([], 0, null, null));
        }
    }

    private static void Put(WatcherOutbox[] outboxes, AudioFrameHeader header, byte[] frame)
    {
        foreach (var outbox in outboxes)
        {
            if (outbox.Listening)
            {
                outbox.Put(header, frame);
            }
        }
    }
}
