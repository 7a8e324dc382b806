using Kraliki.Contracts;

namespace Kraliki.Server.Insights;

/// <summary>The suggestions of one session that nobody has decided about, and the last decisions: what the journal's facts add up to. One thread.</summary>
internal sealed class OpenSuggestions
{
    // For whoever decides a moment too late. Full: the oldest is forgotten, they then hear only that it is not open.
    private const int MostDecided = 32;

    private readonly List<SuggestionMade> _open = [];
    private readonly Queue<SuggestionDecided> _decided = new();

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
                if (_decided.Count == MostDecided)
                {
                    _decided.Dequeue();
                }

                _decided.Enqueue(decided);
                break;
        }
    }

    /// <returns>Null when there is no such open suggestion.</returns>
    public SuggestionMade? Find(string suggestionId) => _open.Find(made => made.SuggestionId == suggestionId);

    /// <returns>Null when nobody has decided about it, or long ago.</returns>
    public SuggestionDecided? FindDecision(string suggestionId) => _decided.FirstOrDefault(decided => decided.SuggestionId == suggestionId);

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
