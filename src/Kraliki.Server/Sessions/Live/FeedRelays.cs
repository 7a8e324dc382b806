using System.Collections.Concurrent;

namespace Kraliki.Server.Sessions.Live;

/// <summary>
/// Brings what is fleeting in the calls of this node (partials, meters, audio, what is not saved) to the nodes on which
/// somebody watches them. Safe from any thread.
/// </summary>
/// <remarks>
/// A relay is one more watcher of the session's feed, with the same bounded outbox: newest wins for partials and meters, one
/// second of audio. It sends what has gathered as one message, waits for the answer, and not before <see cref="SessionLimits.RelayInterval"/>
/// the next: a node that is slow gets less and holds nobody up. The answer says what is still wanted there, so audio is
/// made and sent only while somebody listens, and a relay that nobody needs ends by itself. No grain takes part.
/// </remarks>
internal sealed partial class FeedRelays(SessionFeeds feeds, SessionLimits limits, TimeProvider time, ILogger<FeedRelays> log) : IDisposable
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(1);

    // As many as there are pairs of a call here and another node where it is watched.
    private readonly ConcurrentDictionary<(Guid Session, INodeLink To), Relay> _relays = new();
    private readonly Lock _gate = new();
    private bool _disposed;

    /// <summary>From now on, for <see cref="SessionLimits.OwnerExpires"/>. Told again, the node is asked at once what it wants.</summary>
    public void Begin(Guid session, INodeLink to)
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            if (_relays.TryGetValue((session, to), out var running) && running.TryProlong(limits.OwnerExpires))
            {
                return;
            }

            var relay = new Relay(limits.OwnerExpires, time);
            _relays[(session, to)] = relay;
            _ = RunAsync(session, to, relay);
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
        }

        foreach (var relay in _relays.Values)
        {
            relay.End();
        }
    }

    private async Task RunAsync(Guid session, INodeLink to, Relay relay)
    {
        // Whoever began it must not wait for the first answer.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        var feed = feeds.Join(session, relay.Outbox);
        try
        {
            while (await AskAsync(session, to, relay) is var interest and not FeedInterest.None)
            {
                feed.Listen(relay.Outbox, interest == FeedInterest.Listening);
                await Task.Delay(limits.RelayInterval, time, relay.Ended);
                await relay.Outbox.WaitAsync(relay.Ended);
            }
        }
        catch (OperationCanceledException) when (relay.Ended.IsCancellationRequested)
        {
            // Nobody asked for it any more.
        }
        finally
        {
            feeds.Leave(feed, relay.Outbox);
            relay.End();
            _relays.TryRemove(new((session, to), relay));
        }
    }

    /// <summary>Sends what has gathered. While the other node does not answer, that is lost: it is fleeting.</summary>
    private async Task<FeedInterest> AskAsync(Guid session, INodeLink to, Relay relay)
    {
        while (true)
        {
            try
            {
                return await to.TakeAsync(session, relay.Outbox.TakeFleeting());
            }
            catch (Exception e) when (GrainCalls.IsTransient(e))
            {
                LogNodeDoesNotAnswer(e, session);
                await Task.Delay(RetryAfter, time, relay.Ended);
            }
        }
    }

    private sealed class Relay(TimeSpan life, TimeProvider time)
    {
        private readonly CancellationTokenSource _ended = new(life, time);

        public WatcherOutbox Outbox { get; } = new() { IsRelay = true };

        public CancellationToken Ended => _ended.Token;

        /// <returns>False when it has ended.</returns>
        public bool TryProlong(TimeSpan life)
        {
            _ended.CancelAfter(life);
            Outbox.Wake();
            return !_ended.IsCancellationRequested;
        }

        public void End() => _ended.Cancel();
    }
}
