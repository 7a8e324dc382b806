using System.Globalization;
using Kraliki.Contracts;
using Kraliki.OperatorConsole.Calls;

namespace Kraliki.OperatorConsole.Text;

/// <content>Who leads a call, and what it costs.</content>
public sealed partial record Words
{
    /// <summary>Null for the server's own assistant, which has no versions.</summary>
    public string? LeaderOf(OpenCall call) => call switch
    {
        { Session.AssistantVersion: { } version, AssistantName: { } name } => Put(LedByVersion, name, version),
        { Session.AssistantVersion: { } version } => Put(LedByUnnamed, version),
        _ => null,
    };

    /// <summary>With its limit, and what it leaves out.</summary>
    public string Of(SessionCost cost)
    {
        var amount = cost.Cap is { } cap ? Put(ProviderCostCapped, AmountOf(cost), CallWords.Dollars(cap)) : AmountOf(cost);
        return cost.Unpriced.Count == 0 ? amount : Put(ProviderCostWithout, amount, string.Join(", ", cost.Unpriced));
    }

    /// <summary>$0.0123, about $0.0123.</summary>
    public string AmountOf(SessionCost cost)
    {
        var dollars = CallWords.Dollars(cost.Amount);
        return cost.Estimated ? Put(ProviderCostEstimated, dollars) : dollars;
    }

    private static string Put(string sentence, params object[] values) => string.Format(CultureInfo.InvariantCulture, sentence, values);
}
