using System.Globalization;
using Kraliki.Contracts;

namespace Kraliki.OperatorConsole.Text;

/// <summary>What happens between a call and its AI providers, in the operator's words.</summary>
public static class ProviderWords
{
    /// <summary>The reason that the journal keeps of a switch that was chosen in the menu.</summary>
    public const string ChosenAtDesk = "Chosen at the live desk.";

    public static string Of(ProviderFailed fact)
    {
        var name = CallWords.Provider(fact.Provider);
        return fact.Failure switch
        {
            ProviderFailure.Refused => $"{name} could not be reached",
            ProviderFailure.Unauthorized => $"{name} did not accept our key",
            ProviderFailure.ConnectTimeout => $"{name} was not ready in time",
            ProviderFailure.Lost => $"The connection to {name} broke",
            ProviderFailure.Error => $"{name} reported an error",
            ProviderFailure.Expired => $"{name} ended the connection at its time limit",
            ProviderFailure.Stalled => $"{name} stopped answering",
            ProviderFailure.Fault => $"A fault of ours broke the connection to {name}",
            _ => $"{name} failed",
        };
    }

    public static string Of(ProviderSwitched fact)
    {
        var (from, to, took) = (CallWords.Provider(fact.From), CallWords.Provider(fact.To), Duration(fact.TookMs));
        string[] parts =
        [
            fact.Cause switch
            {
                SwitchCause.Requested => $"Switched from {from} to {to} by {fact.By} after {took}",
                SwitchCause.Failover when fact.From == fact.To => $"{to} is back after {took}",
                SwitchCause.Failover => $"Continued on {to} after {took}",
                SwitchCause.Recycled => $"The connection to {to} was renewed before its time limit",
                SwitchCause.RolledBack => $"{to} has the call again after {took}",
                _ => $"{to} has the call",
            },
            .. fact.ReplayedMs > 0 ? [$"heard {Duration(fact.ReplayedMs)} of the caller again"] : Array.Empty<string>(),
            .. Carried(fact) is { } carried ? [$"{carried} carried over"] : Array.Empty<string>(),
        ];
        return string.Join(" · ", parts);
    }

    public static string Of(ProviderSwitchFailed fact) => fact switch
    {
        { From: "" } => $"{CallWords.Provider(fact.To)} did not take the call",
        _ when fact.From == fact.To => $"The connection to {CallWords.Provider(fact.To)} could not be renewed; the call goes on with the old one",
        _ => $"{CallWords.Provider(fact.To)} did not take over; the call stays with {CallWords.Provider(fact.From)}",
    };

    public static string Of(FailoverPolicyChanged fact) => $"{fact.By} changed who takes over: {Of(fact.Policy)}";

    /// <summary>As the rest of a sentence, without its end.</summary>
    public static string Of(FailoverPolicy policy) => !policy.Enabled
        ? "nobody"
        : $"{(policy.Order is [] ? "all that are configured" : string.Join(", then ", policy.Order.Select(CallWords.Provider)))}, after {policy.StallSeconds} s of silence";

    /// <summary>What explains a change beyond its sentence; null when nothing does.</summary>
    public static string? Detail(SessionFact fact) => fact switch
    {
        ProviderConnected { Model: { } model } => model,
        ProviderFailed failed => failed.Detail,
        ProviderSwitched { Reason: ChosenAtDesk } => null,
        ProviderSwitched change => change.Reason,
        ProviderSwitchFailed failed => failed.Detail,
        _ => null,
    };

    /// <summary>412 ms, 1.2 s.</summary>
    public static string Duration(int milliseconds) =>
        milliseconds < 1000 ? string.Create(CultureInfo.InvariantCulture, $"{milliseconds} ms") : $"{CallWords.Seconds(milliseconds)} s";

    /// <summary>What the new provider was told; null when nothing had been said.</summary>
    private static string? Carried(ProviderSwitched fact) => (fact.Turns, fact.ToolCalls) switch
    {
        (0, 0) => null,
        (var turns, 0) => Count(turns, "turn"),
        (0, var tools) => Count(tools, "tool result"),
        var (turns, tools) => $"{Count(turns, "turn")} and {Count(tools, "tool result")}",
    };

    private static string Count(int count, string noun) => string.Create(CultureInfo.InvariantCulture, $"{count} {noun}{(count == 1 ? "" : "s")}");
}
