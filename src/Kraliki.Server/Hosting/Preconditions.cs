using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Microsoft.Net.Http.Headers;

namespace Kraliki.Server.Hosting;

/// <summary>ETag and If-Match of what two people can edit: whoever changes it must say which version they saw.</summary>
public static class Preconditions
{
    /// <param name="version">The version that the change was decided on; null for <c>*</c> (whatever it is now).</param>
    /// <param name="refusal">428 without If-Match, 400 when it is no ETag of ours.</param>
    /// <param name="required">Without it, no If-Match is the same as <c>*</c>.</param>
    public static bool TryRead(HttpRequest request, out long? version, [NotNullWhen(false)] out IResult? refusal, bool required = true)
    {
        version = null;
        refusal = null;
        if (request.Headers.IfMatch.Count == 0)
        {
            if (!required)
            {
                return true;
            }

            refusal = Problems.Result(
                StatusCodes.Status428PreconditionRequired, "precondition_required", "Send If-Match with the ETag of the version that you saw, so that nobody else's change is lost.");
            return false;
        }

        var tags = request.GetTypedHeaders().IfMatch;
        if (tags is [var any] && any.Tag == "*")
        {
            return true;
        }

        if (tags is [{ IsWeak: false } tag] && long.TryParse(tag.Tag.AsSpan().Trim('"'), NumberStyles.None, CultureInfo.InvariantCulture, out var parsed))
        {
            version = parsed;
            return true;
        }

        refusal = Problems.Result(StatusCodes.Status400BadRequest, "invalid_if_match", "If-Match must be the ETag of an earlier answer, such as \"3\".");
        return false;
    }

    /// <summary>Says in the API's description that the route calls <see cref="TryRead"/>: every PATCH and PUT does.</summary>
    public static RouteHandlerBuilder Versioned(this RouteHandlerBuilder route) => route.WithMetadata(VersionedRoute.Always);

    /// <summary>The same of a route where If-Match may be left out.</summary>
    public static RouteHandlerBuilder VersionedIfAsked(this RouteHandlerBuilder route) => route.WithMetadata(VersionedRoute.IfAsked);

    /// <summary>The answer with the ETag of what it shows.</summary>
    public static IResult Tagged(HttpContext http, long version, IResult result)
    {
        http.Response.GetTypedHeaders().ETag = new EntityTagHeaderValue(string.Create(CultureInfo.InvariantCulture, $"\"{version}\""));
        return result;
    }
}

/// <summary>Marks a route that takes If-Match.</summary>
internal sealed record VersionedRoute(bool Required)
{
    public static readonly VersionedRoute Always = new(Required: true);
    public static readonly VersionedRoute IfAsked = new(Required: false);
}
