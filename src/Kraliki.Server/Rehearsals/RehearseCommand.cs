using Kraliki.Client;
using Kraliki.Contracts;
using Kraliki.Server.Hosting;
using Kraliki.Server.Rehearsals.Matrix;

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
            await output.WriteLineAsync($"{RehearseArguments.Usage}\n\n{RehearseArguments.KnownScripts}\n\n{MatrixArguments.Usage}");
            return Passed;
        }

        if (MatrixArguments.Wanted(args))
        {
            return await MatrixCommand.RunAsync(args, output, errors, cancellationToken);
        }

        if (!RehearseArguments.TryRead(args, out var arguments, out string? problem))
        {
            await errors.WriteLineAsync(problem);
            return WrongArgument;
        }

        await using var server = await RehearsalServer.StartAsync(
            arguments.Server, change: null, services => services.GetRequiredService<RehearsalScripts>().Add(arguments.Script), cancellationToken);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, server.Stopping);
        try
        {
            return await RehearseAsync(server, arguments, new ConversationPrinter(output, width), errors, stop.Token);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            await errors.WriteLineAsync("Interrupted.");
            return Interrupted;
        }
    }

    private static async Task<int> RehearseAsync(
        RehearsalServer server, RehearseArguments arguments, ConversationPrinter printer, TextWriter errors, CancellationToken cancellationToken)
    {
        using var http = await server.SignInAsync(cancellationToken);
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
            var time = server.Services.GetRequiredService<TimeProvider>();
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
