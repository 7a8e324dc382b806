using System.Text.Json;
using System.Text.Json.Nodes;
using Kraliki.Contracts;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Kraliki.Server.Hosting;

/// <summary>
/// What follows from how a route is made, said in its description: who may call it, the errors that can occur, the headers it
/// takes and gives, and examples. A route itself says only what is its own: name, summary, bodies, and rarer errors.
/// </summary>
internal static class OperationDescription
{
    private const string RequestId = "RequestId";
    private const string IfMatch = "IfMatch";
    private const string OptionalIfMatch = "OptionalIfMatch";
    private const string Key = "IdempotencyKey";
    private const string Csrf = "CsrfHeader";
    private const string RetryAfter = "RetryAfter";

    private static readonly ErrorAnswer[] Errors =
    [
        new(400, "BadRequest", "The request is wrong; `errors` names the fields.", "validation_failed", "limit must be from 1 to 200.", Field: "limit"),
        new(401, "NotSignedIn", "Nobody is signed in, or the access token is no good any more.", "not_signed_in", "Sign in first: POST /api/v1/auth/login."),
        new(403, "Forbidden", "The role does not permit this, or a request with cookies does not come from our own pages.", "forbidden", "Your role does not permit this."),
        new(404, "NotFound", "There is no such thing in this organisation.", "not_found", "There is no session 01992f6e-4a3b-7c21-9d53-0c5f2f8e6a10."),
        new(406, "NotAcceptable", "None of the media types in Accept is available.", "not_acceptable", "The transcript is available as application/json, text/plain, text/vtt, application/x-subrip."),
        new(409, "Conflict", "Not possible as things stand; where it helps, `current` is how they stand.", "illegal_transition", "The session is completed: that is final, it cannot become active."),
        new(410, "Gone", "Used already, replaced or expired.", "link_expired", "This link was used already, replaced by a newer one, or has expired; ask for a new mail."),
        new(412, "VersionConflict", "Somebody else has changed it since; `current` is how it is now.", "version_conflict", "Somebody else has changed this since; current is how it is now."),
        new(413, "BodyTooLarge", "The body is larger than 1 MiB.", "body_too_large", "The body is larger than 1 MiB."),
        new(415, "UnsupportedMediaType", "The body is not JSON.", "unsupported_media_type", "The body must be JSON: Content-Type: application/json."),
        new(422, "KeyReused", "The Idempotency-Key was used for another request.", "idempotency_key_reused", "This Idempotency-Key was used for another request; every new request needs a new key."),
        new(428, "PreconditionRequired", "If-Match is missing.", "precondition_required", "Send If-Match with the ETag of the version that you saw, so that nobody else's change is lost."),
        new(429, "TooManyRequests", "Too often; Retry-After says in how many seconds to come again.", "too_many_requests", "Too many requests; try again in 2 s."),
        new(500, "InternalError", "A fault of the server, logged under `request_id`.", "internal_error", "Something went wrong on our side; it was logged under this request_id."),
        new(503, "Unavailable", "Passes; Retry-After says in how many seconds to come again.", "session_unavailable", "The session cannot be reached at present; nothing is lost. Try again in a moment."),
    ];

    public static void Complete(OpenApiOperation operation, OpenApiOperationTransformerContext context)
    {
        var document = context.Document!;
        var metadata = context.Description.ActionDescriptor.EndpointMetadata;
        var open = metadata.OfType<IAllowAnonymous>().Any();
        var unsafeMethod = context.Description.HttpMethod is not ("GET" or "HEAD");
        string[] permissions = open ? [] : [.. metadata.OfType<IAuthorizeData>().Select(data => data.Policy).OfType<string>().Distinct()];
        var versioned = metadata.OfType<VersionedRoute>().LastOrDefault();
        var idempotent = metadata.OfType<IdempotentRoute>().Any();
        var takesBody = operation.RequestBody is not null;
        var parameters = operation.Parameters ?? [];

        List<int> errors = [429, 500];
        errors.AddRange(takesBody ? [400, 413, 415] : []);
        errors.AddRange(parameters.Any(parameter => parameter.In == ParameterLocation.Query) ? [400] : []);
        errors.AddRange(parameters.Any(parameter => parameter.In == ParameterLocation.Path) ? [404] : []);
        errors.AddRange(open ? [] : [401]);
        errors.AddRange(permissions.Length > 0 || unsafeMethod ? [403] : []);
        errors.AddRange(versioned switch { null => [], { Required: true } => [400, 412, 428], _ => [400, 412] });
        errors.AddRange(idempotent ? [400, 409, 422] : []);

        SetResponses(operation, context, errors);
        List<IOpenApiParameter> headers = [new OpenApiParameterReference(RequestId, document)];
        headers.AddRange(versioned is null ? [] : [new OpenApiParameterReference(versioned.Required ? IfMatch : OptionalIfMatch, document)]);
        headers.AddRange(idempotent ? [new OpenApiParameterReference(Key, document)] : []);
        headers.AddRange(unsafeMethod ? [new OpenApiParameterReference(Csrf, document)] : []);
        operation.Parameters = [.. parameters, .. headers];
        if (open)
        {
            // An empty list overrides the document's demand for a token.
            operation.Security = [];
        }

        Say(operation, open ? "Needs no sign-in." : permissions.Length == 0 ? "Needs a sign-in of any role." : string.Join(' ', permissions.Select(WhoMay)));
        if (permissions.Length > 0)
        {
            operation.Extensions ??= new Dictionary<string, IOpenApiExtension>();
            operation.Extensions["x-permission"] = new JsonNodeExtension(string.Join(' ', permissions));
        }

        AddExamples(operation, context);
    }

    /// <summary>What <see cref="Complete"/> refers to.</summary>
    public static void AddComponents(OpenApiDocument document)
    {
        var components = document.Components!;
        components.Parameters = new Dictionary<string, IOpenApiParameter>
        {
            [RequestId] = Header(RequestIds.Header, "Your own id of this request, up to 64 letters, digits, `-`, `_` and `.`; it comes back and is in every log line. Any other is replaced.", "checkout-7f3a"),
            [IfMatch] = Header("If-Match", "The `ETag` of the version that the change was decided on; `*` means whatever it is now.", "\"3\"", required: true),
            [OptionalIfMatch] = Header("If-Match", "The `ETag` of the version that this was decided on; refused when there is a newer one. Left out, it is done in any version.", "\"3\""),
            [Key] = Header(IdempotentRequests.Header, "1 to 200 visible ASCII characters, new for each new request. Repeated with the same body within 24 hours, the request creates nothing more and gets the same answer.", "9f0c4c1e-5a0b-4f0e-8a3c-2f9f2f1f7f55"),
            [Csrf] = Header("X-Kraliki-CSRF", "`1`, needed with sign-in cookies.", "1"),
        };
        components.Headers = new Dictionary<string, IOpenApiHeader>
        {
            [RequestId] = new OpenApiHeader { Description = "Yours, or the server's own.", Schema = Text() },
            [RetryAfter] = new OpenApiHeader { Description = "Seconds.", Schema = new OpenApiSchema { Type = JsonSchemaType.Integer } },
            ["ETag"] = new OpenApiHeader { Description = "Version, for `If-Match`.", Schema = Text() },
            ["WwwAuthenticate"] = new OpenApiHeader { Description = "`Bearer`, with `error=\"invalid_token\"` when a token was sent.", Schema = Text() },
            ["Location"] = new OpenApiHeader { Description = "Path of what was created.", Schema = Text() },
            ["IdempotencyReplayed"] = new OpenApiHeader { Description = "`true`: the answer to an earlier request under the same Idempotency-Key.", Schema = Text() },
        };
        components.Responses = Errors.ToDictionary(error => error.Name, error => (IOpenApiResponse)new OpenApiResponse
        {
            Description = error.Description,
            Headers = HeadersOf(document, error.Status switch
            {
                401 => [("WWW-Authenticate", "WwwAuthenticate")],
                429 or 503 => [("Retry-After", RetryAfter)],
                _ => [],
            }),
            Content = new Dictionary<string, OpenApiMediaType>
            {
                [Problems.ContentType] = new() { Schema = new OpenApiSchemaReference(nameof(Problem), document), Example = error.Example() },
            },
        });
    }

    private static void SetResponses(OpenApiOperation operation, OpenApiOperationTransformerContext context, IEnumerable<int> errors)
    {
        var document = context.Document!;
        var responses = operation.Responses ??= [];
        var metadata = context.Description.ActionDescriptor.EndpointMetadata;
        foreach (var response in responses.Where(response => response.Key.StartsWith('2')).Select(response => response.Value).OfType<OpenApiResponse>())
        {
            List<(string, string)> headers = [];
            headers.AddRange(metadata.OfType<VersionedRoute>().Any() ? [("ETag", "ETag")] : []);
            headers.AddRange(metadata.OfType<IdempotentRoute>().Any() ? [("Location", "Location"), (IdempotentRequests.ReplayedHeader, "IdempotencyReplayed")] : []);
            response.Headers = HeadersOf(document, headers);
        }

        var declared = responses.Keys.Where(status => status[0] is '4' or '5').Select(int.Parse);
        foreach (var status in declared.Concat(errors).Distinct().Order().ToList())
        {
            var error = Errors.FirstOrDefault(error => error.Status == status)
                ?? throw new InvalidOperationException($"{operation.OperationId} answers {status}, which {nameof(OperationDescription)} cannot describe yet.");
            responses[$"{status}"] = new OpenApiResponseReference(error.Name, document);
        }

        operation.Responses = [];
        foreach (var (status, response) in responses.OrderBy(response => response.Key, StringComparer.Ordinal))
        {
            operation.Responses[status] = response;
        }
    }

    private static void AddExamples(OpenApiOperation operation, OpenApiOperationTransformerContext context)
    {
        var options = context.ApplicationServices.GetRequiredService<Microsoft.Extensions.Options.IOptions<Microsoft.AspNetCore.Http.Json.JsonOptions>>().Value.SerializerOptions;
        if (context.Description.ParameterDescriptions.FirstOrDefault(parameter => parameter.Source.Id == "Body") is { Type: { } body })
        {
            AddExample(operation.RequestBody?.Content, body, options);
        }

        foreach (var answer in context.Description.SupportedResponseTypes.Where(answer => answer.Type is not null && answer.StatusCode < 300))
        {
            AddExample(operation.Responses?.GetValueOrDefault($"{answer.StatusCode}")?.Content, answer.Type!, options);
        }
    }

    private static void AddExample(IDictionary<string, OpenApiMediaType>? content, Type type, JsonSerializerOptions options)
    {
        if (content?.TryGetValue("application/json", out var json) == true)
        {
            json.Example = ApiExamples.Find(type, options);
        }
    }

    private static void Say(OpenApiOperation operation, string sentence) =>
        operation.Description = operation.Description is { Length: > 0 } said ? $"{said}\n\n{sentence}" : sentence;

    private static string WhoMay(string permission)
    {
        var roles = Enum.GetValues<UserRole>().Where(role => RolePermissions.Allow(role, permission)).Select(WireWord.Of);
        return $"Needs the permission `{permission}` ({string.Join(", ", roles)}).";
    }

    private static Dictionary<string, IOpenApiHeader> HeadersOf(OpenApiDocument document, IEnumerable<(string Name, string Component)> headers) =>
        headers.Append((RequestIds.Header, RequestId)).ToDictionary(header => header.Item1, header => (IOpenApiHeader)new OpenApiHeaderReference(header.Item2, document));

    private static OpenApiParameter Header(string name, string description, string example, bool required = false) =>
        new() { Name = name, In = ParameterLocation.Header, Description = description, Required = required, Schema = Text(), Example = example };

    private static OpenApiSchema Text() => new() { Type = JsonSchemaType.String };

    /// <param name="Name">Of the component.</param>
    /// <param name="Code">The commonest code of this status; docs/errors.md has them all.</param>
    private sealed record ErrorAnswer(int Status, string Name, string Description, string Code, string Detail, string? Field = null)
    {
        public JsonNode Example() => JsonSerializer.SerializeToNode(
            Problems.Of(Status, Code, Detail, "checkout-7f3a", Field is null ? null : new Dictionary<string, string[]> { [Field] = [Detail] }),
            ContractsJson.Default.Problem)!;
    }
}
