using Kraliki.Client;
using Kraliki.Contracts;

namespace Kraliki.OperatorConsole.Frame;

/// <summary>What the installation tells everybody before they signed in; asked for once.</summary>
public sealed class ConsoleFacts(KralikiClient client)
{
    private ConsoleInfo? _info;

    /// <returns>Null while the server does not answer: the page works without.</returns>
    public async Task<ConsoleInfo?> GetAsync(CancellationToken cancellationToken)
    {
        try
        {
            return _info ??= await client.GetConsoleInfoAsync(cancellationToken);
        }
        catch (KralikiException)
        {
            return null;
        }
    }
}
