using Kraliki.Contracts;
using Kraliki.Simulators.Callers;
using Kraliki.Simulators.Twilio;

namespace Kraliki.Server.Rehearsals;

/// <summary>Compares what the simulated caller knows with what the journal has. Pure.</summary>
/// <remarks>
/// The caller's times count from the answer of the call, the journal's from the start of the media: a few hundredths of a
/// second apart, which is why turns are matched to the nearest line rather than by exact time.
/// </remarks>
internal static class ReportWriter
{
    public static RehearsalReport Write(SimulatedCallReport call, IReadOnlyList<TurnFinished> turns, EndReason? end)
    {
        var lines = call.Lines;
        var heard = turns.Where(turn => turn.Speaker == LegRole.Caller).ToLookup(turn => LineOf(lines, turn));
        var report = new List<RehearsalTurn>();
        int wrong = 0;
        int said = 0;
        for (int i = 0; i < lines.Count; i++)
        {
            string words = string.Join(' ', heard[i].Select(turn => turn.Text));
            report.Add(new RehearsalTurn(LegRole.Caller, lines[i].Text, words.Length > 0 ? words : null, lines[i].StartMs));
            if (lines[i].Kind != LineKind.Backchannel)
            {
                var reference = WordErrors.Words(lines[i].Text);
                said += reference.Length;
                wrong += WordErrors.Count(reference, WordErrors.Words(words));
            }
        }

        // Heard without having been said: every word of it is one too many.
        foreach (var turn in heard[-1])
        {
            wrong += WordErrors.Words(turn.Text).Length;
            report.Add(new RehearsalTurn(LegRole.Caller, null, turn.Text, turn.StartMs));
        }

        report.AddRange(turns.Where(turn => turn.Speaker == LegRole.Ai).Select(turn => new RehearsalTurn(LegRole.Ai, null, turn.Text, turn.StartMs)));
        return new RehearsalReport(
            [.. report.OrderBy(turn => turn.AtMs)],
            [.. call.Expectations.Select(expectation => Judge(expectation, lines, turns))],
            said == 0 ? null : Math.Round(wrong / (double)said, 4),
            [.. lines.Where(line => line.FirstAnswerMs is not null).Select(line => line.FirstAnswerMs!.Value)],
            [.. lines.Where(line => line is { Kind: LineKind.Interrupt, ClearedAfterMs: not null }).Select(line => line.ClearedAfterMs!.Value)],
            call.DurationSeconds,
            end);
    }

    /// <summary>An expectation is about what the agent says between the line before it and the caller's next turn.</summary>
    private static RehearsalExpectation Judge(PlacedExpectation expectation, IReadOnlyList<SaidLine> lines, IReadOnlyList<TurnFinished> turns)
    {
        long from = expectation.AfterLine < 0 ? long.MinValue : lines[expectation.AfterLine].StartMs;
        long until = lines.Skip(expectation.AfterLine + 1).FirstOrDefault(line => line.Kind != LineKind.Backchannel)?.StartMs ?? long.MaxValue;
        string reply = string.Join(' ', turns.Where(turn => turn.Speaker == LegRole.Ai && turn.StartMs >= from && turn.StartMs < until).Select(turn => turn.Text));
        return new RehearsalExpectation(expectation.Description, new ScriptExpectation(expectation.Description).IsMetBy(reply), reply.Length > 0 ? reply : null);
    }

    /// <summary>The line that overlaps a turn the most or begins nearest to it, within two seconds; -1 when none does.</summary>
    private static int LineOf(IReadOnlyList<SaidLine> lines, TurnFinished turn)
    {
        int best = -1;
        long distance = 2000;
        for (int i = 0; i < lines.Count; i++)
        {
            long end = lines[i].EndMs ?? long.MaxValue;
            long gap = turn.StartMs > end ? turn.StartMs - end : turn.EndMs < lines[i].StartMs ? lines[i].StartMs - turn.EndMs : 0;
            gap = gap == 0 ? -1000 + Math.Min(999, Math.Abs(turn.StartMs - lines[i].StartMs)) : gap;
            if (gap < distance)
            {
                (best, distance) = (i, gap);
            }
        }

        return best;
    }
}
