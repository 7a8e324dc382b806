using System.Xml.Linq;
using Kraliki.Server.Rehearsals;
using Kraliki.Server.Rehearsals.Matrix;
using Kraliki.Simulators.Callers;

namespace Kraliki.Server.Tests.Rehearsals.Matrix;

/// <summary><c>rehearse --all</c>: what it runs, and what it writes.</summary>
public sealed class MatrixCommandTests
{
    private static readonly string[] Providers = ["openai", "gemini", "deepgram", "deepgram_agent", "local"];

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public void Every_script_meets_every_provider_and_every_two_providers_meet_in_a_switch()
    {
        var cells = MatrixCell.All(CallerScripts.All, Providers);

        Assert.Equal(cells.Count, cells.Select(cell => cell.Name).Distinct().Count());
        Assert.All(
            from script in CallerScripts.All from provider in Providers select $"{script.Name}/{provider}/peace",
            name => Assert.Contains(cells, cell => cell.Name == name));
        Assert.Equal(Providers.Length * (Providers.Length - 1) * 2, cells.Count(cell => cell.Switch is not null));
        Assert.All(Providers.SkipLast(1), provider => Assert.All(
            ["refuse", "unauthorized", "rate_limit", "drop", "freeze", "slow", "garbage", "mid_sentence", "expiry", "mute", "stuck_audio", "short_audio"],
            fault => Assert.Contains(cells, cell => cell.Provider == provider && cell.Event.EndsWith(fault, StringComparison.Ordinal))));
    }

    [Fact]
    public async Task It_lists_what_a_filter_leaves()
    {
        using var output = new StringWriter();
        using var errors = new StringWriter();

        int code = await RehearseCommand.RunAsync(["--all", "--list", "--filter", "booking/openai/drop,human/*/peace"], output, errors, width: null, Cancelled);

        Assert.Equal(0, code);
        Assert.Equal(
            ["human/openai/peace", "human/gemini/peace", "human/deepgram/peace", "human/deepgram_agent/peace", "human/local/peace", "booking/openai/drop", "6 calls"],
            output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    [Theory]
    [InlineData("'--loud' does not go with --all.", "--loud")]
    [InlineData("--parallel takes a number from 1 to 64, not 'many'.", "--parallel", "many")]
    [InlineData("No call has such a name", "--filter", "nobody")]
    public async Task A_wrong_argument_is_named(string sentence, params string[] args)
    {
        using var output = new StringWriter();
        using var errors = new StringWriter();

        Assert.Equal(2, await RehearseCommand.RunAsync(["--all", .. args], output, errors, width: null, Cancelled));

        Assert.StartsWith(sentence, errors.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_reports_say_what_failed_and_hold_whatever_was_said()
    {
        var cells = MatrixCell.All([CallerScripts.Default], ["openai"]);
        CellResult[] results =
        [
            new(cells[0], [], 31.2, ["openai"], 4, 4, 0.05, null, 640, 900, null, 0, ["    1.0  caller    hello"]),
            new(cells[1], ["Nobody heard the caller say: <b>\u0007 hello"], 40, ["openai", "gemini"], 3, 4, 0.4, 0.05, 700, 1200, 230, 1500, ["    1.0  caller    <i>"]),
        ];

        var suites = XDocument.Parse(MatrixReport.JUnit(results)).Root!;
        Assert.Equal(("2", "1"), (suites.Attribute("tests")!.Value, suites.Attribute("failures")!.Value));
        Assert.Equal("Nobody heard the caller say: <b> hello", suites.Descendants("failure").Single().Value);
        string page = MatrixReport.Page(results);
        Assert.Contains("2 calls, 1 failed", page, StringComparison.Ordinal);
        Assert.Contains("openai → gemini", page, StringComparison.Ordinal);
        Assert.Contains("&lt;i&gt;", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<i>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("{{", page, StringComparison.Ordinal);
        Assert.DoesNotContain("http", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_call_whose_provider_is_cut_off_is_run_judged_and_reported()
    {
        string directory = Directory.CreateTempSubdirectory("kraliki-matrix-").FullName;
        using var output = new StringWriter();
        using var errors = new StringWriter();
        try
        {
            int code = await RehearseCommand.RunAsync(["--all", "--filter", "human/openai/drop", "--out", directory], output, errors, width: null, Cancelled);

            Assert.True(code == 0, output.ToString() + errors);
            Assert.Contains("ok     human/openai/drop", output.ToString(), StringComparison.Ordinal);
            Assert.Contains("openai → gemini", await File.ReadAllTextAsync(Path.Combine(directory, "rehearsals.html"), Cancelled), StringComparison.Ordinal);
            Assert.Single(XDocument.Parse(await File.ReadAllTextAsync(Path.Combine(directory, "rehearsals.xml"), Cancelled)).Descendants("testcase"));
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
