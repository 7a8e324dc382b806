using System.Text.Json;
using System.Text.Json.Nodes;
using Kraliki.Contracts;
using Kraliki.Server.Hosting;

namespace Kraliki.Server.Tests.Hosting;

public sealed class OperationDescriptionTests(ServerFixture fixture)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_operation_has_a_name_a_summary_a_tag_and_says_who_may_call_it()
    {
        var document = await DocumentAsync();
        var tags = document["tags"]!.AsArray().Select(tag => (string?)tag!["name"]).ToList();
        List<string> poor = [];
        foreach (var (name, operation) in Operations(document))
        {
            poor.AddRange(from field in (string[])["operationId", "summary", "description", "tags"] where operation[field] is null select $"{name}: {field} is missing");
            poor.AddRange(from tag in operation["tags"]?.AsArray() ?? [] where !tags.Contains((string?)tag) select $"{name}: the tag {tag} is not described in ApiDescription");
        }

        Assert.True(poor.Count == 0, string.Join('\n', poor));
    }

    [Fact]
    public async Task Every_JSON_body_has_an_example()
    {
        var document = await DocumentAsync();
        List<string> poor = [];
        foreach (var (name, operation) in Operations(document))
        {
            var bodies = operation["responses"]!.AsObject().Where(response => response.Key[0] == '2').Select(response => response.Value).Append(operation["requestBody"]);
            poor.AddRange(from body in bodies
                          let json = body?["content"]?["application/json"]
                          where json is not null && json["example"] is null
                          select $"{name}: {json["schema"]?.ToJsonString()} has no example in ApiExamples");
        }

        Assert.True(poor.Count == 0, string.Join('\n', poor));
    }

    [Fact]
    public void Every_example_is_read_as_it_was_written()
    {
        Assert.NotEmpty(ApiExamples.Types);
        foreach (var type in ApiExamples.Types.Where(type => type.Assembly == typeof(SessionView).Assembly))
        {
            var example = ApiExamples.Find(type, ContractsJson.Default.Options);
            var read = example.Deserialize(type, ContractsJson.Default.Options);
            Assert.True(JsonNode.DeepEquals(example, JsonSerializer.SerializeToNode(read, type, ContractsJson.Default.Options)), $"The example of {type.Name} changes when it is read: {example}");
        }
    }

    [Fact]
    public async Task Every_error_is_a_problem_and_what_can_be_said_of_all_is_said()
    {
        var document = await DocumentAsync();
        foreach (var (name, operation) in Operations(document))
        {
            foreach (var (status, response) in operation["responses"]!.AsObject().Where(response => response.Key[0] is '4' or '5'))
            {
                var component = document["components"]!["responses"]![((string)response!["$ref"]!).Split('/')[^1]]!;
                Assert.NotNull(component["content"]!["application/problem+json"]!["example"]);
                Assert.Equal(status, component["content"]!["application/problem+json"]!["example"]!["status"]!.ToJsonString());
            }

            Assert.Contains("429", operation["responses"]!.AsObject().Select(response => response.Key));
            Assert.True(HasParameter(operation, "RequestId"), name);
        }
    }

    [Fact]
    public async Task Every_change_of_a_thing_asks_for_If_Match_and_every_key_has_its_errors()
    {
        foreach (var (name, operation) in Operations(await DocumentAsync()))
        {
            var statuses = operation["responses"]!.AsObject().Select(response => response.Key).ToList();
            var changes = name.StartsWith("PATCH ", StringComparison.Ordinal) || name.StartsWith("PUT ", StringComparison.Ordinal);
            Assert.True(changes == HasParameter(operation, "IfMatch"), $"{name} {(changes ? "does not say that it asks" : "asks")} for If-Match; .Versioned() says so.");

            // What may be left out is still asked for in some cases: to take something away from somebody.
            Assert.True(changes == statuses.Contains("428") || HasParameter(operation, "OptionalIfMatch"), name);
            Assert.Equal(HasParameter(operation, "IdempotencyKey"), statuses.Contains("422"));
        }
    }

    [Fact]
    public async Task Answers_do_not_promise_fields_that_are_left_out_when_null()
    {
        var document = await DocumentAsync();
        var session = document["components"]!["schemas"]!["SessionView"]!["required"]!.AsArray().Select(name => (string)name!).ToList();
        Assert.Contains("id", session);
        Assert.DoesNotContain("ended_at", session);
        Assert.DoesNotContain("end_reason", session);
        Assert.Contains("enabled", document["components"]!["schemas"]!["UpdateFlag"]!["required"]!.AsArray().Select(name => (string)name!));
    }

    private static bool HasParameter(JsonNode operation, string component) =>
        operation["parameters"]!.AsArray().Any(parameter => (string?)parameter!["$ref"] == $"#/components/parameters/{component}");

    private static IEnumerable<(string Name, JsonNode Operation)> Operations(JsonNode document) =>
        from path in document["paths"]!.AsObject()
        from operation in path.Value!.AsObject()
        select ($"{operation.Key.ToUpperInvariant()} {path.Key}", operation.Value!);

    private async Task<JsonNode> DocumentAsync()
    {
        using var client = fixture.Server.Anonymous();
        return JsonNode.Parse(await client.GetStringAsync("openapi/v1.json", Cancel))!;
    }
}
