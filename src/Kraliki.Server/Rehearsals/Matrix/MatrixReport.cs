using System.Globalization;
using System.Net;
using System.Text;
using System.Xml.Linq;

namespace Kraliki.Server.Rehearsals.Matrix;

/// <summary>The results of a matrix for machines (JUnit XML) and for people (one page of HTML that needs nothing else).</summary>
internal static class MatrixReport
{
    private const string Template = "Kraliki.Server.Rehearsals.Matrix.page.html";

    /// <summary>One suite for each provider.</summary>
    public static string JUnit(IReadOnlyList<CellResult> results)
    {
        var root = new XElement("testsuites", new XAttribute("name", "rehearsals"), Counts(results));
        foreach (var suite in results.GroupBy(result => result.Cell.Provider))
        {
            root.Add(new XElement(
                "testsuite",
                new XAttribute("name", suite.Key),
                Counts([.. suite]),
                suite.Select(result => new XElement(
                    "testcase",
                    new XAttribute("classname", $"{result.Cell.Provider}.{result.Cell.Script.Name}"),
                    new XAttribute("name", result.Cell.Event),
                    new XAttribute("time", Number(result.Seconds)),
                    result.Passed ? null : new XElement("failure", new XAttribute("message", Plain(result.Findings[0])), Plain(string.Join('\n', result.Findings))),
                    new XElement("system-out", Plain(string.Join('\n', result.Story)))))));
        }

        return $"<?xml version=\"1.0\" encoding=\"utf-8\"?>\n{root}\n";
    }

    public static string Page(IReadOnlyList<CellResult> results)
    {
        using var stream = typeof(MatrixReport).Assembly.GetManifestResourceStream(Template)!;
        using var reader = new StreamReader(stream);
        int failed = results.Count(result => !result.Passed);
        var rows = new StringBuilder();
        foreach (var result in results)
        {
            Row(rows, result);
        }

        return reader.ReadToEnd()
            .Replace("{{calls}}", results.Count.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
            .Replace("{{failed}}", failed.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
            .Replace("{{verdict}}", failed == 0 ? "ok" : "bad", StringComparison.Ordinal)
            .Replace("{{gap}}", results.Max(result => result.GapMs) is { } gap ? $"{gap} ms" : "none", StringComparison.Ordinal)
            .Replace("{{lost}}", results.Sum(result => result.Findings.Count).ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
            .Replace("{{rows}}", rows.ToString(), StringComparison.Ordinal);
    }

    private static void Row(StringBuilder rows, CellResult result)
    {
        rows.Append(CultureInfo.InvariantCulture, $"<tr class=\"call {(result.Passed ? "ok" : "bad")}\" tabindex=\"0\" aria-expanded=\"false\">");
        Cell(result.Passed ? "passed" : "failed", result.Passed ? "1" : "0");
        Cell(result.Cell.Script.Name);
        Cell(result.Cell.Provider);
        Cell(result.Cell.Event);
        Cell(string.Join(" → ", result.Path));
        Cell($"{result.ExpectationsMet} of {result.Expectations}", Number(result.Expectations - result.ExpectationsMet));
        Cell(Percent(result.ErrorRate), Number(result.ErrorRate ?? -1));
        Cell(Percent(result.PeaceErrorRate), Number(result.PeaceErrorRate ?? -1));
        Cell(Milliseconds(result.AnswerMs), Number(result.AnswerMs ?? -1));
        Cell(Milliseconds(result.LongestAnswerMs), Number(result.LongestAnswerMs ?? -1));
        Cell(Milliseconds(result.GapMs), Number(result.GapMs ?? -1));
        Cell(Milliseconds(result.ReplayedMs == 0 ? null : result.ReplayedMs), Number(result.ReplayedMs));
        Cell($"{Number(result.Seconds)} s", Number(result.Seconds));
        rows.Append("</tr><tr class=\"more\" hidden><td colspan=\"13\">");
        foreach (string finding in result.Findings)
        {
            rows.Append(CultureInfo.InvariantCulture, $"<p class=\"finding\">{WebUtility.HtmlEncode(finding)}</p>");
        }

        rows.Append(CultureInfo.InvariantCulture, $"<pre>{WebUtility.HtmlEncode(string.Join('\n', result.Story))}</pre></td></tr>\n");

        void Cell(string text, string? sort = null) =>
            rows.Append(CultureInfo.InvariantCulture, $"<td{(sort is null ? "" : $" data-sort=\"{sort}\"")}>{WebUtility.HtmlEncode(text)}</td>");
    }

    private static XAttribute[] Counts(IReadOnlyList<CellResult> results) =>
    [
        new("tests", results.Count),
        new("failures", results.Count(result => !result.Passed)),
        new("time", Number(results.Sum(result => result.Seconds))),
    ];

    /// <summary>What a provider says may hold characters that XML cannot.</summary>
    private static string Plain(string text) => string.Concat(text.Where(System.Xml.XmlConvert.IsXmlChar));

    private static string Number(double value) => value.ToString("0.###", CultureInfo.InvariantCulture);

    private static string Percent(double? rate) => rate is { } value ? value.ToString("P0", CultureInfo.InvariantCulture) : "";

    private static string Milliseconds(int? value) => value is { } ms ? $"{ms} ms" : "";
}
