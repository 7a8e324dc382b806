using System.Threading.Channels;
using Kraliki.Contracts;

namespace Kraliki.Server.Sessions.Live;

/// <summary>What waits to be sent to one watcher, a socket or another node, besides committed events. Bounded in every part; putting never waits. Safe from any thread, one taker.</summary>
internal sealed class WatcherOutbox
{
    // Answers to the client's own messages. Full: the client sends faster than it reads, and is cut off.
    private const int MostControl = 64;

    // One unfinished turn per speaker is the rule. Full: the oldest turn's partial goes, its final will come.
    private const int MostPartials = 8;

    // One second of both legs at 20 ms. Full: the oldest frame goes; late audio is of no use.
    private const int MostAudio = 100;

    // Turns whose final text was sent lately: a partial that took the longer way comes after it, and is old news.
    private const int MostFinished = 16;

    // A wake-up, not a queue: one that nobody has noticed yet stands for all that follow.
    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly Lock _gate = new();
    private readonly Queue<ServerMessage> _control = new();
    private readonly OrderedDictionary<string, PartialTranscript> _partials = [];
    private readonly Queue<string> _finished = new(MostFinished);
    private readonly LinkedList<(LegRole Leg, byte[] Frame)> _audio = [];
    private CallMeters? _meters;
    private FeaturesChanged? _features;
    private Unsaved? _unsaved;

    /// <summary>Another node waits behind it, not a socket.</summary>
    public bool IsRelay { get; init; }

    /// <summary>Set by the feed, under its gate.</summary>
    public bool Listening { get; set; }

    /// <summary>Frames dropped because the watcher was too slow.</summary>
    public long AudioDropped { get; private set; }

    /// <returns>False when the watcher does not take its answers: cut it off.</returns>
    public bool Put(ServerMessage answer)
    {
        lock (_gate)
        {
            if (_control.Count == MostControl)
            {
                return false;
            }

            _control.Enqueue(answer);
        }

        Wake();
        return true;
    }

    public void Put(PartialTranscript partial)
    {
        lock (_gate)
        {
            if (_finished.Contains(partial.TurnId))
            {
                return;
            }

            if (!_partials.ContainsKey(partial.TurnId) && _partials.Count == MostPartials)
            {
                _partials.RemoveAt(0);
            }

            _partials[partial.TurnId] = partial;
        }

        Wake();
    }

    public void Put(CallMeters meters)
    {
        lock (_gate)
        {
            _meters = meters;
        }

        Wake();
    }

    /// <summary>Newest wins.</summary>
    public void Put(FeaturesChanged features)
    {
        lock (_gate)
        {
            _features = features;
        }

        Wake();
    }

    /// <summary>Newest wins.</summary>
    public void Put(Unsaved unsaved)
    {
        lock (_gate)
        {
            _unsaved = unsaved;
        }

        Wake();
    }

    public void Put(AudioFrameHeader header, byte[] frame)
    {
        lock (_gate)
        {
            if (header.Kind == AudioFrameKind.Flush)
            {
                // What was cut off for the caller is not sent to listeners either.
                for (var node = _audio.First; node is not null;)
                {
                    var next = node.Next;
                    if (node.Value.Leg == header.Leg)
                    {
                        _audio.Remove(node);
                    }

                    node = next;
                }
            }
            else if (_audio.Count == MostAudio)
            {
                _audio.RemoveFirst();
                AudioDropped++;
            }

            _audio.AddLast((header.Leg, frame));
        }

        Wake();
    }

    public void Wake() => _wake.Writer.TryWrite(true);

    /// <summary>Returns once something may have to be sent.</summary>
    public async ValueTask WaitAsync(CancellationToken cancellationToken) => await _wake.Reader.ReadAsync(cancellationToken);

    public ServerMessage? TakeControl()
    {
        lock (_gate)
        {
            if (_control.TryDequeue(out var answer))
            {
                return answer;
            }

            var features = _features;
            _features = null;
            return features;
        }
    }

    public byte[]? TakeAudio()
    {
        lock (_gate)
        {
            if (_audio.First is not { } first)
            {
                return null;
            }

            _audio.RemoveFirst();
            return first.Value.Frame;
        }
    }

    public ServerMessage? TakeNewest()
    {
        lock (_gate)
        {
            if (_partials.Count > 0)
            {
                var partial = _partials.GetAt(0).Value;
                _partials.RemoveAt(0);
                return partial;
            }

            if (_unsaved is { } unsaved)
            {
                // After the events: what it says replaces what was unsaved before them.
                _unsaved = null;
                return unsaved;
            }

            var meters = _meters;
            _meters = null;
            return meters;
        }
    }

    /// <summary>Everything that is fleeting, in one piece.</summary>
    public FleetingBatch TakeFleeting()
    {
        lock (_gate)
        {
            var batch = new FleetingBatch([.. _partials.Values], _meters, _unsaved, [.. _audio.Select(waiting => waiting.Frame)]);
            _partials.Clear();
            _audio.Clear();
            _meters = null;
            _unsaved = null;
            return batch;
        }
    }

    /// <summary>The turn's final text is about to be sent: no partial of it must come after it.</summary>
    public void Forget(string turnId)
    {
        lock (_gate)
        {
            _partials.Remove(turnId);
            if (_finished.Count == MostFinished)
            {
                _finished.Dequeue();
            }

            _finished.Enqueue(turnId);
        }
    }
}
