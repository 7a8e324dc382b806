using System.Net.Http.Headers;
using System.Net.Http.Json;
using Kraliki.Client;
using Kraliki.Contracts;
using Kraliki.Server.Hosting;
using Kraliki.Server.Identity;
using Kraliki.Server.Mail;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Kraliki.Server.Tests;

/// <summary>How a test wants its server.</summary>
/// <param name="DataDirectory">Null makes a fresh one that goes away with the server; a given one stays, for restarts.</param>
/// <param name="Settings">Extra settings, <c>Kraliki:Demo</c> → <c>false</c>.</param>
/// <param name="Time">The clock of tokens and sign-in delays; null means real time. Everything else keeps real time: Orleans' timers must fire.</param>
/// <param name="Change">Last word on the services.</param>
/// <param name="Routes">Routes besides the server's own.</param>
public sealed record ServerSetup(
    string? DataDirectory = null,
    IReadOnlyDictionary<string, string>? Settings = null,
    TimeProvider? Time = null,
    Action<WebApplicationBuilder>? Change = null,
    Action<IEndpointRouteBuilder>? Routes = null);

/// <summary>The real server in this process: real Kestrel on a free port, its own data directory, demo accounts.</summary>
public sealed class RunningServer : IAsyncDisposable
{
    public const string Admin = "admin@demo.example";
    public const string Supervisor = "supervisor@demo.example";
    public const string Operator = "operator@demo.example";

    /// <summary>For tests whose server is meant to complain.</summary>
    public static IReadOnlyDictionary<string, string> Silent { get; } = new Dictionary<string, string> { ["Logging:Console:LogLevel:Default"] = "None" };

    private readonly WebApplication _app;
    private readonly bool _ownsData;

    private RunningServer(WebApplication app, string dataDirectory, bool ownsData)
    {
        _app = app;
        _ownsData = ownsData;
        DataDirectory = dataDirectory;
        Url = new(app.Urls.First());
    }

    /// <summary>Ends with a slash.</summary>
    public Uri Url { get; }

    public string DataDirectory { get; }

    public IServiceProvider Services => _app.Services;

    /// <summary>The password of every demo account.</summary>
    public string Password => Services.GetRequiredService<FirstAccounts>().Credentials!.Password;

    public static async Task<RunningServer> StartAsync(CancellationToken cancellationToken, ServerSetup? setup = null)
    {
        setup ??= new();
        var directory = setup.DataDirectory ?? Directory.CreateTempSubdirectory("kraliki-test-").FullName;
        var settings = new Dictionary<string, string>
        {
            ["urls"] = "http://127.0.0.1:0",
            ["Kraliki:DataDirectory"] = directory,
            ["Kraliki:Demo"] = "true",
            ["Logging:LogLevel:Default"] = "Warning",
        };

        // All tests come from one address and share few users; what limits do is tested where they are set.
        foreach (var limit in typeof(RateOptions).GetProperties())
        {
            settings[$"Kraliki:Limits:{limit.Name}"] = "1000000";
        }

        if (setup.Settings?.ContainsKey("Kraliki:Database:Provider") != true)
        {
            foreach (var (key, value) in await TestDatabase.SettingsAsync(directory, cancellationToken))
            {
                settings[key] = value;
            }
        }

        foreach (var (key, value) in setup.Settings ?? new Dictionary<string, string>())
        {
            settings[key] = value;
        }

        var app = KralikiServer.Build([.. settings.Select(pair => $"--{pair.Key}={pair.Value}")], builder =>
        {
            builder.Services.Replace(ServiceDescriptor.Singleton(TextWriter.Null));
            if (setup.Time is { } time)
            {
                SetClock<SigningKeys>(builder.Services, time);
                SetClock<AccessTokens>(builder.Services, time);
                SetClock<RefreshTokens>(builder.Services, time);
                SetClock<SignIns>(builder.Services, time);
                SetClock<Revocations>(builder.Services, time);
                SetClock<LoginDelays>(builder.Services, time);
                SetClock<MailTokens>(builder.Services, time);
                SetClock<Outbox>(builder.Services, time);
                SetClock<MailSender>(builder.Services, time);
            }

            setup.Change?.Invoke(builder);
        });
        setup.Routes?.Invoke(app);
        await app.StartAsync(cancellationToken);
        return new(app, directory, ownsData: setup.DataDirectory is null);
    }

    /// <summary>A client that is not signed in and keeps no cookies.</summary>
    public HttpClient Anonymous() => new(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false }) { BaseAddress = Url };

    /// <summary>A client that sends the access token of a demo account.</summary>
    public async Task<HttpClient> SignInAsync(CancellationToken cancellationToken, string email = Operator)
    {
        var client = Anonymous();
        using var answer = await client.PostAsJsonAsync(
            "api/v1/auth/login",
            new LoginRequest(email, Password, TokenTransport.Body),
            ContractsJson.Default.LoginRequest,
            cancellationToken);
        answer.EnsureSuccessStatusCode();
        var login = await answer.Content.ReadFromJsonAsync(ContractsJson.Default.LoginResponse, cancellationToken);
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", login!.AccessToken);
        return client;
    }

    /// <summary>The typed client, not signed in.</summary>
    public KralikiClient Api() => new(Anonymous());

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(CancellationToken.None);
        await _app.DisposeAsync();
        if (_ownsData)
        {
            await TestDatabase.DeleteAsync(DataDirectory);
            Directory.Delete(DataDirectory, recursive: true);
        }
    }

    private static void SetClock<T>(IServiceCollection services, TimeProvider time)
        where T : class =>
        services.Replace(ServiceDescriptor.Singleton(provider => ActivatorUtilities.CreateInstance<T>(provider, time)));
}
