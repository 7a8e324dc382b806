using Kraliki.Contracts;
using Kraliki.Server.Hosting;

namespace Kraliki.Server.Operations;

/// <summary>Errors that browsers met end up in the same log as ours.</summary>
internal static partial class ErrorReportsApi
{
    private const int Longest = 2000;

    public static void MapErrorReports(this IEndpointRouteBuilder routes) =>
        routes.MapPost("/api/v1/error-reports", Accept).RequireRateLimiting(RateLimits.Reports)
            .WithTags("Operations").WithName("ReportError").WithSummary("Report an error that the browser met")
            .Produces(204).ProducesProblem(400).ProducesProblem(429);

    private static IResult Accept(ErrorReport report, ILoggerFactory loggers)
    {
        if (report.Message.Length is 0 or > Longest)
        {
            return Problems.Invalid("message", $"message must have 1 to {Longest} characters.");
        }

        var logger = loggers.CreateLogger("Kraliki.Console");
        LogBrowserError(logger, OneLine(report.Message), OneLine(report.Where), OneLine(report.RequestId));
        return Results.NoContent();
    }

    /// <summary>Nobody outside may forge a line of the log.</summary>
    private static string OneLine(string? text) =>
        string.IsNullOrEmpty(text) ? "-" : string.Concat(text.Take(Longest).Select(c => char.IsControl(c) ? ' ' : c));
}
