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

/// <summary>What the use of AI providers costs: by configured prices of the model (<c>Kraliki:Prices:{provider}:{model}:{unit}</c>) where there are any, else by <see cref="ListPrices"/>. Immutable.</summary>
internal sealed class PriceTable(IReadOnlyList<Price> configured)
{
    private const decimal Highest = 1_000_000;

    /// <summary>Whom a price can be of; <c>llm</c> is the language model of segmented providers.</summary>
    private static readonly string[] Providers = ["openai", "gemini", "deepgram", "deepgram_agent", "llm", "local"];

    private static readonly PriceUnit[] TextTokens = [PriceUnit.TextIn, PriceUnit.TextOut];
    private static readonly PriceUnit[] AllTokens = [.. TextTokens, PriceUnit.AudioIn, PriceUnit.AudioOut];

    public static PriceTable Read(ConfigurationReader reader)
    {
        List<Price> prices = [];
        foreach (var provider in reader.Names("Prices"))
        {
            var known = Providers.Contains(provider, StringComparer.OrdinalIgnoreCase);
            if (!known)
            {
                reader.Complain($"Prices:{provider}", "", $"must be the prices of one of {string.Join(", ", Providers)}");
            }

            foreach (var model in reader.Names($"Prices:{provider}"))
            {
                var readable = model.IndexOf('*', StringComparison.Ordinal) is var star && (star < 0 || star == model.Length - 1);
                if (!readable)
                {
                    reader.Complain($"Prices:{provider}:{model}", "", "must be a model's name, or its beginning and *, or * for all models");
                }

                var own = Read(reader, provider, model);
                prices.AddRange(known && readable ? own : []);
            }
        }

        var table = new PriceTable(prices);
        foreach (var (provider, model) in prices.Select(price => (price.Provider, price.Model)).Distinct())
        {
            // A limit would never be reached by what has no price.
            if (table.Missing(new(provider, model)) is { Count: > 0 } missing)
            {
                reader.Complain(
                    $"Prices:{provider}:{model}", "", $"must have prices for {string.Join(", ", missing)} too, 0 for what is free: prices of your own take the place of all list prices of a model");
            }
        }

        return table;
    }

    private static List<Price> Read(ConfigurationReader reader, string provider, string model)
    {
        List<Price> prices = [];
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

        return prices;
    }

    /// <summary>The same with its cost, as far as there are prices.</summary>
    public ModelUsage Priced(ModelUsage use)
    {
        decimal cost = 0;
        var (known, unpriced, estimated) = (false, false, false);
        foreach (var (unit, amount) in Amounts(use))
        {
            if (amount == 0)
            {
                continue;
            }

            if (Find(use, unit) is { } found)
            {
                known = true;
                cost += amount * found.Dollars;
                estimated |= found.Listed && found.Dollars > 0;
            }
            else
            {
                unpriced |= MayBill(use, unit);
            }
        }

        return use with { Cost = unpriced && !known ? null : Math.Round(cost, 9), Unpriced = unpriced, Estimated = estimated };
    }

    /// <summary>Whether there is a price for everything that this model can be billed by.</summary>
    public bool Covers(string provider, string model) => Missing(new(provider, model)).Count == 0;

    /// <summary>Of a model that bills neither by time nor by letters: the tokens without a price.</summary>
    private IReadOnlyList<PriceUnit> Missing(ModelUsage use) =>
        Find(use, PriceUnit.Minute) is not null || Find(use, PriceUnit.Characters) is not null
            ? []
            : [.. (use.Provider == "llm" ? TextTokens : AllTokens).Where(unit => Find(use, unit) is null)];

    /// <summary>Tokens and time are measured of every model; who bills by the one does not bill by the other.</summary>
    /// <param name="unit">That has no price.</param>
    private bool MayBill(ModelUsage use, PriceUnit unit) => unit switch
    {
        PriceUnit.Minute => Missing(use).Count > 0,
        PriceUnit.Characters => true,
        _ => Find(use, PriceUnit.Minute) is null,
    };

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

    /// <summary>By one's own prices of the model, or by the list's: never by both, as a vendor bills by one table.</summary>
    private (decimal Dollars, bool Listed)? Find(ModelUsage use, PriceUnit unit)
    {
        var own = configured.Any(price => IsOf(use, price));
        return Best(own ? configured : ListPrices.All, use, unit) is { } best ? (best.Dollars, !own) : unit switch
        {
            PriceUnit.TextCached => Find(use, PriceUnit.TextIn),
            PriceUnit.AudioCached => Find(use, PriceUnit.AudioIn),
            _ => null,
        };
    }

    /// <summary>The price that names the model most closely.</summary>
    private static Price? Best(IReadOnlyList<Price> prices, ModelUsage use, PriceUnit unit) => prices
        .Where(price => price.Unit == unit && IsOf(use, price))
        .MaxBy(price => price.Model.EndsWith('*') ? price.Model.Length - 1 : int.MaxValue);

    private static bool IsOf(ModelUsage use, Price price) => price.Provider == use.Provider && Fits(price.Model, use.Model ?? "");

    private static bool Fits(string pattern, string model) => pattern.EndsWith('*')
        ? model.StartsWith(pattern[..^1], StringComparison.OrdinalIgnoreCase)
        : pattern.Equals(model, StringComparison.OrdinalIgnoreCase);
}
