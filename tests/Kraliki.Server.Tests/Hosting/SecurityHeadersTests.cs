using System.Net;
using System.Text.RegularExpressions;

namespace Kraliki.Server.Tests.Hosting;

public sealed partial class SecurityHeadersTests(ServerFixture fixture, EdgeServer edges) : IClassFixture<EdgeServer>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("", HttpStatusCode.OK, "no-cache")]
    [InlineData("sessions", HttpStatusCode.OK, "no-cache")]
    [InlineData("favicon.svg", HttpStatusCode.OK, null)]
    [InlineData("_framework/blazor.webassembly.js", HttpStatusCode.OK, null)]
    [InlineData("docs/", HttpStatusCode.OK, "no-store")]
    [InlineData("docs/scalar.js", HttpStatusCode.OK, null)]
    [InlineData("openapi/v1.json", HttpStatusCode.OK, null)]
    [InlineData("asyncapi.json", HttpStatusCode.OK, null)]
    [InlineData("health/live", HttpStatusCode.OK, null)]
    [InlineData("api/v1/auth/me", HttpStatusCode.OK, "no-store")]
    [InlineData("api/v1/sessions", HttpStatusCode.OK, "no-store")]
    [InlineData("api/v1/sessions/nonsense", HttpStatusCode.NotFound, "no-store")]
    [InlineData("api/v1/sessions?limit=0", HttpStatusCode.BadRequest, "no-store")]
    [InlineData("telephony/twilio/media", HttpStatusCode.BadRequest, "no-store")]
    public async Task Every_kind_of_answer_tells_browsers_what_our_pages_never_do(string path, HttpStatusCode status, string? cache)
    {
        using var client = await fixture.Server.SignInAsync(Cancel);
        using var answer = await client.GetAsync(path, Cancel);
        Assert.Equal(status, answer.StatusCode);

        var policy = Header(answer, "Content-Security-Policy").Split("; ").Select(directive => directive.Split(' ')).ToDictionary(words => words[0], words => words[1..]);
        Assert.Equal(["'self'"], policy["default-src"]);
        Assert.Equal(["'none'"], policy["frame-ancestors"]);
        Assert.Equal(["'none'"], policy["object-src"]);
        Assert.All(policy["script-src"], source => Assert.Matches("^'(self|wasm-unsafe-eval|sha256-.+|nonce-.+)'$", source));
        Assert.Equal("nosniff", Header(answer, "X-Content-Type-Options"));
        Assert.Equal("same-origin", Header(answer, "Referrer-Policy"));
        Assert.Equal("same-origin", Header(answer, "Cross-Origin-Opener-Policy"));
        Assert.Equal("same-origin", Header(answer, "Cross-Origin-Resource-Policy"));
        Assert.Contains("camera=()", Header(answer, "Permissions-Policy"));
        Assert.False(answer.Headers.Contains("Strict-Transport-Security"));
        Assert.False(answer.Headers.Contains("Server"));
        Assert.Equal(cache ?? answer.Headers.CacheControl?.ToString(), answer.Headers.CacheControl?.ToString());
        Assert.NotNull(answer.Headers.CacheControl);
    }

    [Fact]
    public async Task The_script_of_the_reference_page_carries_the_number_of_its_policy_which_is_another_each_time()
    {
        using var client = fixture.Server.Anonymous();
        var first = await NonceAsync();
        Assert.NotEqual(first, await NonceAsync());

        async Task<string> NonceAsync()
        {
            using var answer = await client.GetAsync("docs/", Cancel);
            var once = Once().Match(Header(answer, "Content-Security-Policy")).Groups[1].Value;
            var page = await answer.Content.ReadAsStringAsync(Cancel);
            Assert.All(Script().Matches(page), script => Assert.Contains($"nonce=\"{once}\"", script.Value));
            return once;
        }
    }

    [Theory]
    [InlineData("https", "calls.example.org", true)]
    [InlineData("http", "calls.example.org", false)]
    [InlineData("https", "localhost", false)]
    public async Task Only_https_outside_this_machine_binds_the_browser_to_https(string scheme, string host, bool bound)
    {
        using var client = edges.From(EdgeServer.Proxy);
        client.DefaultRequestHeaders.Add("X-Forwarded-For", "203.0.113.70");
        client.DefaultRequestHeaders.Add("X-Forwarded-Proto", scheme);
        client.DefaultRequestHeaders.Add("X-Forwarded-Host", host);
        using var answer = await client.GetAsync("health/live", Cancel);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(bound, answer.Headers.TryGetValues("Strict-Transport-Security", out var policy) && policy.Single() == "max-age=31536000");
    }

    private static string Header(HttpResponseMessage answer, string name) => Assert.Single(answer.Headers.GetValues(name));

    [GeneratedRegex("'nonce-([^']+)'")]
    private static partial Regex Once();

    [GeneratedRegex("<script[^>]*>")]
    private static partial Regex Script();
}
