using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;
using Kraliki.Contracts;

namespace Kraliki.Server.Tests.Identity;

/// <summary>What a person does to get and keep an account, over HTTP and by the demo's mailbox.</summary>
internal sealed partial class AccountClient(RunningServer server) : IDisposable
{
    /// <summary>Good by all rules.</summary>
    public const string Password = "violet kettle under the stairs";

    private static readonly System.Text.Json.JsonSerializerOptions Json = ContractsJson.Default.Options;

    public HttpClient Http { get; } = server.Anonymous();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>An address that nobody has had yet.</summary>
    public static string NewEmail() => $"{Guid.NewGuid():N}@people.example";

    public Task<HttpResponseMessage> PostAsync<T>(string path, T body) =>
        Http.PostAsJsonAsync($"api/v1/{path}", body, (JsonTypeInfo<T>)Json.GetTypeInfo(typeof(T)), Cancel);

    public Task<HttpResponseMessage> RegisterAsync(string email, string password = Password) =>
        PostAsync("auth/register", new RegisterRequest("Nora New", password, email, "New & Co"));

    /// <summary>An administrator of an organisation of their own, who can sign in.</summary>
    public async Task<string> NewAccountAsync()
    {
        var email = NewEmail();
        Assert.Equal(HttpStatusCode.Accepted, (await RegisterAsync(email)).StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await PostAsync("auth/verify-email", new MailTokenRequest(await TokenAsync(email)))).StatusCode);
        return email;
    }

    public Task<HttpResponseMessage> LoginAsync(string email, string password = Password) =>
        PostAsync("auth/login", new LoginRequest(email, password, TokenTransport.Body));

    /// <summary>From now on this client is that person.</summary>
    public async Task<LoginResponse> SignInAsync(string email, string password = Password)
    {
        using var answer = await LoginAsync(email, password);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        var login = (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.LoginResponse, Cancel))!;
        Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", login.AccessToken);
        return login;
    }

    public async Task<T> GetAsync<T>(string path) => (await Http.GetFromJsonAsync($"api/v1/{path}", (JsonTypeInfo<T>)Json.GetTypeInfo(typeof(T)), Cancel))!;

    public async Task<HttpResponseMessage> PatchAsync<T>(string path, T change, long? version = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Patch, $"api/v1/{path}") { Content = JsonContent.Create(change, (JsonTypeInfo<T>)Json.GetTypeInfo(typeof(T))) };
        if (version is not null)
        {
            request.Headers.Add("If-Match", $"\"{version}\"");
        }

        return await Http.SendAsync(request, Cancel);
    }

    /// <summary>The mails to one address, the newest first.</summary>
    public async Task<IReadOnlyList<MailView>> MailsAsync(string to) =>
        (await GetAsync<Page<MailView>>($"mailbox?to={Uri.EscapeDataString(to)}")).Items;

    /// <summary>The token in the link of the newest mail.</summary>
    public async Task<string> TokenAsync(string to) => Token((await MailsAsync(to))[0].Text);

    public static string Token(string text) => TokenInLink().Match(text).Groups[1].Value is { Length: > 0 } token ? token : throw new InvalidOperationException($"No link in: {text}");

    public static async Task<Problem> ProblemAsync(HttpResponseMessage answer) => (await answer.Content.ReadFromJsonAsync(ContractsJson.Default.Problem, Cancel))!;

    public static async Task AssertProblemAsync(HttpStatusCode status, string code, HttpResponseMessage answer)
    {
        Assert.Equal(status, answer.StatusCode);
        Assert.Equal(code, (await ProblemAsync(answer)).Code);
    }

    public void Dispose() => Http.Dispose();

    [GeneratedRegex(@"\?token=([A-Za-z0-9_-]+)")]
    private static partial Regex TokenInLink();
}
