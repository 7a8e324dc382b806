using Kraliki.Client;
using Kraliki.Contracts;

namespace Kraliki.OperatorConsole.Frame;

/// <summary>Tells the server about faults that this browser met.</summary>
public sealed class ErrorReports(KralikiClient client)
{
    /// <summary>Never throws: a report that cannot be delivered must not become a second fault.</summary>
    /// <param name="where">The panel or page, in our own words. Only type and place (or code) of the fault travel: messages may hold personal data.</param>
    public async Task SendAsync(Exception exception, string where, CancellationToken cancellationToken)
    {
        var refusal = exception as KralikiException;
        var place = refusal?.Code ?? exception.StackTrace?.Split('\n', 2)[0].Split(" in ")[0].Trim();
        var report = new ErrorReport($"{exception.GetType().Name} {place}".Trim(), where, refusal?.Problem?.RequestId);
        try
        {
            await client.ReportErrorAsync(report, cancellationToken);
        }
        catch (KralikiException)
        {
            // The server is away or refuses; the reader already sees the fault on the page.
        }
    }
}
