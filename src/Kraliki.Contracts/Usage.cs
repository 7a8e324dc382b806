namespace Kraliki.Contracts;

/// <summary>What was used of one model of one provider. Each token is counted once: cached ones are not among the others.</summary>
/// <param name="Provider">Who bills it: <c>openai</c>, <c>gemini</c>, <c>deepgram</c>, <c>deepgram_agent</c>, <c>local</c>; <c>llm</c> for the language model of a segmented provider.</param>
/// <param name="Model">Null when the provider has no models to choose from.</param>
public sealed record ModelUsage(string Provider, string? Model)
{
    public long TextInTokens { get; init; }

    public long TextCachedTokens { get; init; }

    public long AudioInTokens { get; init; }

    public long AudioCachedTokens { get; init; }

    /// <summary>Those that a model thought with included.</summary>
    public long TextOutTokens { get; init; }

    public long AudioOutTokens { get; init; }

    /// <summary>The caller's audio that it was given.</summary>
    public double AudioInSeconds { get; init; }

    /// <summary>Answers that came of it, heard or not.</summary>
    public double AudioOutSeconds { get; init; }

    /// <summary>Of text that it was to speak.</summary>
    public long Characters { get; init; }

    /// <summary>US dollars, of what has a price; null when nobody knows a price for any of it.</summary>
    public decimal? Cost { get; init; }

    /// <summary>Nobody knows a price for some of it: the cost is without that.</summary>
    public bool Unpriced { get; init; }

    /// <summary>The cost is by a list price that this version came with; the bill may say something else.</summary>
    public bool Estimated { get; init; }

    /// <summary>The same model's use at another time, added.</summary>
    public ModelUsage Plus(ModelUsage more) => Combined(more, 1) with
    {
        Cost = Cost is null ? more.Cost : Cost + (more.Cost ?? 0),
        Unpriced = Unpriced || more.Unpriced,
        Estimated = Estimated || more.Estimated,
    };

    /// <summary>What came since an earlier count; without a cost.</summary>
    public ModelUsage Since(ModelUsage earlier) => Combined(earlier, -1) with { Cost = null, Unpriced = false, Estimated = false };

    /// <summary>One entry for each model.</summary>
    public static ModelUsage[] Sum(IEnumerable<ModelUsage> used) =>
        [.. used.GroupBy(use => (use.Provider, use.Model)).Select(same => same.Aggregate((sum, more) => sum.Plus(more)))];

    private ModelUsage Combined(ModelUsage other, int sign) => this with
    {
        TextInTokens = TextInTokens + (sign * other.TextInTokens),
        TextCachedTokens = TextCachedTokens + (sign * other.TextCachedTokens),
        AudioInTokens = AudioInTokens + (sign * other.AudioInTokens),
        AudioCachedTokens = AudioCachedTokens + (sign * other.AudioCachedTokens),
        TextOutTokens = TextOutTokens + (sign * other.TextOutTokens),
        AudioOutTokens = AudioOutTokens + (sign * other.AudioOutTokens),
        AudioInSeconds = Math.Round(AudioInSeconds + (sign * other.AudioInSeconds), 2),
        AudioOutSeconds = Math.Round(AudioOutSeconds + (sign * other.AudioOutSeconds), 2),
        Characters = Characters + (sign * other.Characters),
    };
}

/// <summary>What a session's AI providers cost, as far as prices are known; simulated ones what the vendor's would, though nobody bills it.</summary>
/// <param name="Currency">Always <c>USD</c>: the vendors' prices are.</param>
/// <param name="Estimated">Part of it is by list prices that this version came with.</param>
/// <param name="Cap">Where the call is brought to its end; null: nowhere.</param>
/// <param name="Unpriced">Models for whose use there is no price, or not for all of it, as <c>provider/model</c>: the amount is without that.</param>
public sealed record SessionCost(decimal Amount, string Currency, bool Estimated, decimal? Cap, IReadOnlyList<string> Unpriced)
{
    /// <summary>US dollars; less ends a call before it has begun.</summary>
    public const decimal LeastCap = 0.01m;
    public const decimal MostCap = 10_000;

    /// <summary>To a ten-thousandth of a cent; beyond that nobody bills.</summary>
    public static SessionCost Of(IReadOnlyList<ModelUsage> usage, decimal? cap) => new(
        Math.Round(usage.Sum(use => use.Cost ?? 0), 6),
        "USD",
        usage.Any(use => use.Estimated),
        cap,
        [.. usage.Where(use => use.Unpriced || use.Cost is null).Select(use => use.Model is null ? use.Provider : $"{use.Provider}/{use.Model}")]);
}

/// <summary>What a session used of its AI providers, through switches and interruptions.</summary>
/// <param name="Usage">One entry for each provider and model.</param>
public sealed record SessionUsage(Guid SessionId, IReadOnlyList<ModelUsage> Usage, SessionCost Cost);
