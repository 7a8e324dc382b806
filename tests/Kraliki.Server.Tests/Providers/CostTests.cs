using Kraliki.Contracts;
using Kraliki.Server.Hosting;
using Kraliki.Server.Providers;
using Kraliki.Server.Providers.Costs;
using Microsoft.Extensions.Configuration;

namespace Kraliki.Server.Tests.Providers;

/// <summary>What the use of a model costs, and what is said of models that do not last.</summary>
public sealed class CostTests
{
    private static readonly ModelUsage Answers = new("openai", "gpt-realtime-2.1")
    {
        TextInTokens = 1_000_000,
        TextCachedTokens = 1_000_000,
        AudioInTokens = 1_000_000,
        AudioCachedTokens = 1_000_000,
        TextOutTokens = 1_000_000,
        AudioOutTokens = 1_000_000,
        AudioInSeconds = 600,
    };

    [Fact]
    public void List_prices_are_known_and_said_to_be_an_estimate()
    {
        var priced = Table().Priced(Answers);
        Assert.Equal((4m + 0.4m + 32m + 0.4m + 24m + 64m, true), (priced.Cost, priced.Estimated));
        Assert.Equal(0.0154m, Table().Priced(new("deepgram", "nova-3") { AudioInSeconds = 120 }).Cost);
        Assert.Equal(0.006m, Table().Priced(new("deepgram", "aura-2-thalia-en") { Characters = 200, AudioOutSeconds = 9 }).Cost);
        Assert.Equal(0.075m, Table().Priced(new("deepgram_agent", "whatever") { AudioInSeconds = 60 }).Cost);
    }

    [Fact]
    public void What_runs_on_our_own_machine_costs_nothing_and_that_is_certain()
    {
        var priced = Table().Priced(new("local", null) { AudioInSeconds = 60, AudioOutSeconds = 60 });
        Assert.Equal((0m, false), (priced.Cost, priced.Estimated));
    }

    [Fact]
    public void Ones_own_price_goes_before_the_list_and_the_closer_name_before_the_wider_one()
    {
        var prices = Table(
            ("openai:*:AudioIn", "1"), ("openai:*:TextIn", "4"), ("openai:*:TextOut", "5"), ("openai:*:AudioOut", "6"),
            ("openai:gpt-realtime-2*:AudioIn", "2"), ("OpenAI:GPT-Realtime-2.1:audioin", "3"));
        var million = new ModelUsage("openai", "gpt-realtime-2.1") { AudioInTokens = 1_000_000 };
        Assert.Equal((3m, false), (prices.Priced(million).Cost, prices.Priced(million).Estimated));
        Assert.Equal(2m, prices.Priced(million with { Model = "gpt-realtime-2.1-mini" }).Cost);
        Assert.Equal(1m, prices.Priced(million with { Model = "gpt-next" }).Cost);
        Assert.Equal(6m, prices.Priced(new("openai", "gpt-realtime-2.1") { AudioOutTokens = 1_000_000 }).Cost);
    }

    [Fact]
    public void Where_one_has_a_price_of_ones_own_the_list_is_not_mixed_in()
    {
        var prices = Table(("openai:gpt-realtime-2.1:Minute", "0.06"));
        Assert.Equal((0.6m, false, false), prices.Priced(Answers) is var priced ? (priced.Cost, priced.Estimated, priced.Unpriced) : default);

        // Nor by the minute twice: what writes down the caller's words has its own name and price.
        Assert.Equal(0.045m, prices.Priced(new("openai", "gpt-transcribe") { AudioInSeconds = 600 }).Cost);
        Assert.Equal(4m, prices.Priced(new("openai", "gpt-realtime-2") { TextInTokens = 1_000_000 }).Cost);
    }

    [Fact]
    public void Cached_tokens_without_a_price_cost_what_others_do() =>
        Assert.Equal(
            6m,
            Table(("llm:mine:TextIn", "3"), ("llm:mine:TextOut", "9")).Priced(new("llm", "mine") { TextInTokens = 1_000_000, TextCachedTokens = 1_000_000 }).Cost);

    [Fact]
    public void What_has_no_price_is_said_and_the_rest_is_counted()
    {
        var nobody = Table().Priced(Answers with { Model = "gpt-nobody-knows" });
        Assert.Equal((null, true), (nobody.Cost, nobody.Unpriced));
        Assert.Equal((null, true), Table().Priced(new("openai", "gpt-nobody-knows") { AudioInSeconds = 10 }) is var timed ? (timed.Cost, timed.Unpriced) : default);

        var half = new PriceTable([new("llm", "mine", PriceUnit.TextIn, 3)]);
        var part = half.Priced(new("llm", "mine") { TextInTokens = 1_000_000, TextOutTokens = 1 });
        Assert.Equal((3m, true), (part.Cost, part.Unpriced));

        // A later use does not take away what an earlier one cost, nor the other way round.
        var whole = half.Priced(new("llm", "mine") { TextOutTokens = 5 });
        Assert.Equal((3m, true), (whole.Plus(part).Cost, part.Plus(whole).Unpriced));
        Assert.Equal((3m, "llm/mine"), SessionCost.Of([part.Plus(whole)], null) is var sum ? (sum.Amount, Assert.Single(sum.Unpriced)) : default);

        // Who bills by tokens does not bill by time.
        Assert.Equal((0m, false), Table().Priced(new("openai", "gpt-realtime-2.1") { AudioInSeconds = 10 }) is var silent ? (silent.Cost, silent.Unpriced) : default);
    }

    [Fact]
    public void A_limit_holds_for_models_that_are_priced_as_a_whole()
    {
        var prices = new PriceTable([new("llm", "half", PriceUnit.TextIn, 3), new("llm", "whole", PriceUnit.TextIn, 3), new("llm", "whole", PriceUnit.TextOut, 3)]);
        Assert.True(prices.Covers("llm", "whole"));
        Assert.False(prices.Covers("llm", "half"));
        Assert.False(prices.Covers("openai", "gpt-nobody-knows"));
        Assert.True(prices.Covers("openai", "gpt-realtime-2.1"));
        Assert.True(prices.Covers("deepgram", "nova-3"));
        Assert.True(prices.Covers("deepgram", "aura-2-thalia-en"));
        Assert.True(prices.Covers("local", "pocketsphinx"));
    }

    [Fact]
    public void A_limit_is_told_of_once_when_it_is_close_and_once_when_it_is_reached()
    {
        var cost = new CallCost(Table(("llm:mine:TextIn", "1"), ("llm:mine:TextOut", "1")), spent: 0.5m, cap: 1);
        CostWarning? Spend(long tokens)
        {
            ModelUsage[] used = [new("llm", "mine") { TextInTokens = tokens }];
            bool foreseen = cost.WouldCross(used);
            cost.Add(new(used));
            var warning = cost.Crossed();
            Assert.Equal(warning is not null, foreseen);
            return warning;
        }

        Assert.Null(Spend(200_000));
        Assert.Equal(new CostWarning(0.85m, 1), Spend(150_000));
        Assert.Null(Spend(100_000));
        Assert.Equal(new CostWarning(1.05m, 1), Spend(100_000));
        Assert.Null(Spend(1_000_000));
    }

    [Fact]
    public void Without_a_limit_nothing_is_too_dear()
    {
        var cost = new CallCost(Table(), spent: 0, cap: null);
        cost.Add(new([Answers]));
        Assert.Null(cost.Crossed());
    }

    [Theory]
    [InlineData("gpt-realtime", "2026-11-23", "The model gpt-realtime is switched off on 2027-01-20: set Kraliki:Providers:OpenAI:Model to gpt-realtime-2.1 before.")]
    [InlineData("gpt-realtime-mini-2025-12-15", "2026-11-23", "The model gpt-realtime-mini-2025-12-15 is switched off on 2027-01-20: set Kraliki:Providers:OpenAI:Model to gpt-realtime-2.1-mini before.")]
    [InlineData("gpt-realtime", "2027-01-20", "The model gpt-realtime was switched off on 2027-01-20: set Kraliki:Providers:OpenAI:Model to gpt-realtime-2.1.")]
    [InlineData("models/gemini-3.1-flash-live-preview", "2026-11-23", "The vendor advises against the model gemini-3.1-flash-live-preview: set Kraliki:Providers:OpenAI:Model to gemini-3.8-live.")]
    [InlineData("gpt-realtime-2.1", "2026-11-23", null)]
    public void A_model_whose_end_is_announced_is_told_with_its_successor(string model, string today, string? sentence) =>
        Assert.Equal(sentence, ModelEnds.Of("Kraliki:Providers:OpenAI:Model", model, DateOnly.Parse(today, System.Globalization.CultureInfo.InvariantCulture)));

    private static PriceTable Table(params (string Key, string Value)[] prices)
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(prices.Select(price => KeyValuePair.Create($"Kraliki:Prices:{price.Key}", (string?)price.Value)))
            .Build();
        var reader = new ConfigurationReader(configuration.GetSection("Kraliki"));
        var table = PriceTable.Read(reader);
        reader.ThrowIfRefused();
        return table;
    }
}
