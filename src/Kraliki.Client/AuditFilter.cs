using Kraliki.Contracts;

namespace Kraliki.Client;

/// <summary>Filters of the audit log; null is no filter.</summary>
/// <param name="Text">Part of actor, subject or detail.</param>
/// <param name="Actor">Who did it: part of an e-mail address, <c>carrier</c>, <c>server</c> or <c>anonymous</c>.</param>
/// <param name="Action">Code name of the act: <c>role_changed</c>; several with commas.</param>
/// <param name="From">From this moment on.</param>
/// <param name="To">Before this moment.</param>
/// <param name="Limit">1 to 200.</param>
/// <param name="Cursor">The <see cref="Page{T}.NextCursor"/> of the page before.</param>
public sealed record AuditFilter(
    string? Text = null,
    string? Actor = null,
    string? Action = null,
    DateTimeOffset? From = null,
    DateTimeOffset? To = null,
    int? Limit = null,
    string? Cursor = null)
{
    internal string ToQuery() => new Query()
        .Add("q", Text)
        .Add("actor", Actor)
        .Add("action", Action)
        .Add("from", From)
        .Add("to", To)
        .Add("limit", Limit)
        .Add("cursor", Cursor)
        .ToString();
}
