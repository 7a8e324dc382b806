using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kraliki.Load;

/// <summary>One measured window.</summary>
/// <param name="CpuMsPerCallSecond">Server CPU, milliseconds per second of one call; null without a process to measure.</param>
/// <param name="P50Ms">Caller frame sent → the same bytes back at the carrier, through server and echo and back.</param>
/// <param name="RssPerCallKb">Growth over the idle process, divided by the calls.</param>
/// <param name="MessagesPerFrame">Audio messages toward the carrier per frame: below 1, the server merges.</param>
/// <param name="LoadBusy">Share of one core that the load side itself used.</param>
/// <param name="Sustained">Every call open, no frame lost or damaged, p99 ≤ 60 ms.</param>
internal sealed record LoadReport(
    string Name,
    int Calls,
    int Seconds,
    double? CpuMsPerCallSecond,
    double P50Ms,
    double P99Ms,
    double MaxMs,
    long FramesSent,
    long FramesLost,
    long FramesDamaged,
    long FramesOutOfOrder,
    double? RssMb,
    double? RssPerCallKb,
    double? SwitchesPerCallSecond,
    int Threads,
    double MessagesPerFrame,
    long Marks,
    long Clears,
    int CallsEndedEarly,
    double LoadBusy,
    long LoadLateMs,
    bool Sustained)
{
    public const double SustainedP99Ms = 60;

    public const string Header =
        "| server | calls | CPU ms per call-second | p50 ms | p99 ms | max ms | lost | RSS MB | KB per call | switches per call-second | load busy | sustained |\n"
        + "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|";

    public string Row() => string.Create(
        CultureInfo.InvariantCulture,
        $"| {Name} | {Calls} | {CpuMsPerCallSecond:F2} | {P50Ms:F2} | {P99Ms:F2} | {MaxMs:F1} | {FramesLost} of {FramesSent} | {RssMb:F0} | {RssPerCallKb:F0} | {SwitchesPerCallSecond:F0} | {LoadBusy:P0} | {(Sustained ? "yes" : "no")} |");

    public string Json() => JsonSerializer.Serialize(this, LoadJson.Default.LoadReport);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(LoadReport))]
internal sealed partial class LoadJson : JsonSerializerContext;
