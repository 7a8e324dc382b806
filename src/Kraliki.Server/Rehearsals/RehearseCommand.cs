using System.Net.Http.Headers;
using Kraliki.Client;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Server.Identity;
using Kraliki.Server.Operations;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging.Console;

namespace Kraliki.Server.Rehearsals;

/// <summary><c>rehearse</c>: one practice call from the terminal, against a server of its own in this process.</summary>
/// <remarks>
/// (1) The arguments are read, (2) the server starts on a free port, (3) the command signs in, (4) starts the rehearsal and
/// (5) watches the session, all by the API that everybody has, (6) prints the report.
/// </remarks>
internal static class RehearseCommand
{
    private const int Passed = 0;
    private const int Failed = 1;
    private const int WrongArgument = 2;

    // 128 + SIGINT, as shells say it.
    private const int Interrupted = 130;

    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LastEvents = TimeSpan.FromSeconds(5);

    /// <param name="args">What follows the word <c>rehearse</c>.</param>
    /// <param name="width">Columns of the terminal; null when the output goes elsewhere.</param>
    /// <returns>The exit code.</returns>
    /// <exception cref="StartRefusedException">A setting is wrong.</exception>
    public static async Task<int> RunAsync(IReadOnlyList<string> args, TextWriter output, TextWriter errors, int? width, CancellationToken cancellationToken)
    {
        if (args.Contains("--help"))
        {
            await output.WriteLineAsync($"{RehearseArguments.Usage}\n\n{RehearseArguments.KnownScripts}");
            return Passed;
        }

        if (!RehearseArguments.TryRead(args, out var arguments, out string? problem))
        {
            await errors.WriteLineAsync(problem);
            return WrongArgument;
        }

        bool ownData = !arguments.Server.Any(setting => setting.StartsWith("--Kraliki:DataDirectory=", StringComparison.OrdinalIgnoreCase));
        string? temporary = ownData ? Directory.CreateTempSubdirectory("kraliki-rehearse-").FullName : null;
        try
        {
            await using var app = Build(arguments, temporary);
            await app.StartAsync(cancellationToken);
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, app.Lifetime.ApplicationStopping);
            try
            {
                return await RehearseAsync(app, arguments, new ConversationPrinter(output, width), errors, stop.Token);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                await errors.WriteLineAsync("Interrupted.");
                return Interrupted;
            }
            finally
            {
                await app.StopAsync(CancellationToken.None);
            }
        }
        finally
        {
            if (temporary is not null)
            {
                Directory.Delete(temporary, recursive: true);
            }
        }
    }

    /// <summary>(2) On loopback whatever the installation's public address is: the simulated carrier calls from this process.</summary>
    private static WebApplication Build(RehearseArguments arguments, string? temporary)
    {
        string[] settings =
        [
            "--urls=http://127.0.0.1:0", "--Kraliki:PublicUrl=", "--Logging:LogLevel:Default=Error", "--Logging:LogLevel:Microsoft=Error", "--Logging:LogLevel:Orleans=Error",
            .. temporary is null ? Array.Empty<string>() : [$"--Kraliki:DataDirectory={temporary}"],
            .. arguments.Server,
        ];
        var app = KralikiServer.Build(settings, builder =>
        {
            // The conversation is all that this terminal shows; what goes wrong goes to the other stream.
            builder.Services.Replace(ServiceDescriptor.Singleton(TextWriter.Null));
            builder.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        });
        app.Services.GetRequiredService<RehearsalScripts>().Add(arguments.Script);
        return app;
    }

    private static async Task<int> RehearseAsync(
        WebApplication app, RehearseArguments arguments, ConversationPrinter printer, TextWriter errors, CancellationToken cancellationToken)
    {
        using var http = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", await SignInAsync(app.Services, cancellationToken));
        using var client = new KralikiClient(http);
        try
        {
            var providers = await client.ListProvidersAsync(cancellationToken);
            if (arguments.Provider is { } wanted && providers.All(provider => provider.Name != wanted))
            {
                await errors.WriteLineAsync($"There is no provider '{wanted}'. Known: {string.Join(", ", providers.Select(provider => provider.Name))}.");
                return WrongArgument;
            }

            var rehearsal = await client.StartRehearsalAsync(new StartRehearsal(arguments.Script.Name, arguments.Provider), cancellationToken);
            var time = app.Services.GetRequiredService<TimeProvider>();
            rehearsal = await UntilAsync(client, rehearsal, time, now => now.SessionId is not null, cancellationToken);
            if (rehearsal.SessionId is { } session)
            {
                using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
                var watching = WatchAsync(client, session, printer, over.Token);
                rehearsal = await UntilAsync(client, rehearsal, time, _ => false, cancellationToken);
                await watching.WaitAsync(LastEvents, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                await over.CancelAsync();
                await watching;
            }

            printer.Write(rehearsal);
            return rehearsal.Status == RehearsalStatus.Passed ? Passed : Failed;
        }
        catch (KralikiException refusal)
        {
            await errors.WriteLineAsync(refusal.Message);
            return Failed;
        }
    }

    /// <summary>(3) Whoever starts this process holds the data and its keys, so nobody has to know a password: with and without demo accounts alike.</summary>
    private static async Task<string> SignInAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        await using var db = services.GetRequiredService<KralikiDbFactory>().OpenForSystem();
        var administrator = await db.Set<User>().AsNoTracking().OrderBy(user => user.CreatedAt).FirstAsync(user => user.Role == UserRole.Admin, cancellationToken);
        var grant = await services.GetRequiredService<RefreshTokens>().BeginAsync(administrator, address: null, "Kraliki rehearse command", cancellationToken)
            ?? throw new InvalidOperationException("The administrator's account was changed while the command started; run it again.");
        await services.GetRequiredService<AuditLog>().WriteAsync(
            AuditActions.LoggedIn, administrator.Id.ToString(), "By the command rehearse at the server's terminal.", administrator.Email, administrator.OrganisationId);
        return services.GetRequiredService<AccessTokens>().Issue(grant);
    }

    /// <summary>(5) Ends with the session, or when it is cancelled.</summary>
    private static async Task WatchAsync(KralikiClient client, Guid session, ConversationPrinter printer, CancellationToken cancellationToken)
    {
        try
        {
            await using var socket = client.OpenSocket(await client.GetSessionAsync(session, cancellationToken));
            await foreach (var message in socket.ReadAsync(cancellationToken))
            {
                printer.Show(message);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
        }
    }

    private static async Task<RehearsalView> UntilAsync(
        KralikiClient client, RehearsalView rehearsal, TimeProvider time, Func<RehearsalView, bool> wanted, CancellationToken cancellationToken)
    {
        while (rehearsal.Status is RehearsalStatus.Queued or RehearsalStatus.Running && !wanted(rehearsal))
        {
            await Task.Delay(Poll, time, cancellationToken);
            rehearsal = await client.GetRehearsalAsync(rehearsal.Id, cancellationToken);
        }

        return rehearsal;
    }
}
