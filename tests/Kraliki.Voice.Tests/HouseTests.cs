using System.Text.RegularExpressions;
using System.Xml.Linq;
using Kraliki.Contracts;

namespace Kraliki.Voice.Tests;

/// <summary>The house rules that a compiler cannot check.</summary>
public sealed partial class HouseTests(ITestOutputHelper output)
{
    private static readonly string Root = FindRoot();

    [Fact]
    public void The_map_names_only_files_and_types_that_exist()
    {
        var map = File.ReadAllText(Path.Combine(Root, "docs", "map.md"));
        var types = Sources("src", "sim").SelectMany(file => TypeName().Matches(file.Text)).Select(m => m.Groups["name"].Value).ToHashSet();
        List<string> missing = [];
        var checkedNames = 0;
        foreach (var name in BacktickedName().Matches(map).Select(m => m.Groups["name"].Value))
        {
            var isPath = name.Contains('/') || name.EndsWith(".cs", StringComparison.Ordinal) || name.EndsWith(".sh", StringComparison.Ordinal);
            if (isPath ? !name.StartsWith('/') && !Path.Exists(Path.Combine(Root, name)) : TypeLike().IsMatch(name) && !types.Contains(name))
            {
                missing.Add(name);
            }

            checkedNames += isPath || TypeLike().IsMatch(name) ? 1 : 0;
        }

        Assert.True(checkedNames >= 5, $"docs/map.md names {checkedNames} files and types; a map names at least the five files to read first.");
        Assert.True(missing.Count == 0, "docs/map.md names what does not exist: " + string.Join(", ", missing));
    }

    [Fact]
    public void No_file_is_longer_than_900_lines() =>
        AssertNone(
            from file in Sources("src", "sim", "tests", "bench")
            let lines = file.Text.Count(c => c == '\n')

            // Migrations are generated, one piece for each table that there is.
            where lines > 900 && !file.Path.Contains("Migrations", StringComparison.Ordinal)
            select $"{file.Path}: {lines} lines");

    [Fact]
    public void Every_unbounded_queue_says_why_beside_it() =>
        AssertNone(
            from file in Sources("src", "sim")
            let lines = file.Text.Split('\n')
            from i in Enumerable.Range(0, lines.Length)
            where lines[i].Contains("CreateUnbounded") && !lines[Math.Max(0, i - 3)..(i + 1)].Any(line => line.Contains("//"))
            select $"{file.Path}:{i + 1}");

    [Fact]
    public void Package_versions_stand_only_in_Directory_Packages_props() =>
        AssertNone(
            from project in Files("*.csproj", "src", "sim", "tests", "bench", "tools")
            from reference in XDocument.Load(project).Descendants("PackageReference")
            where reference.Attribute("Version") is not null || reference.Attribute("VersionOverride") is not null
            select $"{Path.GetRelativePath(Root, project)}: {reference.Attribute("Include")?.Value}");

    [Fact]
    public void Log_calls_are_generated() =>
        AssertNone(Hits(HandWrittenLog(), "src"));

    [Fact]
    public void Every_log_message_has_an_event_id_of_its_own()
    {
        var ids = (from file in Sources("src") from match in EventIdOfLog().Matches(file.Text) select (Id: match.Groups["id"].Value, file.Path)).ToList();
        Assert.Equal(Sources("src").Sum(file => LogMessage().Count(file.Text)), ids.Count);
        AssertNone(from same in ids.GroupBy(log => log.Id) where same.Count() > 1 select $"{same.Key}: {string.Join(", ", same.Select(log => log.Path))}");
    }

    [Fact]
    public void Log_methods_stand_in_a_file_of_their_own() =>
        AssertNone(
            from file in Sources("src")
            where file.Text.Contains("[LoggerMessage(", StringComparison.Ordinal) && !file.Path.EndsWith(".Log.cs", StringComparison.Ordinal)
            select file.Path);

    [Fact]
    public void Nothing_is_async_void() =>
        AssertNone(Hits(AsyncVoid(), "src", "sim", "tests"));

    [Fact]
    public void Tests_do_not_sleep() =>
        AssertNone(Hits(Sleep(), "tests"));

    [Fact]
    public void At_most_one_type_in_ten_is_an_interface()
    {
        var kinds = Sources("src").SelectMany(file => TypeName().Matches(file.Text)).Select(m => m.Groups["kind"].Value).ToList();
        var interfaces = kinds.Count(kind => kind == "interface");
        output.WriteLine($"{interfaces} interfaces, {kinds.Count} types: {(double)interfaces / kinds.Count:F3}");
        Assert.True(interfaces * 10 <= kinds.Count, $"{interfaces} interfaces in {kinds.Count} types: an interface stands only at a seam with two real implementations.");
    }

    [Fact]
    public void Broad_catches_are_rare()
    {
        var sources = Sources("src");
        var lines = sources.Sum(file => file.Text.Count(c => c == '\n'));
        var catches = sources.Sum(file => BroadCatch().Count(file.Text));
        output.WriteLine($"{catches} broad catches in {lines} lines");
        Assert.True(catches * 1000 <= lines * 1.5, $"{catches} `catch (Exception` in {lines} lines: more than 1.5 per 1,000.");
    }

    [Fact]
    public void Every_end_reason_has_a_sentence_in_the_console()
    {
        var console = string.Concat(Sources("src/Kraliki.Console").Select(file => file.Text));
        AssertNone(Enum.GetNames<EndReason>().Where(name => !console.Contains($"EndReason.{name}")));
    }

    private static void AssertNone(IEnumerable<string> offenders)
    {
        var list = offenders.ToList();
        Assert.True(list.Count == 0, string.Join('\n', list));
    }

    private static IEnumerable<string> Hits(Regex pattern, params string[] folders) =>
        from file in Sources(folders)
        where Path.GetFileName(file.Path) != $"{nameof(HouseTests)}.cs"
        from match in pattern.Matches(file.Text)
        select $"{file.Path}:{file.Text[..match.Index].Count(c => c == '\n') + 1}: {match.Value}";

    private static IReadOnlyList<(string Path, string Text)> Sources(params string[] folders) =>
        [.. Files("*.cs", folders).Concat(Files("*.razor", folders)).Select(path => (Path.GetRelativePath(Root, path), File.ReadAllText(path)))];

    private static IEnumerable<string> Files(string pattern, params string[] folders) =>
        from folder in folders
        let absolute = Path.Combine(Root, folder)
        where Directory.Exists(absolute)
        from path in Directory.EnumerateFiles(absolute, pattern, SearchOption.AllDirectories)
        let parts = Path.GetRelativePath(Root, path).Split(Path.DirectorySeparatorChar)
        where !parts.Contains("obj") && !parts.Contains("bin") && !parts.Contains("node_modules")
        select path;

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Kraliki.slnx")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("The tests run inside the repository: no Kraliki.slnx above " + AppContext.BaseDirectory);
    }

    [GeneratedRegex(@"^[ \t]*(?:(?:public|internal|private|protected|file|sealed|static|abstract|partial|readonly|ref|unsafe) )*(?<kind>class|interface|record struct|record|struct|enum) (?<name>[A-Z]\w+)", RegexOptions.Multiline)]
    private static partial Regex TypeName();

    [GeneratedRegex("`(?<name>[^`\n]+)`")]
    private static partial Regex BacktickedName();

    [GeneratedRegex(@"^[A-Z][a-z]\w*[A-Z]\w*$")]
    private static partial Regex TypeLike();

    [GeneratedRegex(@"\.Log(Trace|Debug|Information|Warning|Error|Critical)\(")]
    private static partial Regex HandWrittenLog();

    [GeneratedRegex(@"\[LoggerMessage\b")]
    private static partial Regex LogMessage();

    [GeneratedRegex(@"\[LoggerMessage\(EventId = (?<id>\d+)")]
    private static partial Regex EventIdOfLog();

    [GeneratedRegex(@"\basync void\b")]
    private static partial Regex AsyncVoid();

    [GeneratedRegex(@"\bTask\.Delay\(|\bThread\.Sleep\(")]
    private static partial Regex Sleep();

    [GeneratedRegex(@"\bcatch \(Exception\b")]
    private static partial Regex BroadCatch();
}
