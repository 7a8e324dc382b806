using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Linq.Expressions;
using Kraliki.Contracts;
using Kraliki.Server.Identity;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace Kraliki.Server.Hosting;

/// <summary>
/// <c>limit</c> and <c>cursor</c> of a list, as one <c>[AsParameters]</c> parameter of its handler, which filters its rows and
/// leaves order, page and answer to one of the methods here.
/// </summary>
/// <remarks>
/// Keyset paging: a cursor holds the sort key of the last row shown, so rows that come or go meanwhile move nothing. It is
/// signed for the organisation, the path and the filters it was given with; carried elsewhere it is refused with 400
/// <c>invalid_cursor</c>.
/// </remarks>
internal sealed class Paging
{
    public const int DefaultLimit = 50;
    public const int MostRows = 200;

    /// <summary>What every list says of its <c>updated_since</c>.</summary>
    public const string UpdatedSince = "Changed at this time or later, the oldest change first: follow the pages to the end, and ask again later with the newest time of change that you have.";

    [FromQuery(Name = "limit")]
    [Description("1 to 200; 50 when not given.")]
    [Range(1, MostRows)]
    public int? Limit { get; init; }

    [FromQuery(Name = "cursor")]
    [Description("The `next_cursor` of the page before.")]
    public string? Cursor { get; init; }

    public required HttpContext Http { get; init; }

    [FromServices]
    public required Cursors Cursors { get; init; }

    [FromServices]
    public required CurrentUser User { get; init; }

    /// <summary>The page as <see cref="Page{T}"/>, by falling <paramref name="key"/>.</summary>
    /// <param name="rows">Already filtered.</param>
    /// <param name="key">Unique and unchanging: a UUIDv7 or a running number, so the newest come first.</param>
    public async Task<IResult> NewestFirstAsync<TRow, TKey, TView>(
        IQueryable<TRow> rows, Expression<Func<TRow, TKey>> key, Func<TRow, TView> view, CancellationToken cancellationToken)
        where TKey : struct, IParsable<TKey>, IFormattable
    {
        if (!TryRead<TKey>(out var last, out var refusal))
        {
            return refusal!;
        }

        if (last is { } shown)
        {
            rows = rows.Where(Expression.Lambda<Func<TRow, bool>>(Compare(ExpressionType.LessThan, key.Body, shown), key.Parameters));
        }

        return await AnswerAsync(rows.OrderByDescending(key), row => Text(key.Compile(preferInterpretation: true)(row)), view, cancellationToken);
    }

    /// <summary>
    /// The page in the order of change, the oldest change first: a client that follows the pages to the end has everything
    /// and goes on from there. For <c>updated_since</c>.
    /// </summary>
    public async Task<IResult> ByChangeAsync<TRow, TView>(
        IQueryable<TRow> rows, Expression<Func<TRow, DateTimeOffset>> changedAt, Expression<Func<TRow, Guid>> id, Func<TRow, TView> view, CancellationToken cancellationToken)
    {
        if (!TryRead<Change>(out var last, out var refusal))
        {
            return refusal!;
        }

        if (last is { } shown)
        {
            // changedAt > shown.At || (changedAt == shown.At && id > shown.Id)
            var row = changedAt.Parameters[0];
            var idOfRow = new Replacement(id.Parameters[0], row).Visit(id.Body);
            rows = rows.Where(Expression.Lambda<Func<TRow, bool>>(
                Expression.OrElse(
                    Compare(ExpressionType.GreaterThan, changedAt.Body, shown.At),
                    Expression.AndAlso(Compare(ExpressionType.Equal, changedAt.Body, shown.At), Compare(ExpressionType.GreaterThan, idOfRow, shown.Id))),
                row));
        }

        return await AnswerAsync(
            rows.OrderBy(changedAt).ThenBy(id),
            row => Text(new Change(changedAt.Compile(preferInterpretation: true)(row), id.Compile(preferInterpretation: true)(row))),
            view,
            cancellationToken);
    }

    private async Task<IResult> AnswerAsync<TRow, TView>(IQueryable<TRow> rows, Func<TRow, string> position, Func<TRow, TView> view, CancellationToken cancellationToken)
    {
        var limit = Limit ?? DefaultLimit;

        // One more than asked for tells whether there is a next page.
        var found = await rows.Take(limit + 1).ToListAsync(cancellationToken);
        var next = found.Count > limit ? Cursors.Write(Scope, position(found[limit - 1])) : null;
        return TypedResults.Ok(new Page<TView>([.. found.Take(limit).Select(view)], next));
    }

    private bool TryRead<TKey>(out TKey? last, out IResult? refusal)
        where TKey : struct, IParsable<TKey>
    {
        last = null;
        refusal = null;
        if (Limit is < 1 or > MostRows)
        {
            refusal = Problems.Invalid("limit", $"limit must be from 1 to {MostRows}.");
        }
        else if (Cursor is not null)
        {
            const string Sentence = "cursor must be the next_cursor of the page before, with the same filters.";
            last = Cursors.Read(Scope, Cursor) is { } position && TKey.TryParse(position, CultureInfo.InvariantCulture, out var key) ? key : null;
            refusal = last is null
                ? Problems.Result(StatusCodes.Status400BadRequest, "invalid_cursor", Sentence, new Dictionary<string, string[]> { ["cursor"] = [Sentence] })
                : null;
        }

        return refusal is null;
    }

    /// <summary>What a cursor is good for: one organisation's list with the filters as they stand in the query.</summary>
    private string Scope
    {
        get
        {
            var filters = Http.Request.Query
                .Where(parameter => parameter.Key is not ("cursor" or "limit"))
                .OrderBy(parameter => parameter.Key, StringComparer.Ordinal)
                .SelectMany(parameter => parameter.Value.Select(value => $"{Uri.EscapeDataString(parameter.Key)}={Uri.EscapeDataString(value ?? "")}"));
            return $"{User.OrganisationOrNone:N} {Http.Request.Path} {string.Join('&', filters)}";
        }
    }

    private static string Text<TKey>(TKey key)
        where TKey : IFormattable => key.ToString(null, CultureInfo.InvariantCulture);

    // The value as a member of an object: EF makes that a parameter, and a constant would be a new query plan for each page.
    private static BinaryExpression Compare<T>(ExpressionType how, Expression ofRow, T value) =>
        Expression.MakeBinary(how, ofRow, Expression.Property(Expression.Constant(Tuple.Create(value)), nameof(Tuple<T>.Item1)));

    /// <summary>Position in a list by time of change, where several rows may share a time.</summary>
    private readonly record struct Change(DateTimeOffset At, Guid Id) : IParsable<Change>, IFormattable
    {
        public static Change Parse(string s, IFormatProvider? provider) => TryParse(s, provider, out var change) ? change : throw new FormatException();

        public static bool TryParse(string? s, IFormatProvider? provider, out Change result)
        {
            result = default;
            if (s?.Split(':') is not [var ticks, var id]
                || !long.TryParse(ticks, NumberStyles.None, provider, out var utcTicks)
                || !Guid.TryParse(id, out var guid))
            {
                return false;
            }

            result = new(new DateTimeOffset(utcTicks, TimeSpan.Zero), guid);
            return true;
        }

        public string ToString(string? format, IFormatProvider? formatProvider) => string.Create(formatProvider, $"{At.UtcTicks}:{Id:N}");
    }

    private sealed class Replacement(ParameterExpression from, ParameterExpression to) : ExpressionVisitor
    {
        protected override Expression VisitParameter(ParameterExpression node) => node == from ? to : node;
    }
}
