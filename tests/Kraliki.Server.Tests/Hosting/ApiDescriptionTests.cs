using System.Text.Json;

namespace Kraliki.Server.Tests.Hosting;

public sealed class ApiDescriptionTests(ServerFixture fixture)
{
    private const string Refresh = "KRALIKI_UPDATE_SNAPSHOTS";

    /// <summary>A change of the contract shows in the diff of <c>docs/openapi.json</c>.</summary>
    [Fact]
    public async Task The_api_is_as_described_in_docs_openapi_json()
    {
        var cancel = TestContext.Current.CancellationToken;
        using var client = fixture.Server.Anonymous();
        var described = (await client.GetStringAsync("openapi/v1.json", cancel)).ReplaceLineEndings("\n") + "\n";
        var file = Path.Combine(RepositoryRoot(), "docs", "openapi.json");
        if (Environment.GetEnvironmentVariable(Refresh) == "1")
        {
            await File.WriteAllTextAsync(file, described, cancel);
        }

        using var document = JsonDocument.Parse(described);
        Assert.StartsWith("3.1", document.RootElement.GetProperty("openapi").GetString());
        Assert.True(
            File.Exists(file) && await File.ReadAllTextAsync(file, cancel) == described,
            $"The API differs from docs/openapi.json. When that is wanted: {Refresh}=1 ./test.sh server, and commit the file.");
    }

    private static string RepositoryRoot()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory.FullName, "Kraliki.slnx")))
        {
            directory = directory.Parent ?? throw new InvalidOperationException("The tests do not run inside the repository.");
        }

        return directory.FullName;
    }
}
