using System.Net;
using Kraliki.Contracts;
using Kraliki.Server.Hosting;

namespace Kraliki.Server.Identity;

/// <summary>
/// Sign-in by cookie, for browsers, and the fence against requests forged by other pages.
/// </summary>
/// <remarks>
/// HttpOnly, SameSite=Strict, and over https Secure with the <c>__Host-</c> prefix (no other host can set them). An unsafe
/// request that comes with our cookies must carry <c>X-Kraliki-CSRF: 1</c>, which no other origin can add without a CORS
/// permission that we never give, and must not say that it comes from another origin. SameSite is the second fence.
/// </remarks>
internal static class AuthCookies
{
    public const string CsrfHeader = "X-Kraliki-CSRF";

    public static string? Access(HttpRequest request) => request.Cookies[Name(request, "access")];

    public static string? Refresh(HttpRequest request) => request.Cookies[Name(request, "refresh")];

    /// <summary>Whether the request bears cookies of ours.</summary>
    public static bool Come(HttpRequest request) => Access(request) is not null || Refresh(request) is not null;

    public static void Set(HttpContext http, string access, string refresh)
    {
        http.Response.Cookies.Append(Name(http.Request, "access"), access, Options(http.Request, AccessTokens.Life));
        http.Response.Cookies.Append(Name(http.Request, "refresh"), refresh, Options(http.Request, RefreshTokens.Life));
    }

    public static void Clear(HttpContext http)
    {
        http.Response.Cookies.Delete(Name(http.Request, "access"), Options(http.Request, life: null));
        http.Response.Cookies.Delete(Name(http.Request, "refresh"), Options(http.Request, life: null));
    }

    /// <summary>
    /// 400 <c>https_required</c> when cookies would travel in clear between machines. Within one machine they may: browsers,
    /// too, take localhost for secure.
    /// </summary>
    public static IResult? RefusalOf(HttpRequest request, TokenTransport transport) =>
        transport == TokenTransport.Body || request.IsHttps || IsThisMachine(request.Host.Host)
            ? null
            : Problems.Result(
                StatusCodes.Status400BadRequest,
                "https_required",
                "Signing in with cookies needs https. Behind a proxy that speaks https, set Kraliki:Proxies to its address so that its X-Forwarded-Proto is believed.");

    /// <summary>The fence; goes before authentication, because a forged request must not even renew a token.</summary>
    public static async Task RefuseForgedAsync(HttpContext http, RequestDelegate next)
    {
        var request = http.Request;
        var safe = HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method) || HttpMethods.IsOptions(request.Method);
        var byCookie = !request.Headers.ContainsKey("Authorization") && Come(request);
        if (!safe && byCookie && (request.Headers[CsrfHeader] != "1" || FromElsewhere(http)))
        {
            await Problems.WriteAsync(
                http,
                StatusCodes.Status403Forbidden,
                "csrf_refused",
                $"A request with sign-in cookies must come from our own pages and carry the header {CsrfHeader}: 1.");
            return;
        }

        await next(http);
    }

    /// <summary>Browsers say where a request comes from in Sec-Fetch-Site, older ones in Origin; programs say neither.</summary>
    private static bool FromElsewhere(HttpContext http)
    {
        var headers = http.Request.Headers;
        if (headers["Sec-Fetch-Site"].ToString() is { Length: > 0 } site)
        {
            return site != "same-origin";
        }

        return headers.Origin.ToString() is { Length: > 0 } origin
            && !string.Equals(origin, http.RequestServices.GetRequiredService<PublicUrls>().Origin, StringComparison.OrdinalIgnoreCase);
    }

    private static bool IsThisMachine(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));

    private static string Name(HttpRequest request, string what) => request.IsHttps ? $"__Host-kraliki_{what}" : $"kraliki_{what}";

    private static CookieOptions Options(HttpRequest request, TimeSpan? life) => new()
    {
        HttpOnly = true,
        Secure = request.IsHttps,
        SameSite = SameSiteMode.Strict,
        Path = "/",
        MaxAge = life,
        IsEssential = true,
    };
}
