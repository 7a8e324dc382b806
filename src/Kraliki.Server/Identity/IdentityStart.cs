using Kraliki.Server.Data;

namespace Kraliki.Server.Identity;

/// <summary>Keys and first accounts are there before anything can be asked; the credentials are printed once it can.</summary>
internal sealed class IdentityStart(StartTurn turns, SigningKeys keys, FirstAccounts accounts) : IHostedLifecycleService
{
    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        await using var turn = await turns.TakeAsync(cancellationToken);
        await keys.TendAsync(cancellationToken);
        await accounts.EnsureAsync(cancellationToken);
    }

    public Task StartedAsync(CancellationToken cancellationToken) => accounts.AnnounceAsync(cancellationToken);

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
