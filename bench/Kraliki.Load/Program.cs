using System.Diagnostics;
using Kraliki.Load;

if (args is ["login", .. var rest])
{
    return await SignInLoad.RunAsync(rest);
}

if (args is ["requests", .. var requests])
{
    return await RequestLoad.RunAsync(requests);
}

LoadOptions options;
try
{
    options = LoadOptions.Parse(args);
}
catch (ArgumentException e)
{
    Console.Error.WriteLine(e.Message);
    return 2;
}

var idle = ServerProbe.Read(options.Pid);
using var loop = new LoadLoop(options);
using var opener = new CallOpener(options);

// 1. Open the calls at the chosen rate; each speaks as soon as it is open.
var start = Stopwatch.GetTimestamp();
await Parallel.ForEachAsync(
    Enumerable.Range(0, options.Calls),
    new ParallelOptions { MaxDegreeOfParallelism = 8 },
    async (i, cancel) =>
    {
        var wait = TimeSpan.FromSeconds((double)i / options.Ramp) - Stopwatch.GetElapsedTime(start);
        if (wait > TimeSpan.Zero) await Task.Delay(wait, TimeProvider.System, cancel);
        loop.Adopt(await opener.OpenAsync(i, cancel));
    });
await Task.Delay(TimeSpan.FromSeconds(options.WarmUp), TimeProvider.System);

// 2. Measure.
using var self = Process.GetCurrentProcess();
var ownBefore = self.TotalProcessorTime;
var before = ServerProbe.Read(options.Pid);
var windowStart = Stopwatch.GetTimestamp();
loop.Tally.BeginWindow();
await Task.Delay(TimeSpan.FromSeconds(options.Seconds), TimeProvider.System);
loop.Tally.EndWindow();
var seconds = Stopwatch.GetElapsedTime(windowStart).TotalSeconds;
var after = ServerProbe.Read(options.Pid);
self.Refresh();
var busy = (self.TotalProcessorTime - ownBefore).TotalSeconds / seconds;
var open = loop.Tally.Open;

// 3. What is under way may still come back; what takes longer than this is lost to a conversation.
await Task.Delay(TimeSpan.FromSeconds(2), TimeProvider.System);
loop.Stop();

var tally = loop.Tally;
var callSeconds = options.Calls * seconds;
var lost = tally.FramesSent - tally.FramesBack;
var measured = options.Pid != 0;
var report = new LoadReport(
    options.Name,
    options.Calls,
    options.Seconds,
    measured ? (after.CpuMs - before.CpuMs) / callSeconds : null,
    tally.Percentile(0.50),
    tally.Percentile(0.99),
    tally.MaxMicros / 1000.0,
    tally.FramesSent,
    lost,
    tally.FramesDamaged,
    tally.FramesOutOfOrder,
    measured ? after.ResidentKb / 1024.0 : null,
    measured ? (double)(after.ResidentKb - idle.ResidentKb) / options.Calls : null,
    measured ? (after.ContextSwitches - before.ContextSwitches) / callSeconds : null,
    after.Threads,
    tally.FramesBack == 0 ? 0 : (double)tally.AudioMessages / tally.FramesBack,
    tally.Marks,
    tally.Clears,
    options.Calls - open,
    busy,
    loop.WorstLatenessMs,
    open == options.Calls && tally.FramesSent > 0 && lost == 0 && tally.FramesDamaged == 0 && tally.Percentile(0.99) <= LoadReport.SustainedP99Ms);

foreach (var (why, count) in tally.Ends.Where(end => end.Key != "hung up"))
{
    Console.Error.WriteLine($"{count} calls ended early: {why}");
}

Console.WriteLine(LoadReport.Header);
Console.WriteLine(report.Row());
Console.WriteLine(report.Json());
return report.Sustained ? 0 : 1;
