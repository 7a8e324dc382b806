using System.Diagnostics;

namespace Kraliki.Server.Hosting;

/// <summary>
/// <c>X-Request-ID</c>: the caller's when it is harmless, else our own; on every answer, in every problem, on every
/// log line, and with what follows from the request (<see cref="RequestTrace"/>).
/// </summary>
internal sealed class RequestIds(RequestDelegate next, ILogger<RequestIds> logger)
{
    public const string Header = "X-Request-ID";

    private const int Longest = 64;

    public async Task InvokeAsync(HttpContext http)
    {
        var offered = http.Request.Headers[Header].ToString();
        http.TraceIdentifier = IsHarmless(offered) ? offered : Guid.CreateVersion7().ToString("N");

        // At the last moment, because an error answer starts with empty headers.
        http.Response.OnStarting(static state =>
        {
            var context = (HttpContext)state;
            context.Response.Headers[Header] = context.TraceIdentifier;
            return Task.CompletedTask;
        }, http);

        // The framework has taken an incoming traceparent over, or begun a trace.
        var trace = new RequestTrace(http.TraceIdentifier, Activity.Current?.Id);
        trace.Enter();
        using (logger.BeginScope(trace.ToScope()))
        {
            await next(http);
        }
    }

    /// <summary>It is printed in logs and headers: nothing that could break a line or a quote.</summary>
    private static bool IsHarmless(string id) =>
        id.Length is > 0 and <= Longest && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');
}
