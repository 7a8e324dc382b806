using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Kraliki.Server.Hosting;

/// <summary>Headers that tell browsers what our pages never do.</summary>
internal static partial class SecurityHeaders
{
    public static void UseSecurityHeaders(this WebApplication app)
    {
        // The console: its own files, WebAssembly, and the inline scripts of its start page by their hashes (import map).
        var console = Policy($"'self' 'wasm-unsafe-eval'{InlineScripts(app.Environment)}");

        // The API reference is one page of a package that starts itself by an inline script.
        var reference = Policy("'self' 'unsafe-inline'");
        app.Use((http, next) =>
        {
            // At the last moment, because an error answer starts with empty headers.
            http.Response.OnStarting(() =>
            {
                Write(http, http.Request.Path.StartsWithSegments("/docs") ? reference : console);
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
        headers["Permissions-Policy"] = "camera=(), geolocation=(), payment=(), usb=(), microphone=(self), display-capture=(self)";
        if (http.Request.IsHttps)
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
