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
}
