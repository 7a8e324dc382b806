using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Kraliki.Contracts;
using Kraliki.Server.Sessions.Journal;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Sessions.Api;

/// <summary>Filters and position of the session list.</summary>
/// <remarks>
/// Keyset paging: newest first by id (UUIDv7: the order of creation); with <c>updated_since</c> by time of change, oldest
/// first, so that a client that follows the pages to the end has everything and goes on from there.
/// </remarks>
internal sealed class SessionQuery
{
    private const int MostRows = 200;

    private static readonly Dictionary<string, SessionState> States =
        Enum.GetValues<SessionState>().ToDictionary(SnakeCaseText<SessionState>.Word);

    /// <summary>May be given several times, or several states with commas.</summary>
    [FromQuery(Name = "state")]
    public string[]? State { get; init; }

    [FromQuery(Name = "provider")]
    public string? Provider { get; init; }

    [FromQuery(Name = "telephony_provider")]
    public string? TelephonyProvider { get; init; }

    /// <summary>Part of the phone number.</summary>
    [FromQuery(Name = "q")]
    public string? PhoneNumber { get; init; }

    [FromQuery(Name = "created_after")]
    public DateTimeOffset? CreatedAfter { get; init; }

    [FromQuery(Name = "created_before")]
    public DateTimeOffset? CreatedBefore { get; init; }

    [FromQuery(Name = "updated_since")]
    public DateTimeOffset? UpdatedSince { get; init; }

    /// <summary>1 to 200; 50 when not given.</summary>
    [FromQuery(Name = "limit")]
    public int? Limit { get; init; }

    /// <summary>The <c>next_cursor</c> of the page before.</summary>
    [FromQuery(Name = "cursor")]
    public string? Cursor { get; init; }

    private IEnumerable<string> StateWords => (State ?? []).SelectMany(words => words.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));

    public Dictionary<string, string[]> Errors()
    {
        var errors = new Dictionary<string, string[]>();
        if (StateWords.FirstOrDefault(word => !States.ContainsKey(word)) is { } unknown)
        {
            errors["state"] = [$"state \"{unknown}\" is unknown; it must be one of {string.Join(", ", States.Keys)}."];
        }

        if (Limit is < 1 or > MostRows)
        {
            errors["limit"] = [$"limit must be from 1 to {MostRows}."];
        }

        if (Cursor is not null && Position.Read(Cursor) is null)
        {
            errors["cursor"] = ["cursor must be the next_cursor of the page before, unchanged."];
        }

        return errors;
    }

    public async Task<(List<SessionRow> Rows, string? Next)> RunAsync(IQueryable<SessionRow> rows, CancellationToken cancellationToken)
    {
        var limit = Limit ?? 50;
        var page = await Ordered(Filtered(rows)).Take(limit + 1).ToListAsync(cancellationToken);
        if (page.Count <= limit)
        {
            return (page, null);
        }

        page.RemoveAt(limit);
        return (page, new Position(page[^1].UpdatedAt, page[^1].Id).Write());
    }

    private IQueryable<SessionRow> Filtered(IQueryable<SessionRow> rows)
    {
        var states = StateWords.Select(word => States[word]).Distinct().ToArray();
        if (states.Length > 0)
        {
            rows = rows.Where(row => states.Contains(row.State));
        }

        if (Provider is { } provider)
        {
            rows = rows.Where(row => row.Provider == provider);
        }

        if (TelephonyProvider is { } carrier)
        {
            rows = rows.Where(row => row.TelephonyProvider == carrier);
        }

        if (!string.IsNullOrWhiteSpace(PhoneNumber))
        {
            // A plus in a query string arrives as a blank when it was not encoded.
            var number = PhoneNumber.Trim();
            rows = rows.Where(row => row.PhoneNumber != null && row.PhoneNumber.Contains(number));
        }

        if (CreatedAfter is { } after)
        {
            rows = rows.Where(row => row.CreatedAt > after);
        }

        if (CreatedBefore is { } before)
        {
            rows = rows.Where(row => row.CreatedAt < before);
        }

        return UpdatedSince is { } since ? rows.Where(row => row.UpdatedAt >= since) : rows;
    }

    private IQueryable<SessionRow> Ordered(IQueryable<SessionRow> rows)
    {
        var position = Cursor is null ? null : Position.Read(Cursor);
        if (UpdatedSince is null)
        {
            if (position is not null)
            {
                rows = rows.Where(row => row.Id.CompareTo(position.Id) < 0);
            }

            return rows.OrderByDescending(row => row.Id);
        }

        if (position is not null)
        {
            rows = rows.Where(row => row.UpdatedAt > position.UpdatedAt || (row.UpdatedAt == position.UpdatedAt && row.Id.CompareTo(position.Id) > 0));
        }

        return rows.OrderBy(row => row.UpdatedAt).ThenBy(row => row.Id);
    }

    private sealed record Position(DateTimeOffset UpdatedAt, Guid Id)
    {
        public string Write() => Base64Url.EncodeToString(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{UpdatedAt.UtcTicks}:{Id:N}")));

        public static Position? Read(string cursor)
        {
            if (!Base64Url.IsValid(cursor))
            {
                return null;
            }

            return Encoding.ASCII.GetString(Base64Url.DecodeFromChars(cursor)).Split(':') is [var ticks, var id]
                && long.TryParse(ticks, NumberStyles.None, CultureInfo.InvariantCulture, out var utcTicks)
                && utcTicks <= DateTimeOffset.MaxValue.UtcTicks
                && Guid.TryParseExact(id, "N", out var guid)
                    ? new(new DateTimeOffset(utcTicks, TimeSpan.Zero), guid)
                    : null;
        }
    }
}
