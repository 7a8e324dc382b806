using Microsoft.AspNetCore.Authorization;
using Microsoft.OpenApi;
using Scalar.AspNetCore;

namespace Kraliki.Server.Hosting;

/// <summary>The OpenAPI 3.1 document and its reference page.</summary>
internal static class ApiDescription
{
    private const string Document = "v1";

    public static void AddApiDescription(this IServiceCollection services) =>
        services.AddOpenApi(Document, description =>
        {
            description.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1;
            description.AddDocumentTransformer((document, _, _) =>
            {
                document.Info = new OpenApiInfo
                {
                    Title = "Kraliki",
                    Version = Document,
                    Description = "JSON in snake_case, times in UTC, ids UUIDv7. Errors are problem details (RFC 9457) with code and request_id. "
                        + "Sign in at POST /api/v1/auth/login; send the access token as Bearer, or use cookies with the header X-Kraliki-CSRF: 1.",
                };

                // Where the document was fetched from is where the API is; an absolute address would change with each installation.
                document.Servers = [new OpenApiServer { Url = "/" }];
                document.Components ??= new OpenApiComponents();
                document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
                {
                    ["bearer"] = new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = "bearer", BearerFormat = "JWT" },
                };
                document.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference("bearer", document)] = [] }];
                return Task.CompletedTask;
            });
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
                if (context.Description.ActionDescriptor.EndpointMetadata.OfType<IAllowAnonymous>().Any())
                {
                    // An empty list overrides the document's demand for a token.
                    operation.Security = [];
                }

                return Task.CompletedTask;
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
}
