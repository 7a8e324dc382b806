using System.Net.Http.Headers;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Server.Identity;
using Kraliki.Server.Operations;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging.Console;

namespace Kraliki.Server.Rehearsals;

/// <summary>A command's own server in this process, on a free port of loopback.</summary>
internal sealed class RehearsalServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly string? _temporary;

    private RehearsalServer(WebApplication app, string? temporary) => (_app, _temporary) = (app, temporary);

    public IServiceProvider Services => _app.Services;

    public CancellationToken Stopping => _app.Lifetime.ApplicationStopping;

    /// <param name="settings">As on the command line; without a data directory it gets one that goes away with it.</param>
    /// <param name="change">Last word on the services.</param>
    /// <param name="prepare">Between building and starting.</param>
    /// <exception cref="StartRefusedException">A setting is wrong.</exception>
    public static async Task<RehearsalServer> StartAsync(
        IReadOnlyList<string> settings, Action<IServiceCollection>? change, Action<IServiceProvider> prepare, CancellationToken cancellationToken)
    {
        bool ownData = !settings.Any(setting => setting.StartsWith("--Kraliki:DataDirectory=", StringComparison.OrdinalIgnoreCase));
        string? temporary = ownData ? Directory.CreateTempSubdirectory("kraliki-rehearse-").FullName : null;
        WebApplication? app = null;
        try
        {
            app = Build(settings, temporary, change);
            prepare(app.Services);
            await app.StartAsync(cancellationToken);
            return new(app, temporary);
        }
        catch
        {
            if (app is not null)
            {
                await app.DisposeAsync();
            }

            Forget(temporary);
            throw;
        }
    }

    /// <summary>Whoever starts this process holds the data and its keys, so nobody has to know a password: with and without demo accounts alike.</summary>
    /// <returns>A client of the server that is signed in as its administrator, for as long as an access token is good.</returns>
    public async Task<HttpClient> SignInAsync(CancellationToken cancellationToken)
    {
        await using var db = Services.GetRequiredService<KralikiDbFactory>().OpenForSystem();
        var administrator = await db.Set<User>().AsNoTracking().OrderBy(user => user.CreatedAt).FirstAsync(user => user.Role == UserRole.Admin, cancellationToken);
        var grant = await Services.GetRequiredService<RefreshTokens>().BeginAsync(administrator, address: null, "Kraliki rehearse command", cancellationToken)
            ?? throw new InvalidOperationException("The administrator's account was changed while the command started; run it again.");
        await Services.GetRequiredService<AuditLog>().WriteAsync(
            AuditActions.LoggedIn, administrator.Id.ToString(), "By the command rehearse at the server's terminal.", administrator.Email, administrator.OrganisationId);
        var http = new HttpClient { BaseAddress = new Uri(_app.Urls.First()) };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Services.GetRequiredService<AccessTokens>().Issue(grant));
        return http;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync(CancellationToken.None);
        await _app.DisposeAsync();
        Forget(_temporary);
    }

    /// <summary>On loopback whatever the installation's public address is: the simulated carrier calls from this process.</summary>
    private static WebApplication Build(IReadOnlyList<string> settings, string? temporary, Action<IServiceCollection>? change) => KralikiServer.Build(
        [
            "--urls=http://127.0.0.1:0", "--Kraliki:PublicUrl=", "--Logging:LogLevel:Default=Error", "--Logging:LogLevel:Microsoft=Error", "--Logging:LogLevel:Orleans=Error",
            .. temporary is null ? Array.Empty<string>() : [$"--Kraliki:DataDirectory={temporary}"],
            .. settings,
        ],
        builder =>
        {
            // The command's own words are all that this terminal shows; what goes wrong goes to the other stream.
            builder.Services.Replace(ServiceDescriptor.Singleton(TextWriter.Null));
            builder.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
            change?.Invoke(builder.Services);
        });

    private static void Forget(string? temporary)
    {
        if (temporary is not null)
        {
            Directory.Delete(temporary, recursive: true);
        }
    }
}
