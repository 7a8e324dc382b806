using Kraliki.Contracts;
using Kraliki.Server.Hosting;

namespace Kraliki.Server.Providers.Costs;

/// <summary>What a provider's model can be billed by.</summary>
internal enum PriceUnit
{
    /// <summary>A million text tokens in.</summary>
    TextIn,

    /// <summary>A million text tokens in that the provider had kept; without a price they cost what others do.</summary>
    TextCached,

    /// <summary>A million audio tokens in.</summary>
    AudioIn,

    /// <summary>A million audio tokens in that the provider had kept; without a price they cost what others do.</summary>
    AudioCached,

    /// <summary>A million text tokens out, thinking included.</summary>
    TextOut,

    /// <summary>A million audio tokens out.</summary>
    AudioOut,

    /// <summary>A minute of the caller's audio.</summary>
    Minute,

    /// <summary>A thousand letters to speak.</summary>
    Characters,
}

/// <summary>A price in US dollars. <paramref name="Model"/> may end with <c>*</c>, which stands for any end.</summary>
internal sealed record Price(string Provider, string Model, PriceUnit Unit, decimal Dollars);

/// <summary>What the use of AI providers costs: configured prices (<c>Kraliki:Prices:{provider}:{model}:{unit}</c>), else <see cref="ListPrices"/>. Immutable.</summary>
internal sealed class PriceTable(IReadOnlyList<Price> configured)
{
    private const decimal Highest = 1_000_000;

    /// <summary>Whom a price can be of; <c>llm</c> is the language model of segmented providers.</summary>
    private static readonly string[] Providers = ["openai", "gemini", "deepgram", "deepgram_agent", "llm", "local"];

    public static PriceTable Read(ConfigurationReader reader)
    {
        List<Price> prices = [];
        foreach (var provider in reader.Names("Prices"))
        {
            if (!Providers.Contains(provider, StringComparer.OrdinalIgnoreCase))
            {
                reader.Complain($"Prices:{provider}", "", $"must be the prices of one of {string.Join(", ", Providers)}");
            }

            foreach (var model in reader.Names($"Prices:{provider}"))
            {
                if (model.Contains('*', StringComparison.Ordinal) && model.IndexOf('*', StringComparison.Ordinal) != model.Length - 1)
                {
                    reader.Complain($"Prices:{provider}:{model}", "", "must be a model's name, or its beginning and *, or * for all models");
                }

                foreach (var name in reader.Names($"Prices:{provider}:{model}"))
                {
                    var key = $"Prices:{provider}:{model}:{name}";
                    var dollars = reader.Dollars(key, 0, Highest);
                    var unit = Enum.GetNames<PriceUnit>().FirstOrDefault(known => known.Equals(name, StringComparison.OrdinalIgnoreCase));
                    if (unit is null)
                    {
                        reader.Complain(key, "", $"{name} is no unit; it must be one of {string.Join(", ", Enum.GetNames<PriceUnit>())}");
                    }
                    else if (dollars is { } price)
                    {
                        prices.Add(new(provider.ToLowerInvariant(), model, Enum.Parse<PriceUnit>(unit), price));
                    }
                }
            }
        }

        return new(prices);
    }

    /// <summary>The same with its cost; null where some of it has no price.</summary>
    public ModelUsage Priced(ModelUsage use)
    {
        decimal cost = 0;
        var estimated = false;
        foreach (var (unit, amount) in Amounts(use))
        {
            if (amount == 0)
            {
                continue;
            }

            if (Find(use, unit) is not { } found)
            {
                if (unit == PriceUnit.Minute && Enum.GetValues<PriceUnit>().Any(other => Find(use, other) is not null))
                {
                    // Time is measured of every model; who bills by something else does not bill by it.
                    continue;
                }

                return use with { Cost = null, Estimated = false };
            }

            cost += amount * found.Dollars;
            estimated |= found.Listed && found.Dollars > 0;
        }

        return use with { Cost = Math.Round(cost, 9), Estimated = estimated };
    }

    /// <summary>Whether anything of this model has a price.</summary>
    public bool Knows(string provider, string model) => Enum.GetValues<PriceUnit>().Any(unit => Find(new(provider, model), unit) is not null);

    private static IEnumerable<(PriceUnit Unit, decimal Amount)> Amounts(ModelUsage use) =>
    [
        (PriceUnit.TextIn, use.TextInTokens / 1_000_000m),
        (PriceUnit.TextCached, use.TextCachedTokens / 1_000_000m),
        (PriceUnit.AudioIn, use.AudioInTokens / 1_000_000m),
        (PriceUnit.AudioCached, use.AudioCachedTokens / 1_000_000m),
        (PriceUnit.TextOut, use.TextOutTokens / 1_000_000m),
        (PriceUnit.AudioOut, use.AudioOutTokens / 1_000_000m),
        (PriceUnit.Characters, use.Characters / 1_000m),
        (PriceUnit.Minute, (decimal)use.AudioInSeconds / 60),
    ];

    private (decimal Dollars, bool Listed)? Find(ModelUsage use, PriceUnit unit) =>
        Best(configured, use, unit) is { } own ? (own.Dollars, false)
        : Best(ListPrices.All, use, unit) is { } listed ? (listed.Dollars, true)
        : unit switch
        {
            PriceUnit.TextCached => Find(use, PriceUnit.TextIn),
            PriceUnit.AudioCached => Find(use, PriceUnit.AudioIn),
            _ => null,
        };

    /// <summary>The price that names the model most closely.</summary>
    private static Price? Best(IReadOnlyList<Price> prices, ModelUsage use, PriceUnit unit) => prices
        .Where(price => price.Provider == use.Provider && price.Unit == unit && Fits(price.Model, use.Model ?? ""))
        .MaxBy(price => price.Model.EndsWith('*') ? price.Model.Length - 1 : int.MaxValue);

    private static bool Fits(string pattern, string model) => pattern.EndsWith('*')
        ? model.StartsWith(pattern[..^1], StringComparison.OrdinalIgnoreCase)
        : pattern.Equals(model, StringComparison.OrdinalIgnoreCase);
}
