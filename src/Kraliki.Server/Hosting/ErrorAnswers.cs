using System.Text.Json;
using System.Text.RegularExpressions;
using Kraliki.Server.Sessions.Journal;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.WebUtilities;

namespace Kraliki.Server.Hosting;

/// <summary>Turns everything that goes wrong outside a handler into a problem that names what would be right.</summary>
internal static partial class ErrorAnswers
{
    private const string TooSlow = "The body came too slowly or not at all.";

    /// <summary>An answer without a body gets one: unknown path, wrong method, wrong media type, forbidden.</summary>
    public static Task StatusAsync(StatusCodeContext context)
    {
        var http = context.HttpContext;
        var (code, detail) = http.Response.StatusCode switch
        {
            400 => ("bad_request", "The request could not be read: its body breaks off or is not what its headers say."),
            403 => ("forbidden", "Your role does not permit this."),
            404 => ("not_found", $"There is nothing at {UnversionedPaths.Asked(http)}."),
            405 => ("method_not_allowed", $"{http.Request.Method} is not possible here; allowed: {http.Response.Headers.Allow}."),
            408 => ("body_too_slow", TooSlow),
            412 => ("precondition_failed", "What was asked for is not in the version that If-Match names."),
            413 => ("body_too_large", RequestSizes.TooLarge(http, endpoint: null)),
            415 => ("unsupported_media_type", "The body must be JSON: Content-Type: application/json."),
            var status => ($"http_{status}", $"{ReasonPhrases.GetReasonPhrase(status)}."),
        };
        return Problems.WriteAsync(http, http.Response.StatusCode, code, detail);
    }

    /// <summary>The last edge: a request that could not be read, or a bug. A bug's details stay in the log.</summary>
    public static Task ExceptionAsync(HttpContext http)
    {
        var error = http.Features.Get<IExceptionHandlerFeature>()!;
        if (IsDatabaseAway(error.Error))
        {
            // Logs the outage, once, in place of each request's exception.
            http.RequestServices.GetRequiredService<DatabaseWatch>().Failed(error.Error);
            return DatabaseAwayAsync(http);
        }

        if (error.Error is not BadHttpRequestException bad)
        {
            return Problems.WriteAsync(http, 500, "internal_error", "Something went wrong on our side; it was logged under this request_id.");
        }

        if (bad.InnerException is JsonException json)
        {
            var (field, sentence) = Explain(json, error.Endpoint?.Metadata.GetMetadata<IAcceptsMetadata>()?.RequestType, http);
            return Problems.WriteAsync(http, 400, "invalid_json", sentence, field is null ? null : new Dictionary<string, string[]> { [field] = [sentence] });
        }

        if (UnboundParameter().Match(bad.Message) is { Success: true } unbound)
        {
            // The message has the name and type of the handler's parameter or property.
            var name = JsonNamingPolicy.SnakeCaseLower.ConvertName(unbound.Groups["name"].Value);
            var sentence = $"{name} must be {Words(unbound.Groups["type"].Value)}.";
            return Problems.WriteAsync(http, 400, "validation_failed", sentence, new Dictionary<string, string[]> { [name] = [sentence] });
        }

        var (code, detail) = bad.StatusCode switch
        {
            408 => ("body_too_slow", TooSlow),
            413 => ("body_too_large", RequestSizes.TooLarge(http, error.Endpoint)),
            415 => ("unsupported_media_type", "The body must be JSON: Content-Type: application/json."),
            _ when http.Request.ContentLength is null or 0 && error.Endpoint?.Metadata.GetMetadata<IAcceptsMetadata>() is not null
                => ("invalid_json", "The body is missing; send a JSON object."),
            _ => ("bad_request", bad.Message),
        };
        return Problems.WriteAsync(http, bad.StatusCode, code, detail);
    }

    public static Task DatabaseAwayAsync(HttpContext http)
    {
        http.Response.Headers.RetryAfter = "2";
        return Problems.WriteAsync(http, 503, "database_unavailable", "The database does not answer at present; nothing was changed. Try again in a moment.");
    }

    public static bool IsDatabaseAway(Exception error) => error is JournalUnavailableException || DatabaseFault.KindOf(error) is not null;

    /// <summary>System.Text.Json tells a path and a .NET type; people need the field's name and what it may be.</summary>
    private static (string? Field, string Sentence) Explain(JsonException error, Type? body, HttpContext http)
    {
        if (MissingFields().Match(error.Message) is { Success: true } missing)
        {
            var names = QuotedNames().Matches(missing.Groups[1].Value).Select(match => match.Groups[1].Value).ToList();
            return (names[0], names.Count == 1 ? $"{names[0]} is missing." : $"{string.Join(", ", names)} are missing.");
        }

        // The reader's own exception inside means that the text is no JSON at all; the path is then only how far it came.
        var field = error.InnerException is JsonException ? null : error.Path?.TrimStart('$').TrimStart('.');
        if (string.IsNullOrEmpty(field))
        {
            return (null, error.LineNumber is { } line
                ? $"The body is not the JSON object that is expected here (line {line + 1}, byte {error.BytePositionInLine + 1})."
                : "The body is not the JSON object that is expected here.");
        }

        return (field, Wanted(body, field, http) is { } wanted ? $"{field} must be {wanted}." : $"{field} has a value that is not possible here.");
    }

    private static string? Wanted(Type? body, string path, HttpContext http)
    {
        var options = http.RequestServices.GetRequiredService<Microsoft.Extensions.Options.IOptions<Microsoft.AspNetCore.Http.Json.JsonOptions>>().Value.SerializerOptions;
        var type = body;
        foreach (var step in path.Split('.'))
        {
            type = type is null ? null : options.GetTypeInfo(type).Properties.FirstOrDefault(property => property.Name == step)?.PropertyType;
        }

        type = type is null ? null : Nullable.GetUnderlyingType(type) ?? type;
        return type switch
        {
            null => null,
            { IsEnum: true } => "one of " + string.Join(", ", Enum.GetNames(type).Select(JsonNamingPolicy.SnakeCaseLower.ConvertName)),
            _ when type == typeof(string) => "a text",
            _ when type == typeof(bool) => "true or false",
            _ when type == typeof(Guid) => "a UUID",
            _ when type == typeof(DateTimeOffset) => "a time such as 2026-01-31T12:00:00Z",
            { IsPrimitive: true } => "a number",
            _ when type.IsAssignableTo(typeof(System.Collections.IEnumerable)) && !type.IsGenericType => "a list",
            _ => "an object",
        };
    }

    private static string Words(string type) => type switch
    {
        _ when type.Contains("DateTime") => "a time such as 2026-01-31T12:00:00Z",
        _ when type.Contains("Guid") => "a UUID",
        _ when type.Contains("bool") => "true or false",
        _ when type.Contains("int") || type.Contains("long") => "a whole number",
        _ => "of another form",
    };

    // Microsoft.AspNetCore.Http.RequestDelegateFactory: Failed to bind parameter "Nullable<int> Limit" from "abc".
    [GeneratedRegex("""^Failed to bind parameter "(?<type>\S+) (?<name>\w+)" from """)]
    private static partial Regex UnboundParameter();

    [GeneratedRegex("missing required properties including: (.+)\\.")]
    private static partial Regex MissingFields();

    [GeneratedRegex("'([^']+)'")]
    private static partial Regex QuotedNames();
}
