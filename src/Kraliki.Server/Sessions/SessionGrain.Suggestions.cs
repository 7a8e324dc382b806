using Kraliki.Contracts;
using Kraliki.Server.Insights;

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
            var decided = (await reader.SuggestionsAsync(row.Id, CancellationToken.None)).Select(happened => happened.Data).OfType<SuggestionMade>().Last(made => made.SuggestionId == suggestionId);
            return new(LineOf(decided, decision, text) is { } written ? await TellAgainAsync(row, written, request) : DeliveryOutcome.Delivered);
        }

        var suggestions = await SuggestionsAsync();
        if (suggestions.Find(suggestionId) is not { } suggestion)
        {
            return new(DeliveryOutcome.NoSuchSuggestion, suggestions.FindDecision(suggestionId));
        }

        var line = LineOf(suggestion, decision, text);
        if (line is not null && OwnerOf(row) is null)
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
        return new(line is null ? DeliveryOutcome.Delivered : await TellAsync(row, line, request));
    }

    /// <summary>What the AI is told; null when it is nothing.</summary>
    private static string? LineOf(SuggestionMade suggestion, SuggestionDecision decision, string? text) =>
        suggestion.Category == SuggestionCategory.Reply && decision != SuggestionDecision.Dismissed ? text ?? suggestion.Text : null;

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
