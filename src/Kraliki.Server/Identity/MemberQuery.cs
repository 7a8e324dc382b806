using System.ComponentModel;
using Kraliki.Contracts;
using Kraliki.Server.Hosting;
using Microsoft.AspNetCore.Mvc;

namespace Kraliki.Server.Identity;

/// <summary>Filters of the list of people.</summary>
internal sealed class MemberQuery
{
    [FromQuery(Name = "q")]
    [Description("Part of the name or of the e-mail address, in any case.")]
    public string? Text { get; init; }

    [FromQuery(Name = "role")]
    [Description("admin, supervisor, agent or viewer.")]
    public string? Role { get; init; }

    [FromQuery(Name = "status")]
    [Description("active, unverified or deactivated.")]
    public string? Status { get; init; }

    [FromQuery(Name = "updated_since")]
    [Description(Paging.UpdatedSince)]
    public DateTimeOffset? UpdatedSince { get; init; }

    public Dictionary<string, string[]> Errors()
    {
        var errors = new Dictionary<string, string[]>();
        Check<UserRole>("role", Role, errors);
        Check<MemberStatus>("status", Status, errors);
        return errors;
    }

    public IQueryable<User> Filter(IQueryable<User> rows)
    {
        if (Text?.Trim().ToLowerInvariant() is { Length: > 0 } part)
        {
            rows = rows.Where(row => row.Email.Contains(part) || row.Name.ToLower().Contains(part));
        }

        if (Find<UserRole>(Role) is { } role)
        {
            rows = rows.Where(row => row.Role == role);
        }

        rows = Find<MemberStatus>(Status) switch
        {
            MemberStatus.Active => rows.Where(row => row.DeactivatedAt == null && row.EmailVerifiedAt != null),
            MemberStatus.Unverified => rows.Where(row => row.DeactivatedAt == null && row.EmailVerifiedAt == null),
            MemberStatus.Deactivated => rows.Where(row => row.DeactivatedAt != null),
            _ => rows,
        };
        return UpdatedSince is { } since ? rows.Where(row => row.UpdatedAt >= since) : rows;
    }

    private static T? Find<T>(string? word)
        where T : struct, Enum => word is null ? null : WireWord.Find<T>(word);

    private static void Check<T>(string field, string? word, Dictionary<string, string[]> errors)
        where T : struct, Enum
    {
        if (word is not null && Find<T>(word) is null)
        {
            errors[field] = [$"{field} must be one of {string.Join(", ", WireWord.All<T>())}."];
        }
    }
}
