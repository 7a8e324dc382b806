using Kraliki.Server;
using Kraliki.Server.Hosting;
using Microsoft.AspNetCore.Connections;

try
{
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
