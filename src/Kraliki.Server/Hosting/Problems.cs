using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Kraliki.Contracts;
using Microsoft.AspNetCore.WebUtilities;

namespace Kraliki.Server.Hosting;

/// <summary>Makes the one error format of the API (RFC 9457, <see cref="Problem"/>).</summary>
public static class Problems
{
    public const string ContentType = "application/problem+json";

    /// <summary>An error as the outcome of a handler.</summary>
    /// <param name="code">Stable machine-readable name, snake_case.</param>
    /// <param name="detail">One sentence for people: what is wrong and what would be right.</param>
    /// <param name="errors">Field name (snake_case) to sentences.</param>
    /// <param name="current">What was to be changed, as it is now.</param>
    public static IResult Result(
        int status,
        string code,
        string detail,
        IReadOnlyDictionary<string, string[]>? errors = null,
        IReadOnlyList<SessionState>? allowedStates = null,
        JsonElement? current = null) => new ProblemResult(status, code, detail, errors, allowedStates, current);

    public static IResult NotFound(string detail) => Result(StatusCodes.Status404NotFound, "not_found", detail);

    /// <summary>400 <c>validation_failed</c>.</summary>
    public static IResult Invalid(IReadOnlyDictionary<string, string[]> errors) =>
        Result(StatusCodes.Status400BadRequest, "validation_failed", errors.First().Value[0], errors);

    /// <inheritdoc cref="Invalid(IReadOnlyDictionary{string, string[]})"/>
    public static IResult Invalid(string field, string sentence) => Invalid(new Dictionary<string, string[]> { [field] = [sentence] });

    /// <summary>412 <c>version_conflict</c>: somebody else was faster.</summary>
    /// <param name="now">What was to be changed, as it is now.</param>
    public static IResult Conflict<T>(T now, JsonTypeInfo<T> type) =>
        Result(StatusCodes.Status412PreconditionFailed, "version_conflict", "Somebody else has changed this since; current is how it is now.", current: JsonSerializer.SerializeToElement(now, type));

    /// <summary>An error from outside a handler: middleware, authentication, status pages.</summary>
    public static Task WriteAsync(HttpContext http, int status, string code, string? detail, IReadOnlyDictionary<string, string[]>? errors = null) =>
        new ProblemResult(status, code, detail, errors, AllowedStates: null, Current: null).ExecuteAsync(http);

    internal static Problem Of(int status, string code, string? detail, string? requestId, IReadOnlyDictionary<string, string[]>? errors = null) =>
        new($"urn:kraliki:problem:{code}", ReasonPhrases.GetReasonPhrase(status), status, detail, code, requestId, errors);

    private sealed record ProblemResult(
        int Status,
        string Code,
        string? Detail,
        IReadOnlyDictionary<string, string[]>? Errors,
        IReadOnlyList<SessionState>? AllowedStates,
        JsonElement? Current) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.StatusCode = Status;
            var problem = Of(Status, Code, Detail, httpContext.TraceIdentifier, Errors) with { AllowedStates = AllowedStates, Current = Current };
            return httpContext.Response.WriteAsJsonAsync(problem, ContractsJson.Default.Problem, ContentType, httpContext.RequestAborted);
        }
    }
}
