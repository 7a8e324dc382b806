using System.Globalization;
using Kraliki.Contracts;
using Kraliki.Server.Assistants;
using Kraliki.Voice.Calls;

namespace Kraliki.Server.Sessions.Calls;

/// <content>Which provider has the call, who stands in for it, and what its assistant has done by the server.</content>
public sealed partial class LiveCall
{
    /// <summary>The session's own; null takes the installation's.</summary>
    internal FailoverPolicy? Failover { get; private set; }

    /// <summary>As the session's metadata name it; null when they do not.</summary>
    internal string? TimeZone { get; }

    /// <summary>What people ask for by name becomes what the loop understands.</summary>
    /// <returns>Null when there is nothing to post.</returns>
    private CallCommand? Resolve(CallCommand command)
    {
        switch (command)
        {
            case ChangeProvider wish when _failover.Find(wish.Provider) is { } target:
                return new SwitchProvider(target, wish.Reason, wish.By, wish.AtOnce);
            case ChangeProvider wish:
                // Its key was taken away, or this node never had it.
                Record(new ProviderSwitchFailed(Provider, wish.Provider, $"The server that holds the call has no provider {wish.Provider}."));
                return null;
            case ApplyFailoverPolicy change:
                Failover = change.Policy;
                return _failover.OrderOf(Provider, change.Policy) is { } order ? new ReplaceOrder(order) : null;
            default:
                return command;
        }
    }

    /// <summary>Follows what the loop tells. Inside its gate: what takes time is begun here and goes on elsewhere.</summary>
    /// <returns>The fact as the session is to have it.</returns>
    private SessionFact Follow(SessionFact fact)
    {
        switch (fact)
        {
            case ProviderUsed used:
                return _cost.Add(used);
            case ProviderConnected first when !_connected:
                (_connected, Provider) = (true, first.Provider);
                break;
            case ProviderSwitched change:
                Provider = change.To;
                break;
            case ToolCalled { Result: null, Refused: false } call:
                _ = RunToolAsync(call);
                break;
        }

        return fact;
    }

    private void WarnOfCost(CostWarning warning)
    {
        Record(warning);
        if (warning.Cost >= warning.Cap)
        {
            // Never back into the loop from inside its gate.
            _ = Task.Run(() => Post(new EndAfterGoodbye(
                EndReason.CostCapReached,
                string.Create(CultureInfo.InvariantCulture, $"The call reached its limit of {warning.Cap:0.00##} US dollars for AI providers."),
                DefaultAssistant.Farewell)));
        }
    }

    private async Task RunToolAsync(ToolCalled call)
    {
        // Off the media thread. The loop gives the result to whoever has the call by then, once.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        Post(new ProvideToolResult(call.CallId, await _tools.RunAsync(call, TimeZone, Record)));
    }

    /// <summary>A fact about the call that the loop did not tell.</summary>
    /// <returns>False when the call is over, or belongs to somebody else by now.</returns>
    private bool Record(SessionFact fact) => !_lost && _facts.Add(new TimedFact(fact, _time.GetUtcNow())) != FactRoom.None;
}
