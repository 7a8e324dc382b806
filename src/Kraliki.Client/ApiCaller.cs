using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Kraliki.Contracts;

namespace Kraliki.Client;

/// <summary>Sends requests: tokens, one refresh after a 401, repetition of what is safe, and errors as <see cref="KralikiException"/>.</summary>
internal sealed class ApiCaller(HttpClient http, TimeProvider time) : IDisposable
{
    // The server accepts cookie-authenticated changes only with this header, which a foreign page cannot send.
    private const string CsrfHeader = "X-Kraliki-CSRF";

    // The server carries out a creating request once for each key, so a request that bears one is safe to repeat.
    private const string KeyHeader = "Idempotency-Key";

    private readonly SemaphoreSlim _refreshing = new(1, 1);
    private volatile Tokens? _tokens;
    private int _refreshes;

    /// <summary>Six make five waits, together about eight seconds: longer than the other nodes take to notice that one is dead.</summary>
    public int MaxAttempts { get; set; } = 6;

    public string? AccessToken => _tokens?.Access;

    public RenewalGuard? Guard { get; set; }

    public event Action<LoginResponse>? TokensIssued;

    public event Action? SignInLost;

    public void Dispose() => _refreshing.Dispose();

    public void Keep(LoginResponse answer)
    {
        _tokens = answer is { AccessToken: { } access, RefreshToken: { } refresh } ? new(access, refresh) : null;
        TokensIssued?.Invoke(answer);
    }

    public async Task<bool> RenewAsync(CancellationToken cancellationToken)
    {
        try
        {
            var renewed = await RefreshAsync(Volatile.Read(ref _refreshes), time.GetUtcNow(), cancellationToken).ConfigureAwait(false);
            if (!renewed)
            {
                SignInLost?.Invoke();
            }

            return renewed;
        }
        catch (HttpRequestException e)
        {
            throw KralikiException.Unreachable(e);
        }
    }

    /// <summary>The server has said elsewhere than in an answer that this sign-in is over.</summary>
    public void LoseSignIn()
    {
        _tokens = null;
        SignInLost?.Invoke();
    }

    public async Task LogoutAsync(CancellationToken cancellationToken)
    {
        var body = new RefreshRequest(_tokens?.Refresh, _tokens is null ? TokenTransport.Cookie : TokenTransport.Body);
        using var answer = await AnswerAsync(
            HttpMethod.Post, "api/v1/auth/logout", Body(body, ContractsJson.Default.RefreshRequest), null, cancellationToken).ConfigureAwait(false);
        _tokens = null;
    }

    public async Task LogoutAllAsync(CancellationToken cancellationToken)
    {
        await SendAsync(HttpMethod.Post, "api/v1/auth/logout-all", cancellationToken).ConfigureAwait(false);
        _tokens = null;
    }

    public async Task<T> GetAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        using var answer = await AnswerAsync(HttpMethod.Get, path, null, null, cancellationToken).ConfigureAwait(false);
        return await ReadAsync(answer, path, type, cancellationToken).ConfigureAwait(false);
    }

    public async Task<string> GetTextAsync(string path, CancellationToken cancellationToken)
    {
        using var answer = await AnswerAsync(HttpMethod.Get, path, null, null, cancellationToken).ConfigureAwait(false);
        return await answer.Content.ReadAsStringAsync(cancellationToken).ConfigureAwait(false);
    }

    public async Task<T> SendAsync<TBody, T>(
        HttpMethod method,
        string path,
        TBody? body,
        JsonTypeInfo<TBody> bodyType,
        JsonTypeInfo<T> type,
        CancellationToken cancellationToken,
        long? ifVersion = null)
        where TBody : class
    {
        using var answer = await AnswerAsync(method, path, Body(body, bodyType), ifVersion, cancellationToken).ConfigureAwait(false);
        return await ReadAsync(answer, path, type, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A POST that creates: under a key of its own, so that it may be repeated when no answer comes.</summary>
    public async Task<T> CreateAsync<TBody, T>(string path, TBody body, JsonTypeInfo<TBody> bodyType, JsonTypeInfo<T> type, CancellationToken cancellationToken)
        where TBody : class
    {
        using var answer = await AnswerAsync(HttpMethod.Post, path, Body(body, bodyType), null, cancellationToken, Guid.NewGuid().ToString()).ConfigureAwait(false);
        return await ReadAsync(answer, path, type, cancellationToken).ConfigureAwait(false);
    }

    public async Task SendAsync<TBody>(HttpMethod method, string path, TBody body, JsonTypeInfo<TBody> bodyType, CancellationToken cancellationToken)
        where TBody : class
    {
        using var answer = await AnswerAsync(method, path, Body(body, bodyType), null, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A request without a body.</summary>
    public async Task<T> SendAsync<T>(HttpMethod method, string path, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        using var answer = await AnswerAsync(method, path, null, null, cancellationToken).ConfigureAwait(false);
        return await ReadAsync(answer, path, type, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>A request without a body whose answer has none either.</summary>
    public async Task SendAsync(HttpMethod method, string path, CancellationToken cancellationToken)
    {
        using var answer = await AnswerAsync(method, path, null, null, cancellationToken).ConfigureAwait(false);
    }

    private static Func<HttpContent?> Body<T>(T? body, JsonTypeInfo<T> type)
        where T : class =>
        () => body is null ? null : JsonContent.Create(body, type);

    private static async Task<T> ReadAsync<T>(HttpResponseMessage answer, string path, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        try
        {
            return await answer.Content.ReadFromJsonAsync(type, cancellationToken).ConfigureAwait(false)
                ?? throw new JsonException("The answer is null.");
        }
        catch (JsonException e)
        {
            throw KralikiException.Unreadable(path, e);
        }
        catch (HttpRequestException e)
        {
            throw KralikiException.Unreachable(e);
        }
    }

    /// <summary>Sends until there is a good answer, or throws.</summary>
    private async Task<HttpResponseMessage> AnswerAsync(
        HttpMethod method, string path, Func<HttpContent?>? body, long? ifVersion, CancellationToken cancellationToken, string? key = null)
    {
        var refreshed = false;
        for (var attempt = 1; ; attempt++)
        {
            var mayRepeat = (method == HttpMethod.Get || key is not null) && attempt < MaxAttempts;
            var refreshesBefore = Volatile.Read(ref _refreshes);
            var sentAt = time.GetUtcNow();
            TimeSpan? serverAsks = null;
            try
            {
                var answer = await OnceAsync(method, path, body?.Invoke(), ifVersion, cancellationToken, key).ConfigureAwait(false);
                if (answer.IsSuccessStatusCode)
                {
                    return answer;
                }

                using (answer)
                {
                    if (answer.StatusCode == HttpStatusCode.Unauthorized && !refreshed && !path.StartsWith("api/v1/auth/login", StringComparison.Ordinal))
                    {
                        refreshed = true;
                        if (await RefreshAsync(refreshesBefore, sentAt, cancellationToken).ConfigureAwait(false))
                        {
                            continue;
                        }

                        SignInLost?.Invoke();
                    }

                    if (!mayRepeat || !(IsTransient(answer.StatusCode) || IsInProgress(answer)))
                    {
                        throw await RefusalAsync(answer, cancellationToken).ConfigureAwait(false);
                    }

                    serverAsks = answer.Headers.RetryAfter?.Delta;
                }
            }
            catch (HttpRequestException e) when (!mayRepeat)
            {
                throw KralikiException.Unreachable(e);
            }
            catch (HttpRequestException)
            {
                // No answer to a request that is safe to repeat: wait and try again.
            }

            var delay = serverAsks ?? Backoff.Default.Delay(attempt, Random.Shared.NextDouble());
            await Task.Delay(delay, time, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<HttpResponseMessage> OnceAsync(HttpMethod method, string path, HttpContent? body, long? ifVersion, CancellationToken cancellationToken, string? key = null)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body };
        if (_tokens is { } tokens)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", tokens.Access);
        }
        else if (method != HttpMethod.Get)
        {
            request.Headers.Add(CsrfHeader, "1");
        }

        if (key is not null)
        {
            request.Headers.Add(KeyHeader, key);
        }

        if (ifVersion is { } version)
        {
            request.Headers.IfMatch.Add(new EntityTagHeaderValue(string.Create(CultureInfo.InvariantCulture, $"\"{version}\"")));
        }
        else if (method == HttpMethod.Patch)
        {
            // The server insists on a version; whoever names none means "whatever it is now".
            request.Headers.IfMatch.Add(EntityTagHeaderValue.Any);
        }

        return await http.SendAsync(request, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Renews the tokens, once for all requests that found them worn out at the same time.</summary>
    /// <param name="refreshesBefore">The count of refreshes when the refused request left.</param>
    /// <param name="usedAt">When it left.</param>
    private async Task<bool> RefreshAsync(int refreshesBefore, DateTimeOffset usedAt, CancellationToken cancellationToken)
    {
        await _refreshing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_refreshes != refreshesBefore)
            {
                return true;
            }

            var renewed = Guard is { } guard
                ? await guard(usedAt, AskForTokensAsync, cancellationToken).ConfigureAwait(false)
                : await AskForTokensAsync(cancellationToken).ConfigureAwait(false);
            if (renewed)
            {
                _refreshes++;
            }

            return renewed;
        }
        finally
        {
            _refreshing.Release();
        }
    }

    /// <returns>False when the server refuses. A server that is only unwell says nothing about the sign-in: that throws.</returns>
    private async Task<bool> AskForTokensAsync(CancellationToken cancellationToken)
    {
        var tokens = _tokens;
        var request = new RefreshRequest(tokens?.Refresh, tokens is null ? TokenTransport.Cookie : TokenTransport.Body);
        var body = JsonContent.Create(request, ContractsJson.Default.RefreshRequest);
        using var answer = await OnceAsync(HttpMethod.Post, "api/v1/auth/refresh", body, null, cancellationToken).ConfigureAwait(false);
        if (answer.IsSuccessStatusCode)
        {
            Keep(await ReadAsync(answer, "refresh", ContractsJson.Default.LoginResponse, cancellationToken).ConfigureAwait(false));
            return true;
        }

        if (answer.StatusCode >= HttpStatusCode.InternalServerError || IsTransient(answer.StatusCode))
        {
            throw await RefusalAsync(answer, cancellationToken).ConfigureAwait(false);
        }

        _tokens = null;
        return false;
    }

    private static bool IsTransient(HttpStatusCode status) => status
        is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests
        or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout;

    /// <summary>An earlier attempt under the same key is still being carried out; no other conflict says when to come again.</summary>
    private static bool IsInProgress(HttpResponseMessage answer) => answer.StatusCode == HttpStatusCode.Conflict && answer.Headers.RetryAfter is not null;

    private static async Task<KralikiException> RefusalAsync(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        Problem? problem = null;
        try
        {
            problem = await answer.Content.ReadFromJsonAsync(ContractsJson.Default.Problem, cancellationToken).ConfigureAwait(false);
        }
        catch (JsonException)
        {
            // A proxy's own error page; the status line says enough.
        }

        var status = (int)answer.StatusCode;
        return new KralikiException(
            answer.StatusCode,
            problem ?? new Problem(null, answer.ReasonPhrase ?? "The request was refused", status, null, string.Create(CultureInfo.InvariantCulture, $"http_{status}"), null),
            answer.Headers.RetryAfter?.Delta);
    }

    private sealed record Tokens(string Access, string Refresh);
}
