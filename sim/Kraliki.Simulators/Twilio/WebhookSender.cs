using System.Globalization;
using System.Net;

namespace Kraliki.Simulators.Twilio;

/// <summary>Sends signed requests to the application as Twilio's proxy does: time limits, retries with the same idempotency token, redirects by GET.</summary>
public sealed class WebhookSender : IDisposable
{
    private const int MostRedirects = 5;

    private readonly string _authToken;
    private readonly HttpClient _http;
    private readonly TimeProvider _time;

    private readonly TimeSpan _retryPause;

    /// <param name="retryPause">Between the tries of one request.</param>
    public WebhookSender(string authToken, bool acceptAnyCertificate, TimeProvider time, TimeSpan retryPause = default)
    {
        _retryPause = retryPause;
        _authToken = authToken;
        _time = time;
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false, ConnectTimeout = TimeSpan.FromSeconds(5), UseCookies = false };
        if (acceptAnyCertificate)
            handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, _) => true;
        _http = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
    }

    /// <summary>Posts a form and waits for the answer.</summary>
    /// <param name="url">May carry connection overrides in its fragment: <c>#rc=2&amp;rp=ct,5xx&amp;tt=3000</c>.</param>
    public async Task<WebhookAnswer> PostAsync(string url, IReadOnlyList<KeyValuePair<string, string>> fields, CancellationToken cancellationToken)
    {
        var overrides = ConnectionOverrides.Read(url);
        var idempotency = Guid.CreateVersion7().ToString();
        using var limit = new CancellationTokenSource(overrides.Total, _time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        for (var left = overrides.Retries; ; left--)
        {
            var (answer, failure) = await TryOnceAsync(overrides.Url, fields, idempotency, both.Token, cancellationToken).ConfigureAwait(false);
            if (failure is null || left == 0 || limit.IsCancellationRequested || !overrides.RetriesOn(failure))
                return answer;
            if (_retryPause > TimeSpan.Zero)
                await Task.Delay(_retryPause, _time, both.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    public void Dispose() => _http.Dispose();

    /// <returns>With the kind of failure in the words of the <c>rp</c> override, or null.</returns>
    private async Task<(WebhookAnswer Answer, string? Failure)> TryOnceAsync(
        string url, IReadOnlyList<KeyValuePair<string, string>> fields, string idempotency, CancellationToken limit, CancellationToken cancellationToken)
    {
        var method = HttpMethod.Post;
        try
        {
            for (var redirects = 0; ; redirects++)
            {
                using var request = new HttpRequestMessage(method, url);
                request.Headers.TryAddWithoutValidation("X-Twilio-Signature", TwilioSignature.Sign(_authToken, url, method == HttpMethod.Post ? fields : []));
                request.Headers.TryAddWithoutValidation("I-Twilio-Idempotency-Token", idempotency);
                request.Headers.TryAddWithoutValidation("User-Agent", "TwilioProxy/1.1");
                request.Headers.TryAddWithoutValidation("Accept", "*/*");
                if (method == HttpMethod.Post)
                {
                    request.Content = new FormUrlEncodedContent(fields);
                    request.Content.Headers.ContentType!.CharSet = "UTF-8";
                }
                using var response = await _http.SendAsync(request, limit).ConfigureAwait(false);
                // Redirects lose the POST and its fields (Twilio: webhook connection overrides).
                if (response.StatusCode is HttpStatusCode.Moved or HttpStatusCode.Found && response.Headers.Location is { } location && redirects < MostRedirects)
                {
                    url = new Uri(new Uri(url), location).AbsoluteUri;
                    method = HttpMethod.Get;
                    continue;
                }
                var body = await response.Content.ReadAsStringAsync(limit).ConfigureAwait(false);
                var status = (int)response.StatusCode;
                return (new WebhookAnswer(url, status, response.Content.Headers.ContentType?.MediaType, body, null), status switch
                {
                    >= 500 => "5xx",
                    >= 400 => "4xx",
                    _ => null,
                });
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return (new WebhookAnswer(url, 0, null, "", "no answer in time"), "rt");
        }
        catch (HttpRequestException unreachable)
        {
            return (new WebhookAnswer(url, 0, null, "", unreachable.Message), "ct");
        }
        catch (IOException broken)
        {
            return (new WebhookAnswer(url, 0, null, "", broken.Message), "rt");
        }
    }
}

/// <param name="Url">Where the answer came from, after redirects: what relative addresses in it are relative to.</param>
/// <param name="Status">0 when there was no answer.</param>
/// <param name="Failure">Why there was none.</param>
public sealed record WebhookAnswer(string Url, int Status, string? ContentType, string Body, string? Failure)
{
    public bool Succeeded => Status is >= 200 and < 300;

    public string Describe() => Failure ?? $"HTTP {Status}";
}

/// <summary>Connection overrides in a webhook's fragment (twilio.com/docs/usage/webhooks/webhooks-connection-overrides).</summary>
/// <param name="Url">Without the fragment.</param>
/// <param name="On">Kinds of failure that are retried: ct, rt, 4xx, 5xx, all.</param>
public sealed record ConnectionOverrides(string Url, int Retries, IReadOnlyList<string> On, TimeSpan Total)
{
    /// <summary>Defaults and ranges of the page: one retry, on a failed connection only, 15 s in all.</summary>
    public static ConnectionOverrides Read(string url)
    {
        ArgumentNullException.ThrowIfNull(url);
        var parts = url.Split('#', 2);
        var values = (parts.Length > 1 ? parts[1] : "").Split('&').Select(pair => pair.Split('=', 2))
            .Where(pair => pair.Length == 2).DistinctBy(pair => pair[0]).ToDictionary(pair => pair[0], pair => pair[1]);
        return new ConnectionOverrides(
            parts[0],
            Number("rc", 1, 0, 5),
            values.TryGetValue("rp", out var on) ? on.Split(',') : ["ct"],
            TimeSpan.FromMilliseconds(Math.Min(Number("tt", 15000, 100, 15000), Number("rt", 15000, 100, 15000))));

        int Number(string key, int otherwise, int least, int most) =>
            values.TryGetValue(key, out var text) && int.TryParse(text, CultureInfo.InvariantCulture, out var number)
                ? Math.Clamp(number, least, most)
                : otherwise;
    }

    public bool RetriesOn(string failure) => On.Contains("all") || On.Contains(failure);
}
