using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Kraliki.Contracts;
using Kraliki.Server.Hosting;
using Kraliki.Server.Telephony;
using Kraliki.Voice.Providers.OpenAI;

namespace Kraliki.Server.Providers;

/// <summary>Finds out by a look-up that costs nothing whether each configured key works. Safe from any thread.</summary>
/// <remarks>It asks only the configured addresses and follows no redirects, so that no answer can lead a key elsewhere.</remarks>
internal sealed class KeyChecks(KralikiOptions options, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(8);

    private static readonly Uri OpenAI = new OpenAiOptions { ApiKey = "" }.BaseUrl;
    private static readonly Uri Gemini = new("https://generativelanguage.googleapis.com");
    private static readonly Uri Deepgram = new("https://api.deepgram.com");

    private readonly HttpClient _http = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false,
        ConnectTimeout = TimeSpan.FromSeconds(5),
        PooledConnectionLifetime = TimeSpan.FromMinutes(1),
        UseCookies = false,
    })
    {
        // Deepgram's list of models is the longest answer.
        MaxResponseContentBufferSize = 4 * 1024 * 1024,
        Timeout = Timeout.InfiniteTimeSpan,
    };

    public async Task<KeysReport> RunAsync(CancellationToken cancellationToken)
    {
        var keys = options.Providers;
        KeyView[] views = await Task.WhenAll(
            CheckAsync("Providers:OpenAI:ApiKey", "OpenAI", keys.OpenAI.ApiKey, keys.OpenAI.Model, key => LikeOpenAIAsync(keys.OpenAI.BaseUrl ?? OpenAI, key, keys.OpenAI.Model ?? new OpenAiOptions { ApiKey = "" }.Model, cancellationToken)),
            CheckAsync("Providers:Gemini:ApiKey", "Gemini", keys.Gemini.ApiKey, keys.Gemini.Model, key => GeminiAsync(keys.Gemini, key, cancellationToken)),
            CheckAsync("Providers:Deepgram:ApiKey", "Deepgram", keys.Deepgram.ApiKey, keys.Deepgram.Model, key => DeepgramAsync(keys.Deepgram, key, cancellationToken)),
            CheckAsync(
                "Providers:Llm:ApiKey",
                "Language model",
                keys.Llm.ApiKey ?? (keys.Llm.BaseUrl is null ? null : new Secret("")),
                keys.Llm.Model,
                key => LikeOpenAIAsync(keys.Llm.BaseUrl ?? OpenAI, key, keys.Llm.Model, cancellationToken)),
            CheckAsync("Carriers:Twilio:AuthToken", "Twilio", options.Carriers.Twilio.AuthToken, null, token => TwilioAsync(options.Carriers.Twilio, token, cancellationToken)));
        return new(views.All(view => view.Verdict is KeyVerdict.Valid or KeyVerdict.Untested), views);
    }

    public void Dispose() => _http.Dispose();

    private async Task<KeyView> CheckAsync(string setting, string title, Secret? key, string? model, Func<string, Task<(KeyVerdict Verdict, string Detail)>> check)
    {
        var (verdict, detail) = key is null ? (KeyVerdict.Untested, "It is not configured.") : await check(key.Reveal());
        var ends = key is null || model is null ? null : ModelEnds.Of($"Kraliki:{setting[..setting.LastIndexOf(':')]}:Model", model, DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime));
        return new($"Kraliki:{setting}", title, verdict, ends is null ? detail : $"{detail} {ends}");
    }

    /// <summary>platform.openai.com/docs/api-reference/models/retrieve, which compatible servers have as well; some know only the list.</summary>
    /// <param name="model">Null asks for the list alone.</param>
    private async Task<(KeyVerdict Verdict, string Detail)> LikeOpenAIAsync(Uri address, string key, string? model, CancellationToken cancellationToken)
    {
        AuthenticationHeaderValue? bearer = key.Length == 0 ? null : new("Bearer", key);
        var one = model is null ? null : await AskAsync(Under(address, "models/" + Uri.EscapeDataString(model)), bearer, null, cancellationToken);
        if (one is { Status: not HttpStatusCode.NotFound })
        {
            return Verdict(one, $"The key is accepted, and there is the model {model}.");
        }

        var all = await AskAsync(Under(address, "models"), bearer, null, cancellationToken);
        return all.Status == HttpStatusCode.OK && model is not null && !Holds(all.Body, "data", "id", model) ? WrongModel(model) : Verdict(all, "The key is accepted.");
    }

    /// <summary>ai.google.dev/api/models: <c>models.get</c>, and <c>models.list</c> when no model is configured.</summary>
    private async Task<(KeyVerdict Verdict, string Detail)> GeminiAsync(VendorKeys keys, string key, CancellationToken cancellationToken)
    {
        var name = keys.Model is null ? null : keys.Model.StartsWith("models/", StringComparison.Ordinal) ? keys.Model["models/".Length..] : keys.Model;
        var answer = await AskAsync(
            Under(keys.BaseUrl ?? Gemini, name is null ? "v1beta/models?pageSize=1" : "v1beta/models/" + Uri.EscapeDataString(name)), null, ("x-goog-api-key", key), cancellationToken);
        return answer switch
        {
            // A wrong key is a wrong argument there.
            { Status: HttpStatusCode.BadRequest } when answer.Text.Contains("API_KEY_INVALID", StringComparison.Ordinal) => Refused(answer),
            { Status: HttpStatusCode.NotFound, Body: { ValueKind: JsonValueKind.Object } body } when body.TryGetProperty("error", out _) && name is not null => WrongModel(name),
            { Status: HttpStatusCode.OK, Body: { ValueKind: JsonValueKind.Object } body } when name is not null
                && body.TryGetProperty("supportedGenerationMethods", out var methods) && methods.ValueKind == JsonValueKind.Array
                && !methods.EnumerateArray().Any(method => method.ValueKind == JsonValueKind.String && method.GetString() == "bidiGenerateContent") =>
                (KeyVerdict.WrongModel, $"The key is accepted, but the model {name} cannot hold a live conversation; choose one that can in the model's setting."),
            _ => Verdict(answer, "The key is accepted" + (name is null ? "." : $", and there is the model {name}.")),
        };
    }

    /// <summary>developers.deepgram.com/reference/manage/projects/list and …/models/list.</summary>
    private async Task<(KeyVerdict Verdict, string Detail)> DeepgramAsync(VendorKeys keys, string key, CancellationToken cancellationToken)
    {
        var address = keys.BaseUrl ?? Deepgram;
        var token = new AuthenticationHeaderValue("Token", key);
        var projects = await AskAsync(Under(address, "v1/projects"), token, null, cancellationToken);

        // A key that may speak and listen, and nothing else, is known all the same.
        var known = projects.Status == HttpStatusCode.OK || projects.Text.Contains("INSUFFICIENT_PERMISSIONS", StringComparison.Ordinal);
        if (!known)
        {
            return Verdict(projects, "");
        }

        var models = await AskAsync(Under(address, "v1/models"), token, null, cancellationToken);
        if (models.Status == HttpStatusCode.OK)
        {
            if (keys.Model is { } model && !Holds(models.Body, "stt", "canonical_name", model) && !Holds(models.Body, "stt", "architecture", model))
            {
                return WrongModel(model);
            }

            if (keys.Voice is { } voice && !Holds(models.Body, "tts", "canonical_name", voice))
            {
                return WrongModel(voice);
            }
        }

        return (KeyVerdict.Valid, "The key is accepted.");
    }

    /// <summary>twilio.com/docs/iam/api/account: the account itself.</summary>
    private async Task<(KeyVerdict Verdict, string Detail)> TwilioAsync(TwilioKeys keys, string token, CancellationToken cancellationToken)
    {
        var basic = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{keys.AccountSid}:{token}")));
        var answer = await AskAsync(Under(keys.BaseUrl ?? TwilioRest.Address, $"2010-04-01/Accounts/{keys.AccountSid}.json"), basic, null, cancellationToken);
        return answer is { Status: HttpStatusCode.OK, Body: { ValueKind: JsonValueKind.Object } body }
            && body.TryGetProperty("status", out var status) && status.ValueKind == JsonValueKind.String && status.GetString() is { } word and not "active"
            ? (KeyVerdict.Refused, $"The token is accepted, but the account is {word}: see Twilio's console.")
            : Verdict(answer, "The token is accepted.");
    }

    private static (KeyVerdict Verdict, string Detail) Verdict(Answer answer, string accepted) => answer.Status switch
    {
        null => (KeyVerdict.Unreachable, answer.Text),
        HttpStatusCode.OK => (KeyVerdict.Valid, accepted),
        HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => Refused(answer),
        HttpStatusCode.TooManyRequests => (KeyVerdict.Untested, $"{answer.Host} says that there were too many requests or that no credit is left; probe the provider to know."),
        >= HttpStatusCode.InternalServerError => (KeyVerdict.Unreachable, $"{answer.Host} answers with an error of its own ({(int)answer.Status}); try again later."),
        _ => (KeyVerdict.Untested, $"{answer.Host} cannot tell without a call ({(int)answer.Status}); probe the provider to know."),
    };

    private static (KeyVerdict Verdict, string Detail) Refused(Answer answer) =>
        (KeyVerdict.Refused, $"{answer.Host} does not accept it ({(int)answer.Status!}); copy it again from the vendor's page.");

    private static (KeyVerdict Verdict, string Detail) WrongModel(string model) =>
        (KeyVerdict.WrongModel, $"The key is accepted, but there is no {model} for it; correct the setting, or leave it out.");

    private static Uri Under(Uri address, string path) => new(address.AbsoluteUri.TrimEnd('/') + "/" + path);

    /// <summary>Whether one of a list's objects has this text.</summary>
    private static bool Holds(JsonElement? body, string list, string member, string text) =>
        body is { ValueKind: JsonValueKind.Object } root && root.TryGetProperty(list, out var items) && items.ValueKind == JsonValueKind.Array
        && items.EnumerateArray().Any(item =>
            item.ValueKind == JsonValueKind.Object && item.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() == text);

    private async Task<Answer> AskAsync(Uri address, AuthenticationHeaderValue? authorization, (string Name, string Value)? header, CancellationToken cancellationToken)
    {
        using var patience = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        using var request = new HttpRequestMessage(HttpMethod.Get, address) { Headers = { Authorization = authorization } };
        if (header is var (name, value))
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        try
        {
            using var answer = await _http.SendAsync(request, either.Token);
            var text = await answer.Content.ReadAsStringAsync(either.Token);
            return new(address.Host, answer.StatusCode, text, Read(text));
        }
        catch (HttpRequestException e)
        {
            return new(address.Host, null, $"{address.Host} cannot be reached ({e.HttpRequestError}); check the address and the way there.", null);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new(address.Host, null, $"{address.Host} gave no answer within {Patience.TotalSeconds:0} seconds.", null);
        }
    }

    private static JsonElement? Read(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <param name="Status">Null when none came; then <paramref name="Text"/> says why.</param>
    /// <param name="Body">Null when it is no JSON.</param>
    private sealed record Answer(string Host, HttpStatusCode? Status, string Text, JsonElement? Body);
}
