using System.Text.Json;

namespace Kraliki.Server.Tests.Hosting;

public sealed class ApiDescriptionTests(ServerFixture fixture)
{
    /// <summary>A change of the contract shows in the diff of <c>docs/openapi.json</c>.</summary>
    [Fact]
    public async Task The_api_is_as_described_in_docs_openapi_json()
    {
        var cancel = TestContext.Current.CancellationToken;
        using var client = fixture.Server.Anonymous();
        var described = (await client.GetStringAsync("openapi/v1.json", cancel)).ReplaceLineEndings("\n") + "\n";
        using var document = JsonDocument.Parse(described);
        Assert.StartsWith("3.1", document.RootElement.GetProperty("openapi").GetString());
        await Repository.AssertSnapshotAsync("docs/openapi.json", described, cancel);
    }
}
