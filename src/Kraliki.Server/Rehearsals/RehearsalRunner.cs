using System.Threading.Channels;
using Kraliki.Contracts;
using Kraliki.LocalSpeech;
using Kraliki.Server.Assistants;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Server.Providers;
using Kraliki.Server.Sessions;
using Kraliki.Server.Sessions.Journal;
using Kraliki.Server.Telephony;
using Kraliki.Simulators.Callers;
using Kraliki.Simulators.Twilio;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Rehearsals;

/// <summary>Runs practice calls one after the other, two at a time, and writes their reports.</summary>
internal sealed partial class RehearsalRunner(
    KralikiDbFactory databases,
    SessionCommands sessions,
    JournalReader journal,
    SimulatedCarrier carrier,
    RehearsalScripts scripts,
    Failover failover,
    PublicUrls urls,
    TimeProvider time,
    ILogger<RehearsalRunner> logger) : BackgroundService
{
    private const string DialledNumber = "+12025550100";
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    // People press the button a few times; a suite may queue some dozens. Full: the request is refused with 503.
    private readonly Channel<Guid> _queue = Channel.CreateBounded<Guid>(new BoundedChannelOptions(64) { FullMode = BoundedChannelFullMode.Wait });

    // Made before the server listens: whatever is older was left over by the process before.
    private readonly DateTimeOffset _startedAt = time.GetUtcNow();

    public bool TryQueue(Guid rehearsalId) => _queue.Writer.TryWrite(rehearsalId);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await FailInterruptedAsync(stoppingToken);

        // Two at a time: each speaks, hears and thinks on this machine.
        await Task.WhenAll(WorkAsync(stoppingToken), WorkAsync(stoppingToken));
    }

    private async Task WorkAsync(CancellationToken stoppingToken)
    {
        await foreach (var id in _queue.Reader.ReadAllAsync(stoppingToken))
        {
            try
            {
                await RunAsync(id, stoppingToken);
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                // The edge of a rehearsal: whatever went wrong is its result, and the next one still runs.
                LogRehearsalFailed(e, id);
                await FailAsync(id, e is SpeechPartsMissingException ? e.Message : "The rehearsal could not be run by a fault of the server.", stoppingToken);
            }
        }
    }

    private async Task RunAsync(Guid id, CancellationToken cancellationToken)
    {
        var rehearsal = await UpdateAsync(id, row => row.Status = RehearsalStatus.Running, cancellationToken);
        var script = scripts.Find(rehearsal.Script) ?? throw new InvalidOperationException($"The script {rehearsal.Script} was known when the rehearsal was asked for.");
        var simulator = await carrier.StartedAsync(cancellationToken);
        var created = new SessionCreated(
            rehearsal.Provider, VoiceStrategy.Realtime, rehearsal.TelephonyProvider, script.From, new Dictionary<string, string> { ["rehearsal"] = id.ToString(), ["script"] = script.Name });
        var assistant = await AssistantOfAsync(rehearsal, cancellationToken);
        var session = await sessions.CreateAsync(rehearsal.OrganisationId, assistant?.Lead(created, failover) ?? created, cancellationToken);
        using var scope = logger.BeginScope(new LogScope("session_id", session.Id.ToString()));
        await UpdateAsync(id, row => row.SessionId = session.Id, cancellationToken);

        SimulatedCallReport report;
        SessionRow ended;
        try
        {
            report = await CallAsync(simulator, script, session.Id, cancellationToken);
            ended = await EndedAsync(session.Id, cancellationToken);
        }
        finally
        {
            // A call that never reached us leaves its session waiting for it. One that has ended stays as it is.
            await sessions.EndAsync(session.Id, "server", "The practice call is over.", ifVersion: null, CancellationToken.None);
        }

        var turns = await journal.TurnsAsync(session.Id, cancellationToken);
        var written = ReportWriter.Write(report, turns.ConvertAll(turn => (TurnFinished)turn.Data), ended.EndReason);
        string? failure = FailureOf(report, written, ended);
        await UpdateAsync(id, row => Finish(row, failure is null ? RehearsalStatus.Passed : RehearsalStatus.Failed, failure, written), cancellationToken);
    }

    private async Task<ChosenAssistant?> AssistantOfAsync(RehearsalRow rehearsal, CancellationToken cancellationToken)
    {
        await using var db = databases.OpenForSystem();
        return await db.Set<AssistantVersion>().AsNoTracking()
            .Where(row => row.AssistantId == rehearsal.AssistantId && row.Number == rehearsal.AssistantVersion)
            .Select(row => new ChosenAssistant(row.AssistantId, row.Number, row.Content))
            .SingleOrDefaultAsync(cancellationToken);
    }

    private async Task<SimulatedCallReport> CallAsync(TwilioSimulator simulator, CallerScript script, Guid sessionId, CancellationToken cancellationToken)
    {
        var call = await simulator.PlaceCallAsync(
            new InboundCall(
                urls.FixedHttp($"{TwilioApi.VoicePath}?session={sessionId}"),
                DialledNumber,
                script,
                StatusUrl: urls.FixedHttp(TwilioApi.StatusPath)),
            cancellationToken);
        try
        {
            return await call.Completion.WaitAsync(Patience, time, cancellationToken);
        }
        catch (TimeoutException)
        {
            call.HangUp(CallEnder.Caller, "hang_up");
            return await call.Completion.WaitAsync(cancellationToken);
        }
    }

    private static string? FailureOf(SimulatedCallReport call, RehearsalReport report, SessionRow session)
    {
        if (session.State != SessionState.Completed)
        {
            string? carrier = call.Errors.FirstOrDefault() ?? call.Violations.FirstOrDefault();
            return session.EndDetail ?? (carrier is null ? "The call never reached its session." : $"The call never reached its session. The carrier reports: {carrier}");
        }

        if (call.Violations.Count > 0)
        {
            return $"The carrier refused a message of ours: {call.Violations[0]}";
        }

        if (call.Errors.Count > 0)
        {
            return $"The carrier reported an error: {call.Errors[0]}";
        }

        return Missed(report.Expectations);
    }

    /// <summary>What is said of a call that was well but for expectations; null when all were met.</summary>
    internal static string? Missed(IReadOnlyList<RehearsalExpectation> expectations) =>
        expectations.Count(expectation => !expectation.Met) is > 0 and var missed ? $"{missed} of {expectations.Count} expectations were not met." : null;

    /// <summary>The carrier's call is over a moment before the session's end is written.</summary>
    private async Task<SessionRow> EndedAsync(Guid sessionId, CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(15), time);
        while (true)
        {
            await using var db = databases.OpenForSystem();
            var row = await db.Set<SessionRow>().AsNoTracking().SingleAsync(row => row.Id == sessionId, cancellationToken);
            if (SessionStates.IsTerminal(row.State) || patience.IsCancellationRequested)
            {
                return row;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), time, cancellationToken);
        }
    }

    private async Task FailAsync(Guid id, string failure, CancellationToken cancellationToken)
    {
        try
        {
            await UpdateAsync(id, row => Finish(row, RehearsalStatus.Failed, failure, null), cancellationToken);
        }
        catch (Exception e) when (DatabaseTrouble.Is(e))
        {
            // The next start marks it as interrupted.
            LogRehearsalFailed(e, id);
        }
    }

    private async Task FailInterruptedAsync(CancellationToken cancellationToken)
    {
        try
        {
            await using var db = databases.OpenForSystem();
            var interrupted = await db.Set<RehearsalRow>()
                .Where(row => row.CreatedAt < _startedAt && (row.Status == RehearsalStatus.Queued || row.Status == RehearsalStatus.Running))
                .ToListAsync(cancellationToken);
            interrupted.ForEach(row => Finish(row, RehearsalStatus.Failed, "The server was restarted in the middle of it.", null));
            await db.SaveChangesAsync(cancellationToken);
        }
        catch (Exception e) when (DatabaseTrouble.Is(e))
        {
            // The next start marks them.
            LogInterruptedNotMarked(e);
        }
    }

    private async Task<RehearsalRow> UpdateAsync(Guid id, Action<RehearsalRow> change, CancellationToken cancellationToken)
    {
        await using var db = databases.OpenForSystem();
        var row = await db.Set<RehearsalRow>().SingleAsync(row => row.Id == id, cancellationToken);
        change(row);
        row.UpdatedAt = time.GetUtcNow();
        await db.SaveChangesAsync(cancellationToken);
        return row;
    }

    private void Finish(RehearsalRow row, RehearsalStatus status, string? failure, RehearsalReport? report)
    {
        row.Status = status;
        row.Failure = failure;
        row.Report = report;
        row.FinishedAt = row.UpdatedAt = time.GetUtcNow();
    }
}
