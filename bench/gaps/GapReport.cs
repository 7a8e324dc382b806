using System.Globalization;
using System.Text;

namespace Kraliki.Gaps;

/// <summary>The tables of <c>docs/resilience.md</c>.</summary>
internal static class GapReport
{
    /// <summary>Within this, 95 of 100 handovers of a pair are done.</summary>
    public static double MostMs(Handover kind) => kind switch
    {
        // One frame of 20 ms more than the one that is due.
        Handover.Switch => 40,
        Handover.Failover => 1_000,
        _ => GapCall.StallLimit.TotalMilliseconds + 1_000,
    };

    public static string Markdown(IReadOnlyList<GapSample> samples)
    {
        var text = new StringBuilder();
        foreach (var kind in Enum.GetValues<Handover>())
        {
            var of = samples.Where(sample => sample.Kind == kind).ToList();
            if (of.Count == 0)
            {
                continue;
            }

            text.AppendLine(kind switch
            {
                Handover.Switch => "| switch | times | between the last frame of one and the first of the other, p50 / p95 / max, ms | asked for until done, p50 / p95 / max, ms | frames unheard |",
                Handover.Failover => "| failover | times | without a provider, p50 / p95 / max, ms | noticed until taken over, p50 / p95 / max, ms | frames unheard |",
                _ => "| fallen silent | times | from the end of the caller's words until the next one heard them, p50 / p95 / max, ms | noticed until taken over, p50 / p95 / max, ms | frames unheard |",
            });
            text.AppendLine("|---|---|---|---|---|");
            foreach (var pair in of.GroupBy(sample => (sample.From, sample.To)))
            {
                Row($"{pair.Key.From} → {pair.Key.To}", [.. pair]);
            }

            Row("all", of);
            text.AppendLine();
        }

        return text.ToString();

        void Row(string name, IReadOnlyList<GapSample> of) => text.AppendLine(
            CultureInfo.InvariantCulture, $"| {name} | {of.Count} | {Spread(of.Select(sample => sample.GapMs))} | {Spread(of.Select(sample => (double)sample.TookMs))} | {of.Sum(sample => sample.Unheard)} |");
    }

    /// <summary>Nearest rank: a value that was really measured.</summary>
    public static double Percentile(IEnumerable<double> values, double share)
    {
        var sorted = values.Order().ToList();
        return sorted[Math.Max(0, (int)Math.Ceiling(share * sorted.Count) - 1)];
    }

    private static string Spread(IEnumerable<double> values)
    {
        var all = values.ToList();
        return string.Create(CultureInfo.InvariantCulture, $"{Percentile(all, 0.5):0} / {Percentile(all, 0.95):0} / {all.Max():0}");
    }
}
