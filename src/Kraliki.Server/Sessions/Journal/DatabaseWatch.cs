using System.Data.Common;
using System.Diagnostics.Metrics;
using System.Threading.Channels;
using Kraliki.Server.Data;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Sessions.Journal;

/// <summary>Whether this node can write to its database: found out once, for all who would otherwise wait in vain. Safe from any thread.</summary>
/// <remarks>
/// <list type="number">
/// <item>Who writes reports failures; besides, the database is asked every few seconds. The first failure begins an outage.</item>
/// <item>While it lasts, writes are refused at once (<see cref="InVain"/>) and only this watch asks, with growing pauses.</item>
/// <item>Once the database answers, what waits may try (<see cref="WorthATryAsync"/>): a database that answers can still have a full disk.</item>
/// <item>The first write that is committed ends the outage; when nothing waits, the answer does.</item>
/// </list>
/// </remarks>
internal sealed partial class DatabaseWatch : BackgroundService
{
    public const string MeterName = "Kraliki.Database";

    /// <summary>How long one question may take. Also what a locked SQLite file is waited for.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    // So that an idle node knows, too: its first caller shall not be the one who finds out.
    private static readonly TimeSpan IdleInterval = TimeSpan.FromSeconds(5);

    // Carriers give up on a webhook after some 15 s, and people on a silent line much sooner.
    private static readonly TimeSpan LongestTry = TimeSpan.FromSeconds(2.5);

    // Without a sign that the database is away it is only slow: then an answer that comes late is better than none.
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(500);

    // Answers take milliseconds: whoever waits for so long asks whether the database is there at all.
    private static readonly TimeSpan Slow = TimeSpan.FromSeconds(1);

    private readonly KralikiDbFactory _databases;
    private readonly FactBudget _budget;
    private readonly TimeProvider _time;
    private readonly ILogger<DatabaseWatch> _log;
    private readonly Counter<long> _outages;

    // A wake-up, not a queue: one that nobody has noticed yet stands for all that follow.
    private readonly Channel<bool> _look = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly Lock _gate = new();
    private TaskCompletionSource _worthATry = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource _nextFailure = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile DatabaseFault? _fault;
    private volatile bool _trying;
    private int _failures;
    private Task? _question;

    public DatabaseWatch(KralikiDbFactory databases, FactBudget budget, IMeterFactory meters, TimeProvider time, ILogger<DatabaseWatch> log)
    {
        _databases = databases;
        _budget = budget;
        _time = time;
        _log = log;
        var meter = meters.Create(MeterName);
        _outages = meter.CreateCounter<long>("kraliki.database.outages", "{outage}", "Times that the database could not be written, by what was the matter.");
        meter.CreateObservableGauge("kraliki.database.writable", () => _fault is null ? 1 : 0, description: "1 while this node can write to its database, else 0.");
        _worthATry.SetResult();
    }

    /// <summary>Null while the database can be written, as far as is known.</summary>
    public DatabaseFault? Fault => _fault;

    /// <summary>A write at this moment would only wait for its time-out.</summary>
    public bool InVain => _fault is not null && !_trying;

    /// <summary>How long the outage lasts; zero when there is none.</summary>
    public TimeSpan Lasting => _fault is { } fault ? _time.GetUtcNow() - fault.Since : TimeSpan.Zero;

    /// <summary>A write failed. Failures that say nothing about the database itself are ignored.</summary>
    public void Failed(Exception failure)
    {
        if (DatabaseFault.KindOf(failure) is not { } kind)
        {
            return;
        }

        lock (_gate)
        {
            _failures++;
            if (_fault is null)
            {
                _failures = 1;
                _fault = new(kind, _time.GetUtcNow());
                _outages.Add(1, new KeyValuePair<string, object?>("kind", kind.ToString()));
                LogBegan(failure, _fault.Words);
            }
            else if (_fault.Kind != kind)
            {
                _fault = _fault with { Kind = kind };
                LogChanged(failure, _fault.Words);
            }

            _trying = false;
            if (_worthATry.Task.IsCompleted)
            {
                _worthATry = new(TaskCreationOptions.RunContinuationsAsynchronously);
            }

            _nextFailure.SetResult();
            _nextFailure = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        Suspect();
    }

    /// <summary>A write was committed.</summary>
    public void Worked()
    {
        if (_fault is null)
        {
            return;
        }

        lock (_gate)
        {
            if (_fault is { } fault)
            {
                LogEnded((_time.GetUtcNow() - fault.Since).TotalSeconds, _failures, _budget.Waiting);
                _fault = null;
            }

            _trying = false;
            _worthATry.TrySetResult();
        }
    }

    /// <summary>Something took too long: the database is asked at once.</summary>
    public void Suspect() => _look.Writer.TryWrite(true);

    /// <summary>Returns once a write may succeed; at once when no outage is known.</summary>
    public Task WorthATryAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            return _worthATry.Task.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Waits for what was asked of the database, but not for a driver that waits for one that froze.</summary>
    /// <param name="asked">Goes on when nobody waits for it any longer; what it brings then means nothing.</param>
    /// <returns>False when the database was found to be away first.</returns>
    public async Task<bool> AnswersAsync(Task asked)
    {
        Task failure;
        lock (_gate)
        {
            failure = _nextFailure.Task;
        }

        Task either = Task.WhenAny(asked, failure);
        while (true)
        {
            await either.WaitAsync(Slow, _time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (either.IsCompleted)
            {
                return asked.IsCompleted;
            }

            Suspect();
        }
    }

    /// <summary>Does something with the database for somebody who waits on the telephone: the answer comes within three seconds when it is away.</summary>
    /// <param name="ask">Told to stop when nobody waits for it any longer.</param>
    /// <returns>False when it did not work because the database, or a session's node, is away.</returns>
    public async Task<bool> AskAsync(Func<CancellationToken, Task> ask, CancellationToken cancellationToken)
    {
        // Not disposed: who asks may look at it after we have left. It holds nothing.
        var stop = new CancellationTokenSource();

        // On a thread of its own, because SQLite waits for a locked file on the thread that asks.
        var asking = Task.Run(() => ask(stop.Token), CancellationToken.None);
        for (var began = _time.GetTimestamp(); ;)
        {
            await asking.WaitAsync(Step, _time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (asking.IsCompleted)
            {
                break;
            }

            var waited = _time.GetElapsedTime(began);
            if (cancellationToken.IsCancellationRequested || waited > LongestWait || (waited >= LongestTry && _fault is not null))
            {
                await stop.CancelAsync();
                cancellationToken.ThrowIfCancellationRequested();
                LogTooSlow(waited.TotalSeconds);
                return false;
            }

            Suspect();
        }

        try
        {
            await asking;
            return true;
        }
        catch (Exception e) when (GrainCalls.IsTransient(e) || DatabaseTrouble.Is(e))
        {
            Failed(e);
            LogNotAnswered(e);
            return false;
        }
    }

    /// <summary>A connection of SQLite waits for a locked file, on the thread that asks, for as long as all others; one on which much depends must know sooner.</summary>
    public static void Hurry(DbConnection connection)
    {
        if (connection is SqliteConnection sqlite)
        {
            sqlite.DefaultTimeout = (int)Patience.TotalSeconds;
            using var command = sqlite.CreateCommand();
            command.CommandText = $"PRAGMA busy_timeout={(int)Patience.TotalMilliseconds}";
            command.ExecuteNonQuery();
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await using var idle = _time.CreateTimer(_ => Suspect(), null, IdleInterval, IdleInterval);
        while (await _look.Reader.WaitToReadAsync(stoppingToken))
        {
            _look.Reader.TryRead(out _);
            await LookAsync(stoppingToken);
            for (var pause = FirstPause; _fault is not null; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
            {
                await Task.Delay(pause, _time, stoppingToken);
                await LookAsync(stoppingToken);
            }
        }
    }

    private async Task LookAsync(CancellationToken cancellationToken)
    {
        // One question at a time: a database that froze does not answer its cancellation either, and then nobody waits for
        // the clean-up, which takes the driver's own time-outs.
        _question = _question is { IsCompleted: false } ? _question : AskItselfAsync(cancellationToken);
        try
        {
            await _question.WaitAsync(Patience, _time, cancellationToken);
        }
        catch (Exception e) when (e is TimeoutException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            Failed(new NoAnswerException());
            return;
        }
        catch (Exception e) when (DatabaseTrouble.Is(e))
        {
            Failed(e);
            return;
        }

        if (_fault is null || _budget.Waiting == 0)
        {
            Worked();
            return;
        }

        lock (_gate)
        {
            _trying = _fault is not null;
            _worthATry.TrySetResult();
        }
    }

    private async Task AskItselfAsync(CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(Patience, _time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
        await using var db = _databases.OpenForSystem();
        await db.Database.OpenConnectionAsync(limit.Token);
        var connection = db.Database.GetDbConnection();
        Hurry(connection);

        // SQLite takes the write lock here, and PostgreSQL has to answer.
        await using var transaction = await connection.BeginTransactionAsync(limit.Token);
        await transaction.CommitAsync(limit.Token);
    }

    private sealed class NoAnswerException() : DbException("The database did not answer in time.");
}
