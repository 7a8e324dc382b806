using Kraliki.Contracts;
using Microsoft.OpenApi;
using Scalar.AspNetCore;

namespace Kraliki.Server.Hosting;

/// <summary>The OpenAPI 3.1 document and its reference page. What is said of each operation is in <see cref="OperationDescription"/>.</summary>
internal static class ApiDescription
{
    private const string Document = "v1";

    private const string Introduction =
        """
        JSON in snake_case, times in UTC, ids UUIDv7; what is null is left out of answers.

        **Signing in.** `POST /api/v1/auth/login`. Programs ask for `token_transport` `body` and send the access token as Bearer. Browsers
        get HttpOnly cookies, and every request that changes something then needs the header `X-Kraliki-CSRF: 1`.

        **Errors** are problem details (RFC 9457) with `code`, which never changes, and `request_id`, under which the server logged the request.

        **Lists** are paged by `limit` and `cursor`; a cursor is good for the same list with the same filters.

        **Changes** need `If-Match` with the `ETag` of the version that was seen, so that nobody's change is lost.

        **Creating** requests may bear an `Idempotency-Key`; repeated under the same key they create nothing more and get the same answer.

        Paths without the version (`/api/sessions`) reach the newest version.
        """;

    private static readonly (string Name, string Description)[] Tags =
    [
        ("Identity", "Accounts, signing in and out, devices."),
        ("Users", "Who belongs to the organisation, and who is invited."),
        ("Sessions", "Conversations: created here, watched and steered over the socket that `/asyncapi.json` describes."),
        ("Assistants", "What the AI is told to be and to do, in versions. A call keeps the version that it began with."),
        ("Rehearsals", "Practice calls against a simulated caller."),
        ("Providers", "AI voice providers."),
        ("Flags", "Features that an organisation switches off and on while calls run."),
        ("Audit", "What happened in the organisation: append-only, and every change of it is found."),
        ("Operations", "For those who run the server."),
        ("Demo", "What only the demo has."),
    ];

    public static void AddApiDescription(this IServiceCollection services) =>
        services.AddOpenApi(Document, description =>
        {
            description.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
            description.AddSchemaTransformer((schema, context, _) =>
            {
                // The schema exporter cannot look into our converter of times.
                var type = context.JsonTypeInfo.Type;
                if (type == typeof(DateTimeOffset) || (type == typeof(DateTimeOffset?) && context.ParameterDescription is not null))
                {
                    schema.Type = JsonSchemaType.String;
                }
                else if (type == typeof(DateTimeOffset?))
                {
                    schema.Type = JsonSchemaType.String | JsonSchemaType.Null;
                }

                return Task.CompletedTask;
            });
            description.AddOperationTransformer((operation, context, _) =>
            {
                OperationDescription.Complete(operation, context);
                return Task.CompletedTask;
            });
            description.AddDocumentTransformer(async (document, context, cancellationToken) =>
            {
                document.Info = new OpenApiInfo
                {
                    Title = "Kraliki",
                    Version = Document,
                    Description = Introduction,
                    License = new OpenApiLicense { Name = "MIT", Identifier = "MIT" },
                };

                // Where the document was fetched from is where the API is; an absolute address would change with each installation.
                document.Servers = [new OpenApiServer { Url = "/" }];
                var used = document.Paths.Values.SelectMany(path => path.Operations!.Values).SelectMany(operation => operation.Tags ?? new HashSet<OpenApiTagReference>()).Select(tag => tag.Name).ToHashSet();
                document.Tags = Tags.Where(tag => used.Contains(tag.Name)).Select(tag => new OpenApiTag { Name = tag.Name, Description = tag.Description }).ToHashSet();

                var components = document.Components ??= new OpenApiComponents();
                components.Schemas ??= new Dictionary<string, IOpenApiSchema>();
                // Minimal APIs describe errors by a type of the framework's; ours is another.
                components.Schemas.Remove("ProblemDetails");
                components.Schemas[nameof(Problem)] = await context.GetOrCreateSchemaAsync(typeof(Problem), cancellationToken: cancellationToken);
                LeaveOutNulls(document);
                components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
                {
                    ["bearer"] = new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = "bearer", BearerFormat = "JWT", Description = "The access token, which lives 15 minutes." },
                    ["cookie"] = new OpenApiSecurityScheme
                    {
                        Type = SecuritySchemeType.ApiKey,
                        In = ParameterLocation.Cookie,
                        Name = "__Host-kraliki_access",
                        Description = "Set by signing in with `token_transport` `cookie` (over plain http its name is `kraliki_access`). What changes something needs the header `X-Kraliki-CSRF: 1` too.",
                    },
                };
                document.Security = [Demand("bearer"), Demand("cookie")];
                OperationDescription.AddComponents(document);

                OpenApiSecurityRequirement Demand(string scheme) => new() { [new OpenApiSecuritySchemeReference(scheme, document)] = [] };
            });
        });

    /// <summary><c>/openapi/v1.json</c> and <c>/docs</c>, open to everybody like the documentation that they are.</summary>
    public static void MapApiDescription(this IEndpointRouteBuilder routes)
    {
        routes.MapOpenApi("/openapi/{documentName}.json").AllowAnonymous();
        routes.MapScalarApiReference("/docs", page =>
        {
            page.Title = "Kraliki API";
            page.OpenApiRoutePattern = $"/openapi/{Document}.json";
            // Fonts, the assistant and the tools would send readers, and what they look at, to another host.
            page.DefaultFonts = false;
            page.ShowDeveloperTools = DeveloperToolsVisibility.Never;
            page.DisableAgent();
            page.WithNonce();
        }).AllowAnonymous();
    }

    /// <summary>The exporter demands every field of a constructor, and answers leave out what is null. Bodies of requests must name it.</summary>
    private static void LeaveOutNulls(OpenApiDocument document)
    {
        var schemas = document.Components!.Schemas!;
        var sent = new HashSet<string>();
        foreach (var body in document.Paths.Values.SelectMany(path => path.Operations!.Values).Select(operation => operation.RequestBody).OfType<OpenApiRequestBody>())
        {
            foreach (var content in body.Content!.Values)
            {
                Reach(content.Schema);
            }
        }

        foreach (var schema in schemas.Where(named => !sent.Contains(named.Key)).Select(named => named.Value).OfType<OpenApiSchema>())
        {
            Relax(schema);
        }

        void Reach(IOpenApiSchema? schema)
        {
            if (schema is OpenApiSchemaReference { Reference.Id: { } id })
            {
                if (sent.Add(id) && schemas.TryGetValue(id, out var named))
                {
                    Reach(named);
                }

                return;
            }

            IEnumerable<IOpenApiSchema?> parts = [.. schema?.Properties?.Values ?? [], .. schema?.OneOf ?? [], .. schema?.AnyOf ?? [], schema?.Items, schema?.AdditionalProperties];
            foreach (var part in parts.Where(part => part is not null))
            {
                Reach(part);
            }
        }
    }

    private static void Relax(OpenApiSchema schema)
    {
        foreach (var (name, property) in schema.Properties ?? new Dictionary<string, IOpenApiSchema>())
        {
            if (property.Type?.HasFlag(JsonSchemaType.Null) == true || property.OneOf?.Any(one => one.Type == JsonSchemaType.Null) == true)
            {
                schema.Required?.Remove(name);
            }
        }
    }
}
