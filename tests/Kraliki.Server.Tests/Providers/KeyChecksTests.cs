using Kraliki.Contracts;
using Kraliki.Server.Hosting;
using Kraliki.Server.Providers;
using Kraliki.Server.Tests.Telephony;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Kraliki.Server.Tests.Providers;

/// <summary>Each verdict, by what vendors really answer: over HTTP, from a server of our own.</summary>
public sealed class KeyChecksTests(KeyChecksTests.VendorServer vendor) : IClassFixture<KeyChecksTests.VendorServer>
{
    private const string Sid = "AC00000000000000000000000000000001";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private Uri Vendor => vendor.Url;

    [Fact]
    public async Task A_model_that_will_be_switched_off_is_told_beside_the_verdict()
    {
        await using var openAI = await ScriptedOpenAI.StartAsync(Cancel);
        var found = await FoundAsync(new(new(new Secret(ScriptedOpenAI.Key), openAI.Simulator.BaseUrl, "gpt-realtime")));
        Assert.Equal(KeyVerdict.Valid, found.Verdict);
        Assert.Contains("2027-01-20: set Kraliki:Providers:OpenAI:Model to gpt-realtime-2.1", found.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task OpenAI_tells_a_good_key_a_wrong_key_and_a_wrong_model()
    {
        await using var openAI = await ScriptedOpenAI.StartAsync(Cancel);
        var address = openAI.Simulator.BaseUrl;
        Assert.Equal(KeyVerdict.Valid, await VerdictAsync(new(new(new Secret(ScriptedOpenAI.Key), address))));
        Assert.Equal(KeyVerdict.Refused, await VerdictAsync(new(new(new Secret("sk-wrong"), address))));
        Assert.Equal(KeyVerdict.WrongModel, await VerdictAsync(new(new(new Secret(ScriptedOpenAI.Key), address, "gpt-gone"))));
        Assert.Equal(KeyVerdict.Unreachable, await VerdictAsync(new(new(new Secret(ScriptedOpenAI.Key), new("http://127.0.0.1:1/v1")))));
    }

    [Theory]
    [InlineData("good", null, KeyVerdict.Valid)]
    [InlineData("good", "live", KeyVerdict.Valid)]
    [InlineData("good", "models/live", KeyVerdict.Valid)]
    [InlineData("good", "mute", KeyVerdict.WrongModel)]
    [InlineData("good", "gone", KeyVerdict.WrongModel)]
    [InlineData("bad", "live", KeyVerdict.Refused)]
    public async Task Gemini(string key, string? model, KeyVerdict verdict) =>
        Assert.Equal(verdict, await VerdictAsync(new(new()) { Gemini = new(new Secret(key), Vendor, model) }));

    [Theory]
    [InlineData("good", "nova-3", null, KeyVerdict.Valid)]
    [InlineData("narrow", null, "aura-2-thalia-en", KeyVerdict.Valid)]
    [InlineData("good", "nova-9", null, KeyVerdict.WrongModel)]
    [InlineData("good", null, "aura-9", KeyVerdict.WrongModel)]
    [InlineData("bad", null, null, KeyVerdict.Refused)]
    public async Task Deepgram(string key, string? model, string? voice, KeyVerdict verdict) =>
        Assert.Equal(verdict, await VerdictAsync(new(new()) { Deepgram = new(new Secret(key), Vendor, model, voice) }));

    [Theory]
    [InlineData("own", null, KeyVerdict.Valid)]
    [InlineData("own", "llama", KeyVerdict.Valid)]
    [InlineData("own", "gpt-4", KeyVerdict.WrongModel)]
    [InlineData("busy", null, KeyVerdict.Untested)]
    [InlineData("broken", null, KeyVerdict.Unreachable)]
    [InlineData("elsewhere", null, KeyVerdict.Untested)]
    [InlineData("nowhere", null, KeyVerdict.Untested)]
    public async Task A_language_model_of_ones_own(string path, string? model, KeyVerdict verdict) =>
        Assert.Equal(verdict, await VerdictAsync(new(new()) { Llm = new(null, new Uri(Vendor, path), model) }));

    [Theory]
    [InlineData("good", KeyVerdict.Valid)]
    [InlineData("bad", KeyVerdict.Refused)]
    public async Task Twilio(string token, KeyVerdict verdict) =>
        Assert.Equal(verdict, await VerdictAsync(new(new()), new TwilioKeys(Sid, new Secret(token), Vendor)));

    [Fact]
    public async Task The_command_tells_a_verdict_per_key_and_by_its_exit_code_whether_all_is_well()
    {
        await using var openAI = await ScriptedOpenAI.StartAsync(Cancel);
        var data = Directory.CreateTempSubdirectory("kraliki-test-").FullName;
        try
        {
            string[] settings = [$"--Kraliki:DataDirectory={data}", $"--Kraliki:Providers:OpenAI:BaseUrl={openAI.Simulator.BaseUrl}"];
            using var output = new StringWriter();
            Assert.Equal(0, await ValidateConfigCommand.RunAsync([.. settings, $"--Kraliki:Providers:OpenAI:ApiKey={ScriptedOpenAI.Key}"], output, Cancel));
            Assert.Matches(@"Kraliki:Providers:OpenAI:ApiKey +valid +The key is accepted, and there is the model gpt-realtime-2\.1\.", output.ToString());
            Assert.Matches(@"Kraliki:Providers:Gemini:ApiKey +untested +It is not configured\.", output.ToString());
            Assert.Equal(1, await ValidateConfigCommand.RunAsync([.. settings, "--Kraliki:Providers:OpenAI:ApiKey=sk-wrong"], output, Cancel));
            await Assert.ThrowsAsync<StartRefusedException>(() => ValidateConfigCommand.RunAsync([.. settings, "--Kraliki:Providers:OpenAI:ApiKy=x"], output, Cancel));
            Assert.DoesNotContain(ScriptedOpenAI.Key, output.ToString());
        }
        finally
        {
            Directory.Delete(data, recursive: true);
        }
    }

    private static IResult Google(HttpRequest request, string body) => request.Headers["x-goog-api-key"] == "good"
        ? Json(body, 200)
        : Json("""{"error":{"code":400,"status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}""", 400);

    private static IResult Json(string body, int status) => Results.Text(body, "application/json", statusCode: status);

    /// <returns>Of the one key that is configured.</returns>
    private static async Task<KeyVerdict> VerdictAsync(ProviderKeys keys, TwilioKeys? twilio = null) => (await FoundAsync(keys, twilio)).Verdict;

    private static async Task<KeyView> FoundAsync(ProviderKeys keys, TwilioKeys? twilio = null)
    {
        using var checks = new KeyChecks(new KralikiOptions(null, "/", true, keys, new(twilio ?? new(null, null, null))), TimeProvider.System);
        var report = await checks.RunAsync(Cancel);
        var found = Assert.Single(report.Keys, key => key.Detail != "It is not configured.");
        Assert.Equal(found.Verdict is KeyVerdict.Valid or KeyVerdict.Untested, report.Usable);
        return found;
    }

    public sealed class VendorServer : IAsyncLifetime
    {
        private WebApplication _app = null!;

        public Uri Url => new(_app.Urls.First());

        public async ValueTask InitializeAsync()
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            _app = builder.Build();
            _app.MapGet("/v1beta/models", (HttpRequest request) => Google(request, """{"models":[]}"""));
            _app.MapGet("/v1beta/models/live", (HttpRequest request) => Google(request, """{"name":"models/live","supportedGenerationMethods":["bidiGenerateContent"]}"""));
            _app.MapGet("/v1beta/models/mute", (HttpRequest request) => Google(request, """{"name":"models/mute","supportedGenerationMethods":["generateContent"]}"""));
            _app.MapGet("/v1beta/models/gone", (HttpRequest request) => Json("""{"error":{"code":404,"status":"NOT_FOUND"}}""", 404));
            _app.MapGet("/v1/projects", (HttpRequest request) => request.Headers.Authorization.ToString() switch
            {
                "Token good" => Json("""{"projects":[]}""", 200),
                "Token narrow" => Json("""{"err_code":"INSUFFICIENT_PERMISSIONS","err_msg":"…"}""", 403),
                _ => Json("""{"err_code":"INVALID_AUTH","err_msg":"Invalid credentials."}""", 401),
            });
            _app.MapGet("/v1/models", () => Json("""{"stt":[{"canonical_name":"nova-3-general","architecture":"nova-3"}],"tts":[{"canonical_name":"aura-2-thalia-en"}]}""", 200));
            _app.MapGet("/own/models", () => Json("""{"data":[{"id":"llama"}]}""", 200));
            _app.MapGet("/busy/models", () => Json("{}", 429));
            _app.MapGet("/broken/models", () => Json("no json", 502));
            _app.MapGet("/elsewhere/models", () => Results.Redirect("/own/models"));
            _app.MapGet("/2010-04-01/Accounts/{sid}.json", (HttpRequest request) => request.Headers.Authorization.ToString() == "Basic " + Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(Sid + ":good"))
                ? Json("""{"status":"active"}""", 200)
                : Json("""{"code":20003,"status":401}""", 401));
            await _app.StartAsync(Cancel);
        }

        public ValueTask DisposeAsync() => _app.DisposeAsync();
    }
}
