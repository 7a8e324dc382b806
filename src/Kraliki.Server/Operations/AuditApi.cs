using System.ComponentModel;
using System.Globalization;
using System.Text;
using Kraliki.Contracts;
using Kraliki.Server.Data;
using Kraliki.Server.Hosting;
using Kraliki.Server.Identity;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Operations;

/// <summary><c>/api/v1/audit</c>: what happened in the organisation, newest first, and whether the record of it is whole.</summary>
internal static class AuditApi
{
    private const string Csv = "text/csv";

    private static readonly string[] Columns = ["number", "at", "actor", "action", "subject", "detail", "address", "request_id"];

    public static void MapAudit(this IEndpointRouteBuilder routes)
    {
        var audit = routes.MapGroup("/api/v1/audit").WithTags("Audit").RequireAuthorization(Permissions.AuditRead)
            .ProducesProblem(StatusCodes.Status401Unauthorized).ProducesProblem(StatusCodes.Status403Forbidden);
        audit.MapGet("", SearchAsync).WithName("SearchAudit").WithSummary("Audit entries, newest first")
            .Produces<Page<AuditEntryView>>().ProducesProblem(StatusCodes.Status400BadRequest);
        audit.MapGet("/export", ExportAsync).WithName("ExportAudit").WithSummary("The same as a CSV file; the export itself is audited")
            .Produces<string>(StatusCodes.Status200OK, Csv).ProducesProblem(StatusCodes.Status400BadRequest);
        audit.MapGet("/verification", VerifyAsync).WithName("VerifyAudit").WithSummary("Checks every entry of the organisation's chain")
            .WithDescription("Finds and names entries that were changed, removed, inserted or reordered, also at the end of the chain. Reads the whole chain.")
            .Produces<AuditVerification>();
    }

    private static async Task<IResult> SearchAsync([AsParameters] AuditQuery query, [AsParameters] Paging page, KralikiDb db, CancellationToken cancellationToken) =>
        query.Errors() is { Count: > 0 } errors
            ? Problems.Invalid(errors)
            : await page.NewestFirstAsync(query.Filtered(db.Set<AuditEntry>().AsNoTracking()), entry => entry.Number, entry => entry.ToView(), cancellationToken);

    private static async Task<IResult> ExportAsync(
        [AsParameters] AuditQuery query, KralikiDb db, AuditLog audit, HttpContext http, CancellationToken cancellationToken)
    {
        if (query.Errors() is { Count: > 0 } errors)
        {
            return Problems.Invalid(errors);
        }

        // Before the first byte: an export that was broken off has shown data too.
        await audit.WriteAsync(AuditActions.AuditExported, "audit");
        http.Response.Headers.ContentDisposition = "attachment; filename=\"audit.csv\"";
        http.Response.Headers.CacheControl = "no-store";
        return Results.Stream(
            async stream =>
            {
                // With a byte order mark, without which spreadsheets take UTF-8 for something else.
                await using var writer = new StreamWriter(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: true));
                await writer.WriteLineAsync(string.Join(',', Columns));
                await foreach (var entry in query.Filtered(db.Set<AuditEntry>().AsNoTracking()).OrderBy(entry => entry.Number).AsAsyncEnumerable().WithCancellation(cancellationToken))
                {
                    await writer.WriteLineAsync(Line(entry));
                }
            },
            Csv);
    }

    private static async Task<IResult> VerifyAsync(KralikiDb db, AuditChain chain, CurrentUser user, TimeProvider time, CancellationToken cancellationToken) =>
        TypedResults.Ok(await chain.VerifyAsync(db, user.OrganisationId, time.GetUtcNow(), cancellationToken));

    private static string Line(AuditEntry entry) => string.Join(',', ((string?[])
        [
            entry.Number.ToString(CultureInfo.InvariantCulture),
            entry.At.UtcDateTime.ToString("O", CultureInfo.InvariantCulture),
            entry.Actor,
            entry.Action,
            entry.Subject,
            entry.Detail,
            entry.Address,
            entry.RequestId,
        ]).Select(Cell));

    /// <summary>RFC 4180; and a text that a spreadsheet would take for a formula gets an apostrophe before it.</summary>
    private static string Cell(string? text)
    {
        if (string.IsNullOrEmpty(text))
        {
            return "";
        }

        var harmless = text[0] is '=' or '+' or '-' or '@' or '\t' or '\r' ? "'" + text : text;
        return harmless.AsSpan().ContainsAny(",\"\r\n") ? $"\"{harmless.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : harmless;
    }
}

/// <summary>What is looked for in the audit log; all conditions must hold.</summary>
internal sealed class AuditQuery
{
    private const int LongestText = 200;

    [FromQuery(Name = "q")]
    [Description("Part of actor, subject or detail.")]
    public string? Text { get; init; }

    [FromQuery(Name = "actor")]
    [Description("Part of the actor.")]
    public string? Actor { get; init; }

    [FromQuery(Name = "action")]
    [Description("Whole names of actions, several with commas.")]
    public string? Action { get; init; }

    [FromQuery(Name = "subject")]
    [Description("The whole subject: an id.")]
    public string? Subject { get; init; }

    [FromQuery(Name = "from")]
    [Description("At this time or later.")]
    public DateTimeOffset? From { get; init; }

    [FromQuery(Name = "to")]
    [Description("Earlier than this time.")]
    public DateTimeOffset? To { get; init; }

    public Dictionary<string, string[]> Errors()
    {
        var errors = new Dictionary<string, string[]>();
        foreach (var (name, text) in ((string, string?)[])[("q", Text), ("actor", Actor), ("action", Action), ("subject", Subject)])
        {
            if (text?.Length > LongestText)
            {
                errors[name] = [$"{name} must have at most {LongestText} characters."];
            }
        }

        if (From >= To)
        {
            errors["to"] = ["to must be later than from."];
        }

        return errors;
    }

    public IQueryable<AuditEntry> Filtered(IQueryable<AuditEntry> rows)
    {
        if (!string.IsNullOrWhiteSpace(Text))
        {
            var part = Text.Trim();
            rows = rows.Where(entry => entry.Actor.Contains(part) || entry.Subject.Contains(part) || (entry.Detail != null && entry.Detail.Contains(part)));
        }

        if (!string.IsNullOrWhiteSpace(Actor))
        {
            var part = Actor.Trim();
            rows = rows.Where(entry => entry.Actor.Contains(part));
        }

        if (!string.IsNullOrWhiteSpace(Action))
        {
            var names = Action.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            rows = rows.Where(entry => names.Contains(entry.Action));
        }

        if (!string.IsNullOrWhiteSpace(Subject))
        {
            var whole = Subject.Trim();
            rows = rows.Where(entry => entry.Subject == whole);
        }

        if (From is { } from)
        {
            rows = rows.Where(entry => entry.At >= from);
        }

        return To is { } to ? rows.Where(entry => entry.At < to) : rows;
    }
}
