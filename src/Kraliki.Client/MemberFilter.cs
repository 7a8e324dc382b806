using Kraliki.Contracts;

namespace Kraliki.Client;

/// <summary>Filters of the list of people; null is no filter.</summary>
/// <param name="Text">Part of the name or the e-mail address.</param>
/// <param name="UpdatedSince">Only who changed since: for incremental sync.</param>
/// <param name="Limit">1 to 200.</param>
/// <param name="Cursor">The <see cref="Page{T}.NextCursor"/> of the page before.</param>
public sealed record MemberFilter(
    string? Text = null, UserRole? Role = null, MemberStatus? Status = null, DateTimeOffset? UpdatedSince = null, int? Limit = null, string? Cursor = null)
{
    internal string ToQuery() => new Query()
        .Add("q", Text)
        .Add("role", Role is { } role ? WireWord.Of(role) : null)
        .Add("status", Status is { } status ? WireWord.Of(status) : null)
        .Add("updated_since", UpdatedSince)
        .Add("limit", Limit)
        .Add("cursor", Cursor)
        .ToString();
}
