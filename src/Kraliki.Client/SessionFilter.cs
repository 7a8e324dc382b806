using Kraliki.Contracts;

namespace Kraliki.Client;

/// <summary>Filters of the session list; null is no filter. Newest first, or by time of change with <see cref="UpdatedSince"/>.</summary>
/// <param name="PhoneNumber">Part of the customer's number.</param>
/// <param name="UpdatedSince">Only what changed since: for incremental sync.</param>
/// <param name="Limit">1 to 200.</param>
/// <param name="Cursor">The <see cref="Page{T}.NextCursor"/> of the page before.</param>
public sealed record SessionFilter(
    IReadOnlyList<SessionState>? States = null,
    string? Provider = null,
    string? TelephonyProvider = null,
    string? PhoneNumber = null,
    DateTimeOffset? CreatedAfter = null,
    DateTimeOffset? CreatedBefore = null,
    DateTimeOffset? UpdatedSince = null,
    int? Limit = null,
    string? Cursor = null)
{
    internal string ToQuery()
    {
        var query = new Query();
        foreach (var state in States ?? [])
        {
            query.Add("state", WireWord.Of(state));
        }

        return query
            .Add("provider", Provider)
            .Add("telephony_provider", TelephonyProvider)
            .Add("q", PhoneNumber)
            .Add("created_after", CreatedAfter)
            .Add("created_before", CreatedBefore)
            .Add("updated_since", UpdatedSince)
            .Add("limit", Limit)
            .Add("cursor", Cursor)
            .ToString();
    }
}
