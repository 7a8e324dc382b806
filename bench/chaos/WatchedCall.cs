using Kraliki.Simulators.Twilio;

namespace Kraliki.Chaos;

/// <summary>A call in progress, seen from the caller's telephone and from an operator's tab.</summary>
/// <param name="carrier">What the carrier does with it when its media connection dies, as <see cref="LostStream.Read"/> reads it.</param>
internal sealed class WatchedCall(SimulatedCall call, Witness witness, int voice, string carrier)
{
    // A beat of the caller's telephone: a line begins with the frame that goes out in the same beat, or a millisecond before.
    private const int BeatMs = 20;

    private readonly List<Strike> _strikes = [];

    public SimulatedCall Call => call;

    public Witness Witness => witness;

    /// <summary>Which of the telephone's voices this caller has; free again when the call is over.</summary>
    public int Voice => voice;

    public string Carrier => carrier;

    public DateTimeOffset? HungUpAt { get; private set; }

    /// <summary>A fault hit the media of this call.</summary>
    public void Struck(DateTimeOffset from, DateTimeOffset to) => _strikes.Add(new(from, to));

    public void HangUp(DateTimeOffset now)
    {
        HungUpAt = now;
        call.HangUp();
    }

    /// <summary>When the caller heard the agent again after a fault, and how long the line had been silent then; null as long as he has not.</summary>
    /// <param name="newStream">The media connection was lost: only what came over a later one counts. Otherwise the next answer that begins.</param>
    public HeardAgain? HeardAgainAfter(DateTimeOffset fault, bool newStream)
    {
        var report = call.Report();
        var faultMs = At(fault);
        var heard = newStream
            ? report.Streams.FirstOrDefault(stream => stream.OpenedMs > faultMs && stream.FirstHeardMs is not null)?.FirstHeardMs
            : report.Agent.FirstOrDefault(window => window.StartMs > faultMs)?.StartMs;
        if (heard is not { } at)
        {
            return null;
        }

        // Of an utterance that spans the change it is known only that both sides of it were heard: then there was no silence
        // of 700 ms, which is what ends an utterance for the caller's ear.
        var before = report.Agent.Where(window => window.StartMs < at).Select(window => Math.Min(window.EndMs, at))
            .Concat(report.Lines.Where(line => line.StartMs < at).Select(line => Math.Min(line.EndMs ?? at, at)));
        return new(TimeSpan.FromMilliseconds(at - faultMs), TimeSpan.FromMilliseconds(at - before.DefaultIfEmpty(0).Max()));
    }

    /// <summary>Whether the media connection that was open at a moment has ended since.</summary>
    public bool LostMediaSince(DateTimeOffset moment) => call.Report().Streams.Any(stream => stream.OpenedMs <= At(moment) && stream.ClosedMs > At(moment));

    public CallRecord ToRecord(Guid? session)
    {
        var report = call.Report();
        var answered = call.AnsweredOn ?? call.CreatedAt;
        DateTimeOffset Time(long ms) => answered.AddMilliseconds(ms);
        return new(
            call.Sid, session, HungUpAt, report.End is { } end ? Time(end.AtMs) : null, report.End is { } by ? $"{by.By}, {by.How}" : null,
            [.. report.Lines.Select(line => new SpokenLine(
                line.Text, Time(line.StartMs), line.EndMs is { } ms ? Time(ms) : null,
                report.Streams.Any(stream => stream.FirstSentMs - BeatMs <= line.StartMs && stream.LastSentMs >= line.EndMs)))],
            [.. _strikes],
            [.. report.Streams.Where(stream => stream is { ClosedBy: "lost" or "fault", ClosedMs: not null }).Select(stream => Time(stream.ClosedMs!.Value))]);
    }

    private long At(DateTimeOffset moment) => (long)(moment - (call.AnsweredOn ?? call.CreatedAt)).TotalMilliseconds;
}

/// <param name="After">Since the fault.</param>
/// <param name="Silence">Since anybody was last heard on the line, caller or agent.</param>
internal sealed record HeardAgain(TimeSpan After, TimeSpan Silence);
