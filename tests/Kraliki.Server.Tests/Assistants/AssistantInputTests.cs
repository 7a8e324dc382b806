using Kraliki.Contracts;
using Kraliki.Server.Assistants;

namespace Kraliki.Server.Tests.Assistants;

public sealed class AssistantInputTests
{
    private static readonly AssistantContent Desk = new("Desk", "Be brief.", "Hello.", Language: "en-GB", Providers: ["local"], Tools: ["end_call"], Limits: new(20, 45));

    [Theory]
    [InlineData("content.name", "must not be empty", "name")]
    [InlineData("content.instructions", "must not be empty", "instructions")]
    [InlineData("content.instructions", "at most 16,000 characters; it has 16,001", "long")]
    [InlineData("content.greeting", "at most 500 characters", "greeting")]
    [InlineData("content.language", "must be a BCP 47 tag", "english")]
    [InlineData("content.language", "no language of ISO 639-1", "xx")]
    [InlineData("content.providers", "names \"hal\", which there is not; there are openai", "provider")]
    [InlineData("content.providers", "must name each of them once", "twice")]
    [InlineData("content.voices", "names \"hal\", which there is not", "voice")]
    [InlineData("content.voices", "content.voices.openai must be the provider's name for a voice", "voice name")]
    [InlineData("content.tools", "names \"launch\", which there is not; there are end_call", "tool")]
    [InlineData("content.limits.max_call_minutes", "must be from 1 to 240", "minutes")]
    [InlineData("content.limits.max_silence_seconds", "must be from 10 to 600", "seconds")]
    [InlineData("content.limits.cost_cap", "must be US dollars from 0.01 to 10000", "cap")]
    [InlineData("note", "at most 500 characters", "note")]
    public void What_cannot_be_is_named_with_what_would_be_right(string field, string sentence, string wrong)
    {
        var content = wrong switch
        {
            "name" => Desk with { Name = " " },
            "instructions" => Desk with { Instructions = "\n " },
            "long" => Desk with { Instructions = new string('x', 16_001) },
            "greeting" => Desk with { Greeting = new string('x', 501) },
            "english" => Desk with { Language = "English" },
            "xx" => Desk with { Language = "xx-GB" },
            "provider" => Desk with { Providers = ["local", "hal"] },
            "twice" => Desk with { Providers = ["local", "local"] },
            "voice" => Desk with { Voices = new Dictionary<string, string> { ["hal"] = "nine" } },
            "voice name" => Desk with { Voices = new Dictionary<string, string> { ["openai"] = "a voice" } },
            "tool" => Desk with { Tools = ["launch"] },
            "minutes" => Desk with { Limits = new(MaxCallMinutes: 0) },
            "cap" => Desk with { Limits = new(CostCap: 0) },
            "seconds" => Desk with { Limits = new(MaxSilenceSeconds: 601) },
            _ => Desk,
        };
        var body = new SaveAssistant(content, wrong == "note" ? new string('x', 501) : null);

        var (name, sentences) = Assert.Single(AssistantInput.ErrorsOf(body, ["openai", "local"], ["end_call", "current_time"]));

        Assert.Equal(field, name);
        Assert.Contains(sentence, Assert.Single(sentences), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("en")]
    [InlineData("en-GB")]
    [InlineData("zh-Hant-TW")]
    [InlineData("es-419")]
    [InlineData(" cs ")]
    [InlineData("")]
    public void A_language_may_have_script_and_region_or_be_left_out(string language) =>
        Assert.Empty(AssistantInput.ErrorsOf(new(Desk with { Language = language }), ["local"], ["end_call"]));

    [Fact]
    public void What_says_nothing_is_left_out_and_lines_end_alike()
    {
        var tidy = AssistantInput.Tidy(new(" Desk ", "One.\r\nTwo. ", " ", Language: " cs ", Providers: [], Voices: new Dictionary<string, string>(), Tools: [], Limits: new()));

        Assert.Equal(("Desk", "One.\nTwo.", null, "cs"), (tidy.Name, tidy.Instructions, tidy.Greeting, tidy.Language));
        Assert.Equal((null, null, null), (tidy.Providers, tidy.Voices, tidy.Limits));

        Assert.Equal(new AssistantLimits(CostCap: 2), AssistantInput.Tidy(Desk with { Limits = new(CostCap: 2) }).Limits);

        // None is something else than all.
        Assert.Empty(tidy.Tools!);
    }
}
