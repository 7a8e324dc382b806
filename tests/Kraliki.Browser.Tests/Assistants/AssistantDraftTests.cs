using System.Reflection;
using System.Text.Json;
using Kraliki.Contracts;
using Kraliki.OperatorConsole.Assistants;

namespace Kraliki.Browser.Tests.Assistants;

public sealed class AssistantDraftTests
{
    [Fact]
    public void What_was_written_since_is_unsaved_and_what_was_saved_is_not()
    {
        var draft = AssistantDraft.Of(new("Night desk", "Be brief."));
        draft.Instructions = "Be very brief.";
        var sent = draft.ToContent();
        draft.Greeting = "Good evening.";
        Assert.True(draft.Dirty);

        draft.Rebase(sent);
        Assert.True(draft.Dirty);
        draft.Greeting = "";
        Assert.False(draft.Dirty);
        Assert.Equal("Be very brief.", draft.Instructions);
    }

    [Fact]
    public void Whatever_an_assistant_is_goes_through_the_editor_unchanged()
    {
        var whole = new AssistantContent(
            "Night desk", "Be brief.", "Good evening.", "Sorry.", "There you are.", "cs-CZ", ["local"], new Dictionary<string, string> { ["gemini"] = "Kore" }, ["end_call"], new(30, 60, 2.5m));
        Assert.All(
            Values(whole).Concat(Values(whole.Limits!)),
            property => Assert.True(property.Value is not null, $"Nothing is said about {property.Name}: give it a value here, so that the editor is seen to keep it."));

        var draft = AssistantDraft.Of(whole);

        Assert.Equal(Json(whole), Json(draft.ToContent()));
        Assert.False(draft.Dirty);

        static IEnumerable<(string Name, object? Value)> Values(object of) =>
            of.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance).Select(property => (property.Name, property.GetValue(of)));
        static string Json(AssistantContent content) => JsonSerializer.Serialize(content, ContractsJson.Default.AssistantContent);
    }

    [Fact]
    public void A_number_that_cannot_be_read_is_blamed_and_kept_as_it_was_typed()
    {
        var draft = AssistantDraft.Of(new("Night desk", "Be brief.", Limits: new(MaxCallMinutes: 30)));
        (draft.MaxCallMinutes, draft.CostCap) = ("half an hour", "2,50");

        Assert.Equal(["content.limits.max_call_minutes", "content.limits.cost_cap"], draft.Unreadable);
        Assert.True(draft.Dirty);
        Assert.Equal("2,50", draft.CostCap);

        (draft.MaxCallMinutes, draft.CostCap) = (" 30 ", "2.50");
        Assert.Empty(draft.Unreadable);
        Assert.Equal(new AssistantLimits(30, null, 2.50m), draft.ToContent().Limits);
    }
}
