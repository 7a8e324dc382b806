using Kraliki.Server;
using Kraliki.Server.Hosting;
using Kraliki.Server.Providers;
using Kraliki.Server.Rehearsals;
using Microsoft.AspNetCore.Connections;

try
{
    if (args is ["rehearse", .. var rest])
    {
        return await RehearseCommand.RunAsync(rest, Console.Out, Console.Error, Console.IsOutputRedirected ? null : Console.WindowWidth, CancellationToken.None);
    }

    if (args is ["validate-config", .. var settings])
    {
        return await ValidateConfigCommand.RunAsync(settings, Console.Out, CancellationToken.None);
    }

    await using var app = KralikiServer.Build(args);
    await app.RunAsync();
    return 0;
}
catch (StartRefusedException refusal)
{
    refusal.Reasons.ToList().ForEach(Console.Error.WriteLine);
    return 1;
}
catch (IOException problem) when (problem.InnerException is AddressInUseException)
{
    Console.Error.WriteLine($"{problem.Message} Stop the program that holds it, or choose another address: --urls http://127.0.0.1:5081.");
    return 1;
}
catch (OperationCanceledException)
{
    // Stopped by the person at the terminal before it was ready.
    return 0;
}
