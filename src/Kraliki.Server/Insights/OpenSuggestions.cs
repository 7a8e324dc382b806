using Kraliki.Contracts;

namespace Kraliki.Server.Insights;

/// <summary>The suggestions of one session that nobody has decided about: what the journal's facts add up to. One thread.</summary>
internal sealed class OpenSuggestions
{
    private readonly List<SuggestionMade> _open = [];

    /// <summary>After one more fact of the journal, in order; other facts change nothing.</summary>
    public void Apply(SessionFact fact)
    {
        switch (fact)
        {
            case SuggestionMade made:
                _open.Add(made);
                break;
            case SuggestionDecided decided:
                _open.RemoveAll(made => made.SuggestionId == decided.SuggestionId);
                break;
        }
    }

    /// <returns>Null when there is no such open suggestion.</returns>
    public SuggestionMade? Find(string suggestionId) => _open.Find(made => made.SuggestionId == suggestionId);

    /// <summary>The facts that a new suggestion brings about: none when the same advice is open already, else itself, after the oldest when there are too many.</summary>
    public IEnumerable<SessionFact> Admit(SuggestionMade made)
    {
        if (_open.Exists(other => other.Category == made.Category && other.Text == made.Text))
        {
            return [];
        }

        return _open.Count >= SuggestionMade.MostOpen
            ? [new SuggestionDecided(_open[0].SuggestionId, SuggestionDecision.Expired, null, "server"), made]
            : [made];
    }
}
