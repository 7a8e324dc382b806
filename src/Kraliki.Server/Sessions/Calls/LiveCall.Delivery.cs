using Kraliki.Contracts;
using Kraliki.Server.Insights;

namespace Kraliki.Server.Sessions.Calls;

/// <content>The way of what the call tells to its session, and how people learn that it takes long.</content>
public sealed partial class LiveCall
{
    private const int LargestBatch = 64;

    // So many failures of a call that is over, with a database that works: what it tells cannot be written at all.
    private const int MostFailures = 30;

    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    // Once the database is back: not all calls of a node in the same millisecond.
    private static readonly TimeSpan Spread = TimeSpan.FromMilliseconds(200);

    /// <summary>Brings watchers up to date about what is not in the journal. Called now and then; nothing is said about moments.</summary>
    internal void TellUnsaved()
    {
        if (_facts.Since is { } since && _time.GetUtcNow() - since >= _limits.UnsavedNotice)
        {
            _roundsSaved = 0;
            _feeds.Find(SessionId)?.Tell(_facts.Show(_database.Fault?.Words ?? "the database is slow to answer"));
        }
        else if (++_roundsSaved > 1)
        {
            // A round later: what was just committed comes to watchers as events first, so that no line goes and comes again.
            _feeds.Find(SessionId)?.Tell(unsaved: null);
        }
    }

    private async Task DeliverAsync()
    {
        var delivered = 0L;
        while (await _facts.NextAsync(LargestBatch) is { Length: > 0 } batch)
        {
            if (!await InsistAsync(() => _grain.AppendAsync(new FactBatch(Epoch, delivered, batch))))
            {
                LoseSession();
                _facts.Close();
                GiveUpFacts();
                return;
            }

            delivered += batch.Length;
            _facts.Remove(batch.Length);
            // Only now: what is found out about a turn must stand after it.
            foreach (var said in batch.Select(timed => timed.Fact).OfType<TurnFinished>().Where(turn => turn is { Speaker: LegRole.Caller, Text.Length: > 0 }))
            {
                _found = _insights.Offer(new HeardTurn(SessionId, Organisation, said, _mood));
            }
        }

        if (_missing > 0)
        {
            LogFactsLost(_missing, SessionId);
        }
    }

    /// <summary>Repeats until the grain has an answer: what happened must not be lost because the database, or a node, is away for a while.</summary>
    /// <returns>What it answered; false also for a call that is over and can never be written.</returns>
    private async Task<bool> InsistAsync(Func<Task<bool>> tell)
    {
        for (var failures = 0; ;)
        {
            try
            {
                return await tell();
            }
            catch (Exception e) when (GrainCalls.IsTransient(e))
            {
                if (_database.Fault is null)
                {
                    LogDeliveryFailed(e, SessionId, _facts.Count, ++failures);
                }
            }

            if (_database.Fault is not null)
            {
                await _database.WorthATryAsync(_abandoned.Token);
                await Task.Delay(Spread * Random.Shared.NextDouble(), _time, _abandoned.Token);
            }
            else if (_completed && failures >= MostFailures)
            {
                LogFactsLost(_facts.Count, SessionId);
                return false;
            }
            else
            {
                var pause = TimeSpan.FromMilliseconds(200) * failures;
                await Task.Delay(pause < LongestPause ? pause : LongestPause, _time, _abandoned.Token);
            }
        }
    }

    /// <summary>A carrier that is quick asks another node what comes next before the end is written. Best effort: otherwise the new stream takes the session over.</summary>
    private async Task TellEndingAsync()
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            await _grain.EndingAsync(Epoch);
        }
        catch (Exception e) when (GrainCalls.IsTransient(e))
        {
            LogEndingNotTold(e, SessionId);
        }
    }

    /// <summary>What waits in vain must not use up the node's room for others, nor be lost without a word.</summary>
    private void GiveUpFacts()
    {
        if (_facts.Count is > 0 and var lost)
        {
            LogFactsLost(lost, SessionId);
            _facts.Remove(lost);
        }
    }
}
