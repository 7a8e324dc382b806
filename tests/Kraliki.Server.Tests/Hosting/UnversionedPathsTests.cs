using System.Net.Http.Json;
using System.Text.Json;
using Kraliki.Contracts;
using Microsoft.AspNetCore.Builder;

namespace Kraliki.Server.Tests.Hosting;

public sealed class UnversionedPathsTests(ServerFixture fixture)
{
    private const string Version = "/api/v1/";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_operation_is_reached_with_and_without_the_version()
    {
        using var client = fixture.Server.Anonymous();
        using var document = JsonDocument.Parse(await client.GetStringAsync("openapi/v1.json", Cancel));
        var operations = (from path in document.RootElement.GetProperty("paths").EnumerateObject()
                          where path.Name.StartsWith(Version, StringComparison.Ordinal)
                          from operation in path.Value.EnumerateObject()
                          select (Method: operation.Name.ToUpperInvariant(), Path: path.Name)).ToList();
        Assert.True(operations.Count > 10, $"The document has only {operations.Count} operations under {Version}.");
        foreach (var (method, path) in operations)
        {
            // Without a body and a sign-in: what matters is that the same route answers, not what.
            var concrete = path.Replace("{id}", "01900000-0000-7000-8000-000000000009", StringComparison.Ordinal);
            var versioned = await AnswerAsync(client, method, concrete);
            Assert.NotEqual("There is nothing", versioned.Detail);
            Assert.Equal((path, versioned), (path, await AnswerAsync(client, method, "/api/" + concrete[Version.Length..])));
        }
    }

    [Fact]
    public async Task A_session_created_without_the_version_is_located_with_it()
    {
        using var client = await fixture.Server.SignInAsync(Cancel);
        using var answer = await client.PostAsJsonAsync("api/sessions", new CreateSession(), ContractsJson.Default.CreateSession, Cancel);
        var session = await answer.Content.ReadFromJsonAsync(ContractsJson.Default.SessionView, Cancel);
        Assert.Equal($"/api/v1/sessions/{session!.Id}", answer.Headers.Location?.ToString());
        Assert.Equal(session.Id, (await client.GetFromJsonAsync($"API/Sessions/{session.Id}", ContractsJson.Default.SessionView, Cancel))!.Id);
    }

    [Theory]
    [InlineData("/ai/nothing-of-the-kind")]
    [InlineData("/api/companies/nothing-of-the-kind")]
    [InlineData("/api/v7/sessions")]
    [InlineData("/api/v1/nothing-of-the-kind")]
    [InlineData("/api")]
    public async Task What_does_not_exist_is_named_as_it_was_asked(string path)
    {
        using var client = await fixture.Server.SignInAsync(Cancel);
        using var answer = await client.GetAsync(path, Cancel);
        var problem = await answer.Content.ReadFromJsonAsync(ContractsJson.Default.Problem, Cancel);
        Assert.Equal((404, "not_found", $"There is nothing at {path}."), (problem!.Status, problem.Code, problem.Detail));
    }

    [Fact]
    public async Task The_way_to_the_assistants_routes_is_one_rewrite()
    {
        await using var server = await RunningServer.StartAsync(Cancel, new ServerSetup(Routes: routes =>
            routes.MapGet("/api/v1/ai/probe", () => "here")));
        using var stranger = server.Anonymous();
        Assert.Equal(System.Net.HttpStatusCode.Unauthorized, (await stranger.GetAsync("ai/probe", Cancel)).StatusCode);
        using var client = await server.SignInAsync(Cancel);
        foreach (var path in (string[])["ai/probe", "api/ai/probe", "api/v1/ai/probe"])
        {
            Assert.Equal("here", await client.GetStringAsync(path, Cancel));
        }
    }

    private static async Task<(int Status, string? Code, string? Detail)> AnswerAsync(HttpClient client, string method, string path)
    {
        using var answer = await client.SendAsync(new HttpRequestMessage(new HttpMethod(method), path), Cancel);
        var problem = answer.Content.Headers.ContentType?.MediaType == "application/problem+json"
            ? await answer.Content.ReadFromJsonAsync(ContractsJson.Default.Problem, Cancel)
            : null;
        return ((int)answer.StatusCode, problem?.Code, problem?.Detail?[..Math.Min(16, problem.Detail.Length)]);
    }
}
