using System.Text.RegularExpressions;

namespace Kraliki.Server.Hosting;

/// <summary>
/// Paths without a version reach the newest one: <c>/ai/x</c> and <c>/api/ai/x</c> are <c>/api/v1/ai/x</c>, and <c>/api/x</c> is
/// <c>/api/v1/x</c>. One rewrite before routing, so sign-in, limits and audit are the same; links in answers stay versioned.
/// </summary>
internal static partial class UnversionedPaths
{
    private static readonly PathString Newest = "/api/v1";

    public static void UseUnversionedPaths(this WebApplication app) =>
        app.Use((http, next) =>
        {
            var asked = http.Request.Path;
            if (TryVersion(asked, out var versioned))
            {
                http.Features.Set(new AskedPath(asked));
                http.Request.Path = versioned;
            }

            return next(http);
        });

    /// <summary>The path as it was asked, for sentences to the one who asked.</summary>
    public static PathString Asked(HttpContext http) => http.Features.Get<AskedPath>()?.Path ?? http.Request.Path;

    private static bool TryVersion(PathString path, out PathString versioned)
    {
        versioned = path.StartsWithSegments("/ai") ? Newest.Add(path)
            : path.StartsWithSegments("/api", out var rest) && rest.HasValue && !AnyVersion().IsMatch(rest.Value) ? Newest.Add(rest)
            : path;
        return versioned != path;
    }

    // A version that does not exist (yet) is no feature of that name in the newest one.
    [GeneratedRegex("^/v[0-9]+(/|$)", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex AnyVersion();

    private sealed record AskedPath(PathString Path);
}
