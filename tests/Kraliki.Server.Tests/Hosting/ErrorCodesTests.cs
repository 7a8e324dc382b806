using System.Text.RegularExpressions;

namespace Kraliki.Server.Tests.Hosting;

/// <summary>docs/errors.md and the source name the same codes.</summary>
public sealed partial class ErrorCodesTests
{
    private static readonly HashSet<string> Documented =
        [.. Row().Matches(File.ReadAllText(Path.Combine(Repository.Root, "docs", "errors.md"))).Select(row => row.Groups["code"].Value)];

    private static readonly IReadOnlyList<(string File, string Text)> Sources =
    [
        .. from file in Directory.EnumerateFiles(Path.Combine(Repository.Root, "src", "Kraliki.Server"), "*.cs", SearchOption.AllDirectories)
           let path = Path.GetRelativePath(Repository.Root, file)
           where !path.Contains($"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal)
           select (path, File.ReadAllText(file)),
    ];

    [Fact]
    public void No_code_is_undocumented()
    {
        var used = (from source in Sources
                    where source.Text.Contains("Problems.", StringComparison.Ordinal)
                    from match in InCall().Matches(source.Text).Concat(WithSentence().Matches(source.Text))
                    select (Code: match.Groups["code"].Value, source.File)).ToList();
        Assert.True(used.Count > 30, $"Only {used.Count} codes were found in the source.");
        var missing = used.Where(use => !Documented.Contains(use.Code)).Select(use => $"{use.Code} ({use.File})").Distinct().ToList();
        Assert.True(missing.Count == 0, $"docs/errors.md does not explain {string.Join(", ", missing)}.");
    }

    [Fact]
    public void No_documented_code_is_left_over()
    {
        var source = string.Concat(Sources.Select(source => source.Text));
        Assert.DoesNotContain(Documented, code => !code.StartsWith("http_", StringComparison.Ordinal) && !source.Contains($"\"{code}\"", StringComparison.Ordinal));
    }

    [GeneratedRegex(@"^\| `(?<code>[a-z_…]+)` \| (\d{3}|any) \|", RegexOptions.Multiline)]
    private static partial Regex Row();

    // The first text in a call that makes a problem.
    [GeneratedRegex("""Problems\.(Result|WriteAsync)\([^;"]*"(?<code>[a-z_]+)"[^;]""")]
    private static partial Regex InCall();

    // Where the code is chosen before: ("code", "Sentence.").
    [GeneratedRegex("""\("(?<code>[a-z]+_[a-z_]+)", (\$?"[A-Z{]|null)""")]
    private static partial Regex WithSentence();
}
