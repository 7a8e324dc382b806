using Kraliki.Contracts;

namespace Kraliki.Server.Sessions.Live;

/// <summary>One session as the sockets of this node see it. Everything that watchers have in common; safe from any thread, never waits.</summary>
/// <remarks>
/// Committed events are not queued per watcher: each watcher has a cursor and reads on from the newest events here, or from
/// the journal when it is further behind. So a slow watcher costs no memory and misses nothing.
/// </remarks>
internal sealed class SessionFeed(Guid sessionId, Action<Guid, bool> listenersChanged)
{
    // Enough for watchers that are only a moment behind; everybody else reads the journal. Full: the oldest goes.
    private const int Recent = 256;

    private readonly Lock _gate = new();
    private readonly Queue<SessionEvent> _recent = new(Recent);
    private WatcherOutbox[] _watchers = [];
    private int _listeners;
    private long _lastSeq;
    private Unsaved? _unsaved;

    public Guid SessionId => sessionId;

    /// <summary>The newest committed event that is known here.</summary>
    public long LastSeq => Interlocked.Read(ref _lastSeq);

    public bool HasListeners => Volatile.Read(ref _listeners) > 0;

    public int Watchers => _watchers.Length;

    public void Join(WatcherOutbox watcher)
    {
        lock (_gate)
        {
            _watchers = [.. _watchers, watcher];
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
            }
        }

        WakeAll();
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

        WakeAll();
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
        foreach (var watcher in _watchers)
        {
            watcher.Put(partial);
        }
    }

    public void Meters(CallMeters meters)
    {
        foreach (var watcher in _watchers)
        {
            watcher.Put(meters);
        }
    }

    /// <summary>What has happened but is not in the journal; null when all is. May be told again and again, watchers hear of changes.</summary>
    public void Tell(Unsaved? unsaved)
    {
        lock (_gate)
        {
            if ((unsaved?.Count, unsaved?.Since, unsaved?.Reason) == (_unsaved?.Count, _unsaved?.Since, _unsaved?.Reason))
            {
                return;
            }

            _unsaved = unsaved;
            foreach (var watcher in _watchers)
            {
                watcher.Put(unsaved ?? new Unsaved([], 0, null, null));
            }
        }
    }

    public void Audio(AudioFrameHeader header, ReadOnlySpan<byte> mulaw)
    {
        byte[]? frame = null;
        foreach (var watcher in _watchers)
        {
            if (!watcher.Listening)
            {
                continue;
            }

            if (frame is null)
            {
                frame = new byte[AudioFrameHeader.Size + mulaw.Length];
                header.Write(frame);
                mulaw.CopyTo(frame.AsSpan(AudioFrameHeader.Size));
            }

            watcher.Put(header, frame);
        }
    }

    private void WakeAll()
    {
        foreach (var watcher in _watchers)
        {
            watcher.Wake();
        }
    }
}
