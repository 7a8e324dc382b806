using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kraliki.Chaos;

/// <summary>
/// Results of batches, one line of JSON each, appended as they come, so that a run that was stopped can go on; and their
/// figures, which also count the faults of a batch that is not finished.
/// </summary>
public static class ChaosReport
{
    /// <summary>The goal: this share of all callers whose node was killed hears the agent again within <see cref="GoalMs"/>.</summary>
    public const double GoalShare = 0.95;

    public const int GoalMs = 5000;

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
        IgnoreReadOnlyProperties = true,
    };

    private static readonly JsonSerializerOptions Pretty = new(Json) { WriteIndented = true };

    public static void Append(string file, BatchResult batch) => File.AppendAllText(file, JsonSerializer.Serialize(batch, Json) + "\n");

    public static IReadOnlyList<BatchResult> Read(string file) => File.Exists(file)
        ? [.. File.ReadLines(file).Where(line => line.Length > 0).Select(line => JsonSerializer.Deserialize<BatchResult>(line, Json)!)]
        : [];

    /// <summary>Rewrites the summary beside the results.</summary>
    public static void Summarise(string file, ChaosFigures figures) => File.WriteAllText(file, JsonSerializer.Serialize(figures, Pretty));

    /// <param name="unfinished">Faults of the running batch, whose histories have not been compared yet.</param>
    public static ChaosFigures Figures(int seed, int planned, IReadOnlyList<BatchResult> batches, IReadOnlyList<FaultResult> unfinished, double seconds)
    {
        IReadOnlyList<FaultResult> faults = [.. batches.SelectMany(batch => batch.Faults), .. unfinished];
        var killed = faults.Where(fault => fault.Kind == ClusterFault.KillNode).SelectMany(fault => fault.Struck).ToList();
        return new(
            seed, [.. batches.Select(batch => batch.Seed)], planned, faults.Count, unfinished.Count, Math.Round(seconds / 60, 1),
            faults.GroupBy(fault => fault.Kind).OrderBy(kind => kind.Key).ToDictionary(
                kind => Name(kind.Key), kind => FigureOf(kind.Count(), kind.SelectMany(fault => fault.Struck))),
            killed.GroupBy(call => call.Carrier).OrderBy(habit => habit.Key, StringComparer.Ordinal).ToDictionary(
                habit => habit.Key, habit => FigureOf(null, habit)),
            new(
                batches.Sum(batch => batch.Calls), batches.Sum(batch => batch.Events), batches.Sum(batch => batch.Writes), batches.Sum(batch => batch.AcknowledgedWrites),
                batches.Sum(batch => batch.Comparison.LinesCompared), batches.Sum(batch => batch.Comparison.LinesExcused)),
            [.. batches.SelectMany(batch => batch.Comparison.Findings)],
            killed.Count == 0 || Spread.Of(killed.Select(call => call.HeardAgainMs ?? int.MaxValue))!.P95 < GoalMs);
    }

    /// <summary>The tables of <c>docs/resilience.md</c>.</summary>
    public static string Markdown(ChaosFigures figures)
    {
        ArgumentNullException.ThrowIfNull(figures);
        var text = new StringBuilder();
        void Table(string first, IReadOnlyDictionary<string, FaultFigures> rows)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"| {first} | times | calls struck | calls lost | heard again p50 / p95 / max, ms | within 5 s | silence p50 / p95 / max, ms |")
                .AppendLine("|---|---|---|---|---|---|---|");
            foreach (var (name, row) in rows)
            {
                text.AppendLine(CultureInfo.InvariantCulture, $"| {name} | {row.Times?.ToString(CultureInfo.InvariantCulture) ?? ""} | {row.Calls} | {row.Lost} | {row.HeardAgainMs} | {row.WithinGoal:0.0 %} | {row.SilenceMs} |");
            }

            text.AppendLine();
        }

        Table("fault", figures.Faults);
        if (figures.KilledByCarrier.Count > 0)
        {
            Table("node killed; the carrier", figures.KilledByCarrier);
        }

        text.AppendLine("| compared | | found | |").AppendLine("|---|---|---|---|");
        var compared = figures.Compared;
        (string What, int Count)[] counts =
        [
            ("calls", compared.Calls), ("journal entries", compared.Events), ("writes asked for", compared.Writes), ("of these acknowledged", compared.AcknowledgedWrites),
            ("callers' lines compared", compared.Lines), ("callers' lines excused", compared.LinesExcused), ("faults", figures.Done),
        ];
        var findings = figures.Findings.ToLookup(finding => finding.Kind);
        foreach (var (kind, (what, count)) in Enum.GetValues<FindingKind>().Zip(counts))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"| {what} | {count} | {Name(kind)} | {findings[kind].Count()} |");
        }

        return text.AppendLine().AppendLine(CultureInfo.InvariantCulture, $"{figures.Minutes} minutes. 95 % of the callers of killed nodes heard again within 5 s: {(figures.GoalMet ? "yes" : "NO")}.").ToString();
    }

    private static FaultFigures FigureOf(int? times, IEnumerable<StruckCall> struck)
    {
        var calls = struck.ToList();
        return new(
            times, calls.Count, calls.Count(call => call.HeardAgainMs is null), calls.Count == 0 ? 1 : calls.Count(call => call.HeardAgainMs < GoalMs) / (double)calls.Count,
            Spread.Of(calls.Select(call => call.HeardAgainMs).OfType<int>()), Spread.Of(calls.Select(call => call.SilenceMs).OfType<int>()));
    }

    private static string Name<T>(T value)
        where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());
}

/// <summary>What a run has shown so far.</summary>
/// <param name="BatchSeeds">Of the batches that are finished.</param>
/// <param name="Uncompared">Faults of the batch that is not finished: counted in the figures, its histories not compared yet.</param>
/// <param name="KilledByCarrier">The kills, by what the carrier does with a call whose media connection dies.</param>
/// <param name="GoalMet">No caller of a killed node counts as heard again who was not.</param>
public sealed record ChaosFigures(
    int Seed,
    IReadOnlyList<int> BatchSeeds,
    int Planned,
    int Done,
    int Uncompared,
    double Minutes,
    IReadOnlyDictionary<string, FaultFigures> Faults,
    IReadOnlyDictionary<string, FaultFigures> KilledByCarrier,
    ComparedFigures Compared,
    IReadOnlyList<Finding> Findings,
    bool GoalMet);

/// <param name="WithinGoal">Share of the calls.</param>
public sealed record FaultFigures(int? Times, int Calls, int Lost, double WithinGoal, Spread? HeardAgainMs, Spread? SilenceMs);

public sealed record ComparedFigures(int Calls, int Events, int Writes, int AcknowledgedWrites, int Lines, int LinesExcused);

public sealed record Spread(int P50, int P95, int Max)
{
    /// <returns>Null of nothing.</returns>
    public static Spread? Of(IEnumerable<int> values)
    {
        var sorted = values.Order().ToList();
        return sorted.Count == 0 ? null : new(At(0.5), At(ChaosReport.GoalShare), sorted[^1]);

        // Nearest rank: a value that was really measured.
        int At(double share) => sorted[(int)Math.Ceiling(share * sorted.Count) - 1];
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{P50} / {P95} / {Max}");
}
