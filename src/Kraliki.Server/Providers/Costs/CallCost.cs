using Kraliki.Contracts;

namespace Kraliki.Server.Providers.Costs;

/// <summary>What a session's AI providers have cost so far, and whether that comes close to its limit. Guarded by the call loop's gate.</summary>
/// <param name="spent">By earlier calls of the session, US dollars.</param>
/// <param name="cap">Null: no limit.</param>
internal sealed class CallCost(PriceTable prices, decimal spent, decimal? cap)
{
    private const decimal WarnAt = 0.8m;

    private readonly decimal? _cap = cap;
    private decimal _spent = spent;
    private bool _warned = cap is { } limit && spent >= limit * WarnAt;
    private bool _reached;

    /// <summary>The use with its costs, which are added up.</summary>
    public ProviderUsed Add(ProviderUsed used)
    {
        var priced = used.Used.Select(prices.Priced).ToList();
        _spent += priced.Sum(use => use.Cost ?? 0);
        return new(priced);
    }

    /// <summary>Whether there would be something to tell if this was added.</summary>
    public bool WouldCross(IReadOnlyList<ModelUsage> used) =>
        _cap is { } limit && !_reached && _spent + used.Sum(use => prices.Priced(use).Cost ?? 0) >= (_warned ? limit : limit * WarnAt);

    /// <returns>Once when the cost comes close to the limit, and once when it reaches it; null otherwise.</returns>
    public CostWarning? Crossed()
    {
        if (_cap is not { } limit || _reached || _spent < limit * WarnAt || (_warned && _spent < limit))
        {
            return null;
        }

        _warned = true;
        _reached = _spent >= limit;
        return new(Math.Round(_spent, 6), limit);
    }
}
