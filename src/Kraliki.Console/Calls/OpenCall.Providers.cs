using Kraliki.Client;
using Kraliki.Contracts;

namespace Kraliki.OperatorConsole.Calls;

/// <summary>A change of the call's provider that somebody asked for here and that is not settled yet.</summary>
/// <param name="To">Null: whoever is next in the order.</param>
/// <param name="Refusal">Why the server did not begin it, or that it gave no answer, which leaves it open; null while it is under way.</param>
public sealed record ProviderWish(string? To, bool AtOnce, KralikiException? Refusal = null)
{
    /// <summary>It was refused only because calls are kept from the provider at present.</summary>
    public bool MayInsist => Refusal is { Code: "provider_unhealthy" };
}

/// <content>Giving the call to another AI provider.</content>
public sealed partial class OpenCall
{
    /// <summary>Null while none is under way, and after one has come about or failed: <see cref="ProviderStory.News"/> tells which.</summary>
    public ProviderWish? Wish { get; private set; }

    /// <summary>Asks for the call to be given to this provider. What becomes of it, the events tell.</summary>
    /// <param name="force">Although calls are kept from it at present.</param>
    public Task SwitchProviderAsync(string to, bool atOnce, bool force = false) => WishAsync(
        new ProviderWish(to, atOnce),
        () => client.SwitchProviderAsync(Id, new SwitchSessionProvider(to, Text.ProviderWords.ChosenAtDesk, atOnce, force), _closed.Token));

    /// <inheritdoc cref="SwitchProviderAsync"/>
    public Task FailOverAsync() => WishAsync(new ProviderWish(null, AtOnce: true), () => client.ForceFailoverAsync(Id, Text.ProviderWords.ChosenAtDesk, _closed.Token));

    public void ForgetWish()
    {
        Wish = null;
        Changed?.Invoke();
    }

    private async Task WishAsync(ProviderWish wish, Func<Task> send)
    {
        // Before it is sent: the events may be here before the answer is.
        Wish = wish;
        Changed?.Invoke();
        try
        {
            await send();
        }
        catch (KralikiException refusal)
        {
            // What happened meanwhile, or was asked for since, is newer than this answer.
            if (ReferenceEquals(Wish, wish))
            {
                Wish = wish with { Refusal = refusal };
            }
        }
        catch (OperationCanceledException) when (_closed.IsCancellationRequested)
        {
            // The reader went to another call.
        }

        Changed?.Invoke();
    }

    /// <summary>Several may be asked for one after the other; each is settled by its own fact. A refusal is old news with the next fact of any provider.</summary>
    private void Settle(SessionFact fact)
    {
        var settled = (Wish, fact) switch
        {
            (null, _) => false,
            (_, CallInterrupted or MediaEnded or StateChanged { To: SessionState.WrapUp or SessionState.Completed or SessionState.Failed }) => true,
            ({ Refusal: not null }, _) => fact is ProviderFailed or ProviderSwitched or ProviderSwitchFailed,
            ({ To: var to }, ProviderSwitched change) => to is null || change.To == to,
            ({ To: var to }, ProviderSwitchFailed failed) => to is null || failed.To == to,
            ({ To: var to }, ProviderFailed failed) => failed.Provider == to,
            _ => false,
        };
        if (settled)
        {
            Wish = null;
        }
    }
}
