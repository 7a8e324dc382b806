using System.Threading.Channels;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.HotTier;

namespace Kraliki.Server.Sessions.Journal;

/// <summary>One session's wish to write.</summary>
/// <param name="Before">The row as the writer knows it; null creates the session. Refused when the database has another one.</param>
/// <param name="After">The row with all of <paramref name="Events"/> applied.</param>
/// <param name="Events">May be empty: the row alone changes.</param>
internal sealed record JournalWrite(SessionRow? Before, SessionRow After, IReadOnlyList<SessionEvent> Events);

/// <summary>The database did not take a write; whether it is in the journal is unknown until it is read again.</summary>
[GenerateSerializer]
public sealed class JournalUnavailableException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// Writes the journals of all sessions of this node: one task, one connection, one transaction for all that waits (group
/// commit), so that a disk flush is shared. Safe from any thread.
/// </summary>
/// <remarks>
/// <list type="number">
/// <item>Grains hand in writes; each waits for its own outcome.</item>
/// <item>The writer takes everything that waits, up to <see cref="LargestBatch"/>.</item>
/// <item>One transaction; after its commit each write learns whether it was taken.</item>
/// <item>When the database refuses the batch, its writes are tried one by one, so that one bad write harms nobody else.</item>
/// <item>When the database itself is away or freezes, all that waits fails at once, and so does what comes until <see cref="DatabaseWatch"/> finds it worth a try.</item>
/// </list>
/// </remarks>
internal sealed partial class JournalWriter(
    KralikiDbFactory databases, DatabaseWatch database, HotSessions hot, SessionLimits limits, TimeProvider time, ILogger<JournalWriter> log) : IHostedService
{
    /// <summary>Keeps one commit in the order of 10 ms.</summary>
    private const int LargestBatch = 512;

    // 4096 writes are some 80 commits: more than that waiting means that the disk does not keep up, and then the calls'
    // own queues shall fill, which are told to people, and not this one. Full: the caller waits, nothing is dropped.
    private readonly Channel<Pending> _queue = Channel.CreateBounded<Pending>(
        new BoundedChannelOptions(4096) { FullMode = BoundedChannelFullMode.Wait, SingleReader = true });

    private Task _writing = Task.CompletedTask;
    private JournalTables? _tables;

    /// <summary>A write would be refused at once, because the database is away.</summary>
    public bool IsInVain => database.InVain;

    /// <summary>Commits since the start; with the number of writes it tells how well group commit works.</summary>
    public long Commits { get; private set; }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _writing = WriteAllAsync();
        return Task.CompletedTask;
    }

    /// <summary>Whatever was handed in before is written.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        _queue.Writer.TryComplete();
        await _writing.WaitAsync(cancellationToken);
    }

    /// <returns>True once it is on disk; false when someone else wrote this session since: read it again.</returns>
    /// <exception cref="JournalUnavailableException">The database failed; it may or may not be on disk.</exception>
    public async Task<bool> AppendAsync(JournalWrite write)
    {
        if (database.InVain)
        {
            throw Unavailable(null);
        }

        var pending = new Pending(write, new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously));
        try
        {
            await _queue.Writer.WriteAsync(pending);
        }
        catch (ChannelClosedException e)
        {
            throw new JournalUnavailableException("The server is stopping.", e);
        }

        return await pending.Outcome.Task;
    }

    private async Task WriteAllAsync()
    {
        var batch = new List<Pending>();
        var lastCommit = time.GetTimestamp();
        while (await _queue.Reader.WaitToReadAsync())
        {
            var early = limits.CommitSpacing - time.GetElapsedTime(lastCommit);
            if (early > TimeSpan.Zero && Commits > 0)
            {
                await Task.Delay(early, time);
            }

            while (batch.Count < LargestBatch && _queue.Reader.TryRead(out var pending))
            {
                batch.Add(pending);
            }

            await CommitAsync(batch);
            batch.Clear();
            lastCommit = time.GetTimestamp();
        }

        if (_tables is not null)
        {
            await _tables.DisposeAsync();
        }
    }

    private async Task CommitAsync(List<Pending> batch)
    {
        var failure = await TryCommitAsync(batch);
        if (failure is null)
        {
            return;
        }

        foreach (var pending in batch)
        {
            var alone = batch.Count == 1 || database.InVain ? failure : await TryCommitAsync([pending]);
            if (alone is not null)
            {
                pending.Outcome.SetException(Unavailable(alone));
            }
        }
    }

    private static JournalUnavailableException Unavailable(Exception? cause) => new("The journal cannot be written at present.", cause);

    /// <returns>Null when it worked.</returns>
    private async Task<Exception?> TryCommitAsync(List<Pending> batch)
    {
        if (database.InVain)
        {
            return Unavailable(null);
        }

        // A connection that fails, or on which nobody waits any longer, is not used again.
        var committing = CommitAsync(_tables, batch.ConvertAll(pending => pending.Write));
        _tables = null;
        if (!await database.AnswersAsync(committing))
        {
            _ = LeaveAsync(committing);
            return Unavailable(null);
        }

        bool[] taken;
        try
        {
            (taken, _tables) = await committing;
        }
        catch (Exception e) when (DatabaseTrouble.Is(e))
        {
            if (DatabaseFault.KindOf(e) is null)
            {
                LogCommitFailed(e, batch.Count);
            }

            database.Failed(e);
            return e;
        }

        Commits++;
        database.Worked();
        for (var i = 0; i < batch.Count; i++)
        {
            if (taken[i])
            {
                hot.Keep(batch[i].Write.After, batch[i].Write.Events);
            }

            batch[i].Outcome.SetResult(taken[i]);
        }

        return null;
    }

    private async Task<(bool[] Taken, JournalTables Tables)> CommitAsync(JournalTables? open, List<JournalWrite> writes)
    {
        var tables = open ?? await JournalTables.OpenAsync(databases, CancellationToken.None);
        try
        {
            return (await tables.CommitAsync(writes, CancellationToken.None), tables);
        }
        catch
        {
            await tables.DisposeAsync();
            throw;
        }
    }

    /// <summary>Whatever comes of it, who wanted it has been told that it is unknown; the fence refuses what comes too late.</summary>
    private static async Task LeaveAsync(Task<(bool[] Taken, JournalTables Tables)> committing)
    {
        try
        {
            await (await committing).Tables.DisposeAsync();
        }
        catch (Exception e) when (DatabaseTrouble.Is(e))
        {
            // The outage was noticed before.
        }
    }

    private sealed record Pending(JournalWrite Write, TaskCompletionSource<bool> Outcome);
}
