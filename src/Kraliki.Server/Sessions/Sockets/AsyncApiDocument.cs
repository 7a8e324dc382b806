using System.Reflection;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using System.Text.Json.Serialization;
using Kraliki.Contracts;
using Kraliki.Server.Hosting;

namespace Kraliki.Server.Sessions.Sockets;

/// <summary><c>/asyncapi.json</c>: the session socket as an AsyncAPI 3.0 document, made from the types that travel over it.</summary>
internal static class AsyncApiDocument
{
    private const string ChannelName = "session";

    private static readonly JsonSchemaExporterOptions SchemaOptions = new()
    {
        TreatNullObliviousAsNonNullable = true,

        // The exporter cannot look into a converter of our own.
        TransformSchemaNode = (context, schema) => (Nullable.GetUnderlyingType(context.TypeInfo.Type) ?? context.TypeInfo.Type) == typeof(DateTimeOffset)
            ? new JsonObject { ["type"] = "string", ["format"] = "date-time" }
            : schema,
    };

    private static readonly JsonNode Messages = Build();

    public static void MapAsyncApi(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/asyncapi.json", (PublicUrls urls) => TypedResults.Text(Document(urls.Socket("")).ToJsonString(), "application/json"))
            .AllowAnonymous()
            .ExcludeFromDescription();

    private static JsonNode Document(string socketOrigin)
    {
        var url = new Uri(socketOrigin);
        var document = Messages.DeepClone();
        document["servers"] = new JsonObject { ["this"] = new JsonObject { ["host"] = url.Authority, ["protocol"] = url.Scheme } };
        return document;
    }

    private static JsonObject Build()
    {
        var messages = new JsonObject();
        var fromServer = Describe<ServerMessage>(messages);
        var fromClient = Describe<ClientMessage>(messages);
        messages["audio"] = new JsonObject
        {
            ["title"] = "Audio frame (binary)",
            ["summary"] = $"Sent while listening. {AudioFrameHeader.Size} bytes of header (leg, kind, two zero bytes, media time in ms as unsigned 32 bit little endian), then G.711 μ-law at 8 kHz.",
            ["contentType"] = "application/octet-stream",
        };
        fromServer.Add("audio");

        return new JsonObject
        {
            ["asyncapi"] = "3.0.0",
            ["info"] = new JsonObject
            {
                ["title"] = "Kraliki session socket",
                ["version"] = "1",
                ["description"] = "Life: hello from the server, identify from the client (single-use ticket), ready, events after after_seq, then live. "
                    + "After any loss reconnect, to whichever node, with a new ticket and the last seq, after a random time up to 0.5 s, then 1, 2, 4 … 30 s. "
                    + "x-close-codes says which closures are final. Asked to reconnect, connect anew at a random moment of the time given and then close the old socket. "
                    + "Partials, meters and unsaved are told anew after each ready; audio is off until the client listens again.",
            },
            ["channels"] = new JsonObject
            {
                [ChannelName] = new JsonObject
                {
                    ["address"] = "/ws/sessions/{id}",
                    ["parameters"] = new JsonObject { ["id"] = new JsonObject { ["description"] = "The session's id." } },
                    ["x-close-codes"] = new JsonArray([.. SocketEnd.Told.Select(end => new JsonObject
                    {
                        ["code"] = (int)end.Status,
                        ["reason"] = end.Code,
                        ["description"] = end.Message,
                        ["reconnect"] = end.Reconnect,
                    })]),
                    ["messages"] = new JsonObject(messages.Select(message => KeyValuePair.Create(message.Key, (JsonNode?)Reference($"#/components/messages/{message.Key}")))),
                },
            },
            ["operations"] = new JsonObject
            {
                ["send"] = Operation("send", fromServer),
                ["receive"] = Operation("receive", fromClient),
            },
            ["components"] = new JsonObject { ["messages"] = messages },
        };
    }

    /// <summary>Adds each derived type of a polymorphic message.</summary>
    /// <returns>Their names.</returns>
    private static List<string> Describe<T>(JsonObject messages)
    {
        var names = new List<string>();
        foreach (var derived in typeof(T).GetCustomAttributes<JsonDerivedTypeAttribute>())
        {
            var name = (string)derived.TypeDiscriminator!;
            var schema = ContractsJson.Default.Options.GetJsonSchemaAsNode(derived.DerivedType, SchemaOptions).AsObject();
            var properties = schema["properties"] as JsonObject ?? [];
            properties.Insert(0, "type", new JsonObject { ["const"] = name });
            schema["properties"] = properties;
            var required = schema["required"] as JsonArray ?? [];
            required.Insert(0, "type");
            schema["required"] = required;
            messages[name] = new JsonObject { ["title"] = derived.DerivedType.Name, ["contentType"] = "application/json", ["payload"] = schema };
            names.Add(name);
        }

        return names;
    }

    private static JsonObject Operation(string action, IEnumerable<string> messages) => new()
    {
        ["action"] = action,
        ["channel"] = Reference($"#/channels/{ChannelName}"),
        ["messages"] = new JsonArray([.. messages.Select(name => Reference($"#/channels/{ChannelName}/messages/{name}"))]),
    };

    private static JsonObject Reference(string to) => new() { ["$ref"] = to };
}
