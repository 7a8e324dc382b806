using System.Globalization;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Net.Http.Headers;

namespace Kraliki.Server.Hosting;

/// <summary>How large, how deep and how slow a request may be.</summary>
/// <remarks>
/// What is a little too large gets a problem that says so; what is far too large is cut off by the web server while it
/// reads the head, with a bare status, because by then there is no request to answer. A route that takes more than
/// <see cref="LargestBody"/> says so by <see cref="Microsoft.AspNetCore.Mvc.RequestSizeLimitAttribute"/>.
/// </remarks>
internal static class RequestSizes
{
    /// <summary>1 MiB.</summary>
    public const long LargestBody = 1024 * 1024;

    /// <summary>Nested objects and lists of a JSON body.</summary>
    public const int DeepestJson = 32;

    private const int LongestUrl = 4 * 1024;
    private const int LargestHeaders = 16 * 1024;
    private const int MostParameters = 64;

    public static void Limit(KestrelServerLimits limits)
    {
        limits.MaxRequestBodySize = LargestBody;
        limits.MaxRequestLineSize = 4 * LongestUrl;
        limits.MaxRequestHeadersTotalSize = 2 * LargestHeaders;
        limits.MaxRequestHeaderCount = 100;
        limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
        limits.KeepAliveTimeout = TimeSpan.FromSeconds(130);

        // Bytes per second, after a time of grace: whoever drips holds a connection for little money.
        limits.MinRequestBodyDataRate = new(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(5));
        limits.MinResponseDataRate = new(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(5));
    }

    public static void Limit(FormOptions forms)
    {
        // A carrier's webhook has some forty short fields.
        forms.ValueCountLimit = 128;
        forms.KeyLengthLimit = 256;
        forms.ValueLengthLimit = 16 * 1024;
        forms.MultipartBodyLengthLimit = LargestBody;
    }

    public static void UseRequestSizes(this WebApplication app) => app.Use((http, next) => Refusal(http.Request) switch
    {
        { } refusal => Problems.WriteAsync(http, refusal.Status, refusal.Code, refusal.Detail),
        null => next(http),
    });

    /// <summary>What a 413 tells: the limit of the route that was asked.</summary>
    public static string TooLarge(HttpContext http, Endpoint? endpoint)
    {
        var limit = (endpoint ?? http.GetEndpoint())?.Metadata.GetMetadata<IRequestSizeLimitMetadata>()?.MaxRequestBodySize ?? LargestBody;
        return limit % (1024 * 1024) == 0
            ? string.Create(CultureInfo.InvariantCulture, $"The body is larger than {limit / (1024 * 1024)} MiB.")
            : string.Create(CultureInfo.InvariantCulture, $"The body is larger than {limit} bytes.");
    }

    private static (int Status, string Code, string Detail)? Refusal(HttpRequest request)
    {
        if (request.Path.Value!.Length + request.QueryString.Value!.Length > LongestUrl)
        {
            return (StatusCodes.Status414UriTooLong, "uri_too_long", $"The address is longer than {LongestUrl} characters.");
        }

        var headers = 0;
        foreach (var (name, values) in request.Headers)
        {
            foreach (var value in values)
            {
                headers += name.Length + (value?.Length ?? 0);
            }
        }

        if (headers > LargestHeaders)
        {
            return (StatusCodes.Status431RequestHeaderFieldsTooLarge, "headers_too_large", $"The headers have more than {LargestHeaders} characters.");
        }

        if (request.QueryString.Value.AsSpan().Count('&') >= MostParameters)
        {
            return (StatusCodes.Status400BadRequest, "too_many_parameters", $"The query has more than {MostParameters} parameters.");
        }

        // JSON is UTF-8 (RFC 8259 §8.1), and so are carriers' forms.
        if (MediaTypeHeaderValue.TryParse(request.ContentType, out var type) && type.Charset.Length > 0 && !HeaderUtilities.RemoveQuotes(type.Charset).Equals("utf-8", StringComparison.OrdinalIgnoreCase))
        {
            return (StatusCodes.Status415UnsupportedMediaType, "unsupported_charset", "The body must be in UTF-8.");
        }

        // Nothing here unpacks bodies: a small one could become a huge one.
        return request.Headers.ContentEncoding.ToString() is { Length: > 0 } encoding && !encoding.Equals("identity", StringComparison.OrdinalIgnoreCase)
            ? (StatusCodes.Status415UnsupportedMediaType, "unsupported_encoding", "The body must be sent as it is, without Content-Encoding.")
            : null;
    }
}
