using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kraliki.Chaos;

/// <summary>Results of batches, one line of JSON each: appended as they come, so that a run that was stopped can go on.</summary>
public static class ChaosReport
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
    };

    public static void Append(string file, BatchResult batch) => File.AppendAllText(file, JsonSerializer.Serialize(batch, Json) + "\n");

    public static IReadOnlyList<BatchResult> Read(string file) => File.Exists(file)
        ? [.. File.ReadLines(file).Where(line => line.Length > 0).Select(line => JsonSerializer.Deserialize<BatchResult>(line, Json)!)]
        : [];

    /// <summary>The tables of <c>docs/resilience.md</c>.</summary>
    public static string Markdown(IReadOnlyList<BatchResult> batches)
    {
        var text = new StringBuilder();
        text.AppendLine("| fault | times | calls struck | calls lost | heard again p50 / p95 / max, ms | silence p50 / p95 / max, ms |")
            .AppendLine("|---|---|---|---|---|---|");
        foreach (var kind in batches.SelectMany(batch => batch.Faults).GroupBy(fault => fault.Kind).OrderBy(kind => kind.Key))
        {
            text.AppendLine(CultureInfo.InvariantCulture,
                $"| {JsonNamingPolicy.SnakeCaseLower.ConvertName(kind.Key.ToString())} | {kind.Count()} | {kind.Sum(fault => fault.Calls)} | {kind.Sum(fault => fault.LostCalls)} | {Spread(kind.SelectMany(fault => fault.HeardAgainMs))} | {Spread(kind.SelectMany(fault => fault.SilenceMs))} |");
        }

        text.AppendLine().AppendLine("| compared | | found | |").AppendLine("|---|---|---|---|");
        var findings = batches.SelectMany(batch => batch.Findings).ToLookup(finding => finding.Kind);
        (string What, string Count)[] compared =
        [
            ("calls", Sum(batches, batch => batch.Calls)),
            ("journal entries", Sum(batches, batch => batch.Events)),
            ("writes asked for", Sum(batches, batch => batch.Writes)),
            ("of these acknowledged", Sum(batches, batch => batch.AcknowledgedWrites)),
            ("minutes", (batches.Sum(batch => batch.Seconds) / 60).ToString("0.0", CultureInfo.InvariantCulture)),
        ];
        foreach (var (kind, (what, count)) in Enum.GetValues<FindingKind>().Zip(compared))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"| {what} | {count} | {kind.ToString().ToLowerInvariant()} | {findings[kind].Count()} |");
        }

        return text.ToString();
    }

    private static string Sum(IReadOnlyList<BatchResult> batches, Func<BatchResult, int> number) => batches.Sum(number).ToString(CultureInfo.InvariantCulture);

    private static string Spread(IEnumerable<int> milliseconds)
    {
        var sorted = milliseconds.Order().ToList();
        return sorted.Count == 0 ? "–" : string.Create(CultureInfo.InvariantCulture, $"{At(0.5)} / {At(0.95)} / {sorted[^1]}");

        // Nearest rank: a value that was really measured.
        int At(double share) => sorted[(int)Math.Ceiling(share * sorted.Count) - 1];
    }
}
