using Kraliki.Contracts;
using Kraliki.Server.Insights;
using Kraliki.Voice.Calls;

namespace Kraliki.Server.Sessions;

/// <summary>What is found out beside the call, and what the operator makes of it.</summary>
internal sealed partial class SessionGrain
{
    // Read from the journal when it is first needed, and again when a write has failed.
    private OpenSuggestions? _suggestions;

    public async Task RecordAsync(SessionFact[] found, Guid request)
    {
        if (await CurrentAsync() is not { } row || row.Did(request))
        {
            return;
        }

        // Nobody is left to whom a suggestion could be of use.
        var over = SessionRules.IsOver(row.State) || IsClosing(row);
        var open = await SuggestionsAsync();
        var draft = new JournalDraft(row, row.Doing(request));
        foreach (var fact in found)
        {
            foreach (var admitted in fact is not SuggestionMade made ? [fact] : over ? [] : open.Admit(made))
            {
                draft.Add(admitted, time.GetUtcNow());
            }
        }

        if (draft.Events.Length > 0)
        {
            await CommitAsync(draft);
        }
    }

    public async Task<DecisionOutcome> DecideAsync(string suggestionId, SuggestionDecision decision, string? text, string by, Guid request)
    {
        if (await CurrentAsync() is not { } row)
        {
            return new(DeliveryOutcome.NoSuchSession);
        }

        if (row.Did(request))
        {
            return new(DeliveryOutcome.Delivered);
        }

        var suggestions = await SuggestionsAsync();
        if (suggestions.Find(suggestionId) is not { } suggestion)
        {
            return new(DeliveryOutcome.NoSuchSuggestion, suggestions.FindDecision(suggestionId));
        }

        var line = suggestion.Category == SuggestionCategory.Reply && decision != SuggestionDecision.Dismissed ? text ?? suggestion.Text : null;
        if (line is not null && _owner is null)
        {
            return new(DeliveryOutcome.NoCall);
        }

        var draft = new JournalDraft(row, row.Doing(request));
        draft.Add(new SuggestionDecided(suggestionId, decision, text, by), time.GetUtcNow());
        if (line is not null)
        {
            draft.Add(new OperatorText(line, by), time.GetUtcNow());
        }

        await CommitAsync(draft);
        return line is null || (_owner is { } owner && await DeliverAsync(owner, row.Epoch, new InstructProvider(line)))
            ? new(DeliveryOutcome.Delivered)
            : new(DeliveryOutcome.NoCall);
    }

    private async ValueTask<OpenSuggestions> SuggestionsAsync()
    {
        if (_suggestions is null)
        {
            var suggestions = new OpenSuggestions();
            foreach (var happened in await reader.SuggestionsAsync(this.GetPrimaryKey(), CancellationToken.None))
            {
                suggestions.Apply(happened.Data);
            }

            _suggestions = suggestions;
        }

        return _suggestions;
    }
}
