using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Scalar.AspNetCore;

namespace Kraliki.Server.Hosting;

/// <summary>Headers that tell browsers what our pages never do.</summary>
internal static partial class SecurityHeaders
{
    public static void UseSecurityHeaders(this WebApplication app)
    {
        // The console: its own files, WebAssembly, and the inline scripts of its start page by their hashes (import map).
        var console = Policy($"'self' 'wasm-unsafe-eval'{InlineScripts(app.Environment)}");
        app.Use((http, next) =>
        {
            // At the last moment, because an error answer starts with empty headers.
            http.Response.OnStarting(() =>
            {
                // The API reference starts itself by an inline script, for which its package makes a number that is used once.
                Write(http, http.Items[ScalarOptions.NonceHttpContextItemKey] is string once ? Policy($"'self' 'nonce-{once}'") : console);
                return Task.CompletedTask;
            });
            return next(http);
        });
    }

    private static void Write(HttpContext http, string contentPolicy)
    {
        var headers = http.Response.Headers;
        headers.ContentSecurityPolicy = contentPolicy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "same-origin";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers["Permissions-Policy"] = "camera=(), geolocation=(), payment=(), usb=(), microphone=(self), display-capture=(self)";
        if (headers.CacheControl.Count == 0)
        {
            // Whatever does not say that it may be kept could be about people.
            headers.CacheControl = "no-store";
        }

        // A certificate of one's own for this machine must not bind the browser to https for everything else at localhost.
        if (http.Request.IsHttps && http.Request.Host.Host is not ("localhost" or "127.0.0.1" or "[::1]"))
        {
            headers.StrictTransportSecurity = "max-age=31536000";
        }
    }

    // Styles inline: MudBlazor positions its popovers by style attributes.
    private static string Policy(string scripts) =>
        $"default-src 'self'; script-src {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        + "media-src 'self' blob:; font-src 'self' data:; worker-src 'self' blob:; connect-src 'self'; "
        + "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";

    private static string InlineScripts(IWebHostEnvironment environment)
    {
        var page = environment.WebRootFileProvider.GetFileInfo("index.html");
        if (!page.Exists)
        {
            return "";
        }

        using var reader = new StreamReader(page.CreateReadStream());
        return string.Concat(ScriptsWithoutSource().Matches(reader.ReadToEnd())
            .Select(match => $" 'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(match.Groups[1].Value)))}'"));
    }

    [GeneratedRegex("<script(?![^>]*\\ssrc=)[^>]*>(.*?)</script>", RegexOptions.Singleline)]
    private static partial Regex ScriptsWithoutSource();
}
