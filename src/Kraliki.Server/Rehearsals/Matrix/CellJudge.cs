using System.Globalization;
using Kraliki.Contracts;
using Kraliki.Simulators.Callers;

namespace Kraliki.Server.Rehearsals.Matrix;

/// <summary>What is known of a call of the matrix once it is over.</summary>
/// <param name="Struck">Faults that came about.</param>
/// <param name="Refusal">What the server said against the switch that was asked for; null when it took it on.</param>
internal sealed record CellEvidence(MatrixCell Cell, RehearsalView Rehearsal, IReadOnlyList<SessionEvent> Journal, int Struck, string? Refusal, double? PeaceErrorRate, double Seconds);

/// <summary>Says whether a call of the matrix was as it must be: nothing lost, nothing twice, taken over in time. Pure.</summary>
internal static class CellJudge
{
    /// <summary>Longest gap without a provider once a failure is known.</summary>
    public const int MostGapMs = 1_000;

    // The same words are not heard alike twice: where an utterance is cut and heard again, a recogniser guesses anew.
    private const double ErrorAllowance = 0.15;

    // Without a call in peace to compare with; the noisy street is heard worst.
    private const double MostErrors = 0.5;

    // As many of the first words of a reply as make it the same reply.
    private const int SameWords = 4;

    public static CellResult Judge(CellEvidence evidence)
    {
        var (cell, rehearsal) = (evidence.Cell, evidence.Rehearsal);
        var facts = evidence.Journal.Select(happened => happened.Data).ToList();
        var report = rehearsal.Report;
        var switches = facts.OfType<ProviderSwitched>().ToList();
        var takeovers = switches.Where(change => change.Cause is SwitchCause.Failover or SwitchCause.RolledBack).ToList();
        var answers = report?.FirstAnswerMs.Order().ToList() ?? [];
        List<string> findings =
        [
            .. OfCall(cell, rehearsal),
            .. OfWords(evidence, report),
            .. OfTools(facts),
            .. OfReplies(facts),
            .. facts.OfType<MediaEnded>().Where(end => end.FramesDropped > 0).Select(end => $"{end.FramesDropped * 20} ms of the caller were heard by nobody."),
            .. takeovers.Where(change => change.TookMs > MostGapMs).Select(change => $"Nobody had the call for {change.TookMs} ms before {change.To} had it."),
            .. OfEvent(evidence, facts, switches),
        ];
        return new(
            cell,
            findings,
            Math.Round(evidence.Seconds, 1),
            [.. facts.OfType<ProviderConnected>().Take(1).Select(first => first.Provider), .. switches.Select(change => change.To)],
            report?.Expectations.Count(expectation => expectation.Met) ?? 0,
            report?.Expectations.Count ?? 0,
            report?.WordErrorRate,
            evidence.PeaceErrorRate,
            answers.Count == 0 ? null : answers[(answers.Count - 1) / 2],
            answers.Count == 0 ? null : answers[^1],
            takeovers.Count == 0 ? null : takeovers.Max(change => change.TookMs),
            switches.Sum(change => change.ReplayedMs),
            Story(evidence.Journal));
    }

    private static IEnumerable<string> OfCall(MatrixCell cell, RehearsalView rehearsal)
    {
        var expectations = rehearsal.Report?.Expectations ?? [];
        if (rehearsal.Status != RehearsalStatus.Passed && rehearsal.Failure != RehearsalRunner.Missed(expectations))
        {
            yield return rehearsal.Failure ?? $"The practice call is {WireWord.Of(rehearsal.Status)}.";
        }

        foreach (var missed in expectations.Skip(cell.Fault is { BlursAnswer: true } ? 1 : 0).Where(expectation => !expectation.Met))
        {
            yield return $"Expected {missed.Description}; the assistant said: {missed.Found ?? "nothing"}";
        }
    }

    /// <summary>Each line was heard, and as well as in peace.</summary>
    private static IEnumerable<string> OfWords(CellEvidence evidence, RehearsalReport? report)
    {
        if (report is null)
        {
            yield break;
        }

        var signs = evidence.Cell.Script.Steps.OfType<SpeakStep>().Where(step => step.Kind == LineKind.Backchannel).Select(step => step.Text).ToHashSet();
        foreach (var lost in report.Turns.Where(turn => turn is { Speaker: LegRole.Caller, Said: not null, Heard: null } && !signs.Contains(turn.Said)))
        {
            yield return $"Nobody heard the caller say: {lost.Said}";
        }

        double most = evidence.PeaceErrorRate is { } peace ? peace + ErrorAllowance : MostErrors;
        if (report.WordErrorRate > most)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"Of the caller's words {report.WordErrorRate:P0} were misheard; {(evidence.PeaceErrorRate is { } before ? $"with nothing happening up to {before:P0} are" : "more than half is too many")}.");
        }
    }

    /// <summary>Whatever the server was asked to do has one result, and one only, whoever has the call by then.</summary>
    private static IEnumerable<string> OfTools(IEnumerable<SessionFact> facts) =>
        from call in facts.OfType<ToolCalled>().GroupBy(call => call.CallId)
        let results = call.Count(one => one.Result is not null)
        where results != 1
        select $"The tool {call.First().Name} has {results} results.";

    /// <summary>What was heard of a reply that broke off is not said again.</summary>
    private static IEnumerable<string> OfReplies(IReadOnlyList<SessionFact> facts)
    {
        TurnFinished? before = null;
        foreach (var turn in facts.OfType<TurnFinished>())
        {
            // A fragment of a word or two is worth no care.
            if (before is { Speaker: LegRole.Ai, Interrupted: true } && turn.Speaker == LegRole.Ai
                && WordErrors.Words(before.Text) is { Length: >= SameWords } heard
                && heard.Take(SameWords).SequenceEqual(WordErrors.Words(turn.Text).Take(SameWords)))
            {
                yield return $"What the caller had heard was said again: {turn.Text}";
            }

            before = turn;
        }
    }

    private static IEnumerable<string> OfEvent(CellEvidence evidence, IReadOnlyList<SessionFact> facts, IReadOnlyList<ProviderSwitched> switches)
    {
        var cell = evidence.Cell;
        if (cell.Fault is null)
        {
            // In peace, and during a switch between two that are well, nobody fails.
            foreach (var failed in facts.OfType<ProviderFailed>())
            {
                yield return $"{failed.Provider} failed though nothing was done to it: {failed.Detail}";
            }
        }

        if (cell.Fault is { } fault)
        {
            if (evidence.Struck == 0)
            {
                yield return "The fault never came about, so this proves nothing.";
            }

            // One that refuses from the beginning is passed over before it had the call.
            bool failed = facts.OfType<ProviderFailed>().Any(one => one.Provider == cell.Provider);
            if (fault.Survival == Survival.TakenOver && (!failed || switches.Count == 0))
            {
                yield return failed ? "Nobody took the call over." : $"Nobody noticed that {cell.Provider} had failed.";
            }

            if (fault.Survival == Survival.Recycled && (failed || switches.All(change => change.Cause != SwitchCause.Recycled)))
            {
                yield return "The connection was not exchanged before its end.";
            }
        }

        if (cell.Switch is { } wanted)
        {
            if (evidence.Refusal is { } refusal)
            {
                yield return $"The switch was refused: {refusal}";
            }

            foreach (var failed in facts.OfType<ProviderSwitchFailed>())
            {
                yield return $"The switch failed: {failed.Detail}";
            }

            if (switches.All(change => change.To != wanted.Target || change.Cause != SwitchCause.Requested))
            {
                yield return $"{wanted.Target} never got the call.";
            }
        }
    }

    private static List<string> Story(IReadOnlyList<SessionEvent> journal)
    {
        using var lines = new StringWriter();
        var printer = new ConversationPrinter(lines, width: null);
        foreach (var happened in journal)
        {
            printer.Show(happened);
        }

        return [.. lines.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.TrimEnd())];
    }
}
