using System.Text.Json.Nodes;

namespace Kraliki.Server.Tests.Fuzz;

/// <summary>One operation of the OpenAPI document, with a request that it would take.</summary>
/// <param name="Path">Begins with a slash; <c>{id}</c> stands for what changes.</param>
/// <param name="Body">What a client could really send; null when the operation takes none.</param>
/// <param name="MayBeAway">The document promises 503.</param>
internal sealed record ApiOperation(string Method, string Path, IReadOnlyList<string> Query, JsonObject? Body, bool MayBeAway)
{
    public override string ToString() => $"{Method} {Path}";

    public static IReadOnlyList<ApiOperation> Read(JsonNode document)
    {
        var operations = new List<ApiOperation>();
        foreach (var (path, item) in document["paths"]!.AsObject())
        {
            foreach (var (method, operation) in item!.AsObject().Where(pair => pair.Value?["responses"] is not null))
            {
                var parameters = new[] { item["parameters"], operation!["parameters"] }.OfType<JsonArray>().SelectMany(list => list).Select(parameter => Resolve(document, parameter!));
                var schema = operation["requestBody"]?["content"]?["application/json"]?["schema"];
                operations.Add(new(
                    method.ToUpperInvariant(),
                    path,
                    [.. parameters.Where(parameter => (string?)parameter["in"] == "query").Select(parameter => (string)parameter["name"]!)],
                    schema is null ? null : Sample(document, schema, "") as JsonObject ?? [],
                    operation["responses"]!["503"] is not null));
            }
        }

        return operations;
    }

    private static JsonNode? Sample(JsonNode document, JsonNode schema, string name)
    {
        schema = Resolve(document, schema);
        if ((schema["oneOf"] ?? schema["anyOf"] ?? schema["allOf"]) is JsonArray choices)
        {
            return Sample(document, choices.First(choice => (string?)choice!["type"] != "null")!, name);
        }

        if (schema["enum"] is JsonArray values)
        {
            return values[0]?.DeepClone();
        }

        var type = schema["type"] is JsonArray types ? (string)types.First(one => (string)one! != "null")! : (string?)schema["type"];
        return type switch
        {
            "object" when schema["properties"] is JsonObject properties =>
                new JsonObject(properties.Select(property => KeyValuePair.Create(property.Key, Sample(document, property.Value!, property.Key)))),
            "object" => new JsonObject(),
            "array" => new JsonArray(),
            "integer" or "number" => name == "max_silence_seconds" ? 30 : 1,
            "boolean" => true,
            _ => ((string?)schema["format"], name) switch
            {
                (_, "assistant") => null,
                (_, "language") => "en",
                ("uuid", _) => "01900000-0000-7000-8000-000000000009",
                ("date-time", _) => "2026-01-31T12:00:00Z",
                (_, "email") => "fuzz@demo.example",
                (_, "phone_number") => "+420226259221",

                // A practice call that really starts would only make noise.
                (_, "script") => "no-such-script",
                (_, "provider") => "local",
                (_, "telephony_provider") => "twilio",
                _ => "some text of ordinary length",
            },
        };
    }

    private static JsonNode Resolve(JsonNode document, JsonNode node) =>
        (string?)node["$ref"] is { } pointer ? pointer.TrimStart('#', '/').Split('/').Aggregate(document, (at, step) => at[step]!) : node;
}
