using System.Globalization;
using Kraliki.Contracts;

namespace Kraliki.Server.Rehearsals;

/// <summary>Writes a session to a terminal as it happens, one line per turn or event, and its report at the end. One session; not for several threads.</summary>
/// <param name="width">Columns of the terminal, when it is one: then unfinished turns are shown in a last line that is written over. Null prints finished lines only.</param>
internal sealed class ConversationPrinter(TextWriter output, int? width)
{
    private const string EraseLine = "\r\u001b[2K";

    private DateTimeOffset? _mediaBegan;
    private bool _partialShown;

    /// <summary>A finished fact.</summary>
    public void Show(SessionEvent happened) => Show(happened.Data, happened.At);

    public void Show(ServerMessage message)
    {
        switch (message)
        {
            case EventMessage happened:
                Show(happened.Data, happened.At);
                break;
            case PartialTranscript { Text.Length: > 0 } unfinished when width is { } columns:
                string line = Line(unfinished.StartMs, SpeakerOf(unfinished.Speaker), unfinished.Text + " ...");
                output.Write(EraseLine + (line.Length < columns ? line : line[..(columns - 1)]));
                _partialShown = true;
                break;
        }
    }

    public void Write(RehearsalView rehearsal)
    {
        Finished("");
        if (rehearsal.Report is { } report)
        {
            Write(report);
        }

        output.WriteLine(rehearsal.Status == RehearsalStatus.Passed ? "PASSED" : $"FAILED: {rehearsal.Failure}");
    }

    private void Write(RehearsalReport report)
    {
        output.WriteLine($"Expectations     {report.Expectations.Count(expectation => expectation.Met)} of {report.Expectations.Count} met");
        foreach (var expectation in report.Expectations)
        {
            output.WriteLine(expectation.Met
                ? $"  met            {expectation.Description}"
                : $"  MISSED         {expectation.Description}; the assistant said: {expectation.Found ?? "nothing"}");
        }

        output.WriteLine($"Word error rate  {(report.WordErrorRate is { } rate ? rate.ToString("P1", CultureInfo.InvariantCulture) : "nothing was said")}");
        output.WriteLine($"First answer     {Latencies(report.FirstAnswerMs)}");
        output.WriteLine($"Barge-in, clear  {Latencies(report.BargeInToClearMs)}");
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Call             {report.DurationSeconds:0.0} s, ended as {(report.EndReason is { } end ? WireWord.Of(end) : "unknown")}"));
    }

    private void Show(SessionFact fact, DateTimeOffset at)
    {
        if (fact is CarrierConnected)
        {
            _mediaBegan ??= at;
        }

        long now = _mediaBegan is { } began ? (long)(at - began).TotalMilliseconds : 0;
        string? line = fact switch
        {
            TurnFinished turn => Line(turn.StartMs, SpeakerOf(turn.Speaker), turn.Text + (turn.Interrupted ? " -" : "")),
            CarrierConnected carrier => Line(now, "*", $"{carrier.Carrier} connected"),
            ProviderConnected provider => Line(now, "*", string.Create(CultureInfo.InvariantCulture, $"{provider.Provider} connected in {provider.ConnectMs} ms")),
            BargeIn bargeIn => Line(bargeIn.AtMs, "*", string.Create(CultureInfo.InvariantCulture, $"interrupted after {bargeIn.HeardMs} ms of the answer")),
            FalseInterruption noise => Line(noise.AtMs, "*", $"no interruption{(noise.Heard is { Length: > 0 } heard ? $" ({heard})" : "")}: the assistant goes on"),
            DtmfReceived key => Line(key.AtMs, "*", $"key {key.Digit}"),
            ProviderFailed failed => Line(now, "*", $"{failed.Provider} failed: {failed.Detail}"),
            ProviderSwitched change => Line(now, "*", string.Create(CultureInfo.InvariantCulture, $"{change.To} has the call after {change.TookMs} ms, {change.ReplayedMs} ms heard again")),
            ProviderSwitchFailed failed => Line(now, "*", $"{failed.To} could not take the call: {failed.Detail}"),
            ToolCalled tool => Line(now, "*", $"tool {tool.Name}{(tool.Result is null ? "" : " done")}"),
            ProviderNotice notice => Line(now, "*", $"{notice.Provider}: {notice.Message}"),
            CallResumed resumed => Line(now, "*", resumed.Detail),
            StateChanged { Detail: { } detail } => Line(now, "*", detail),
            _ => null,
        };
        if (line is not null)
        {
            Finished(line);
        }
    }

    private void Finished(string line)
    {
        if (_partialShown)
        {
            output.Write(EraseLine);
            _partialShown = false;
        }

        output.WriteLine(line);
    }

    private static string Line(long mediaMs, string speaker, string text)
        => string.Create(CultureInfo.InvariantCulture, $"{mediaMs / 1000.0,7:0.0}  {speaker,-9} {text}");

    private static string SpeakerOf(LegRole speaker) => speaker switch
    {
        LegRole.Caller => "caller",
        LegRole.Ai => "assistant",
        _ => "operator",
    };

    private static string Latencies(IReadOnlyList<int> ms)
    {
        if (ms.Count == 0)
        {
            return "none";
        }

        var sorted = ms.Order().ToList();
        return string.Create(CultureInfo.InvariantCulture, $"p50 {sorted[(sorted.Count - 1) / 2]} ms, max {sorted[^1]} ms ({sorted.Count})");
    }
}
