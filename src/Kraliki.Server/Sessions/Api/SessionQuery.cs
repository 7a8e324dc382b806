using System.ComponentModel;
using Kraliki.Contracts;
using Kraliki.Server.Hosting;
using Kraliki.Server.Sessions.Journal;
using Microsoft.AspNetCore.Mvc;

namespace Kraliki.Server.Sessions.Api;

/// <summary>Filters of the session list.</summary>
internal sealed class SessionQuery
{
    [FromQuery(Name = "state")]
    [Description("May be given several times, or several states with commas.")]
    public string[]? State { get; init; }

    [FromQuery(Name = "provider")]
    [Description("Name of the AI voice provider.")]
    public string? Provider { get; init; }

    [FromQuery(Name = "telephony_provider")]
    [Description("Name of the carrier.")]
    public string? TelephonyProvider { get; init; }

    [FromQuery(Name = "q")]
    [Description("Part of the phone number.")]
    public string? PhoneNumber { get; init; }

    [FromQuery(Name = "created_after")]
    [Description("Later than this time.")]
    public DateTimeOffset? CreatedAfter { get; init; }

    [FromQuery(Name = "created_before")]
    [Description("Earlier than this time.")]
    public DateTimeOffset? CreatedBefore { get; init; }

    [FromQuery(Name = "updated_since")]
    [Description(Paging.UpdatedSince)]
    public DateTimeOffset? UpdatedSince { get; init; }

    private IEnumerable<string> StateWords => (State ?? []).SelectMany(words => words.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));

    public Dictionary<string, string[]> Errors()
    {
        var errors = new Dictionary<string, string[]>();
        if (StateWords.FirstOrDefault(word => WireWord.Find<SessionState>(word) is null) is { } unknown)
        {
            errors["state"] = [$"state \"{unknown}\" is unknown; it must be one of {string.Join(", ", WireWord.All<SessionState>())}."];
        }

        return errors;
    }

    public IQueryable<SessionRow> Filter(IQueryable<SessionRow> rows)
    {
        var states = StateWords.Select(WireWord.Find<SessionState>).OfType<SessionState>().Distinct().ToArray();
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
}
