using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.InteropServices;
using Kraliki.Gaps;
using Kraliki.Simulators;

// Measures how long nobody has a call, at switches and at failovers between every two providers.
//   Kraliki.Gaps 200 [--parallel 16] [--only openai,local] [--kind switch|failover|stall] [--out FILE]
SimulatorArguments arguments;
try
{
    arguments = new(args);
}
catch (ArgumentException wrong)
{
    Console.Error.WriteLine(wrong.Message);
    return 2;
}

if (arguments.Names is not [var number] || !int.TryParse(number, CultureInfo.InvariantCulture, out var times) || times < 1)
{
    Console.Error.WriteLine("Say how many handovers of each kind and pair to measure: 200.");
    return 2;
}

Handover[] kinds = Enum.GetValues<Handover>();
if (arguments.Text("kind") is { } word)
{
    if (!Enum.TryParse<Handover>(word, ignoreCase: true, out var only) || !Enum.IsDefined(only))
    {
        Console.Error.WriteLine($"There is no kind '{word}': switch, failover or stall.");
        return 2;
    }

    kinds = [only];
}

string[] names = arguments.Text("only")?.Split(',') ?? [.. Vendors.Names];
using var stop = new CancellationTokenSource();
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
await using var vendors = await Vendors.StartAsync(stop.Token);
await using var line = new Line();

// In an order of chance: a slow minute of the machine is no pair's own.
var plan = (from kind in kinds from one in names from other in names where one != other from i in Enumerable.Range(0, times) select (kind, one, other, i)).ToArray();
Random.Shared.Shuffle(plan);
var samples = new ConcurrentBag<GapSample>();
var lost = new ConcurrentBag<string>();
long since = TimeProvider.System.GetTimestamp();
try
{
    await Parallel.ForEachAsync(plan, new ParallelOptions { MaxDegreeOfParallelism = arguments.Number("parallel") ?? 16, CancellationToken = stop.Token }, async (wanted, cancelled) =>
    {
        try
        {
            // Every fourth caller is in the middle of a word; who falls silent does so before or in one, or nothing would be missed.
            var stall = wanted.kind == Handover.Stall;
            var settle = TimeSpan.FromMilliseconds(stall ? Random.Shared.Next(600) : 200 + Random.Shared.Next(400));
            samples.Add(await GapCall.RunAsync(vendors, line, wanted.kind, wanted.one, wanted.other, speaks: stall || wanted.i % 4 == 0, settle, cancelled));
        }
        catch (TimeoutException)
        {
            lost.Add($"{wanted.kind} {wanted.one} → {wanted.other}");
        }

        if ((samples.Count + lost.Count) % 200 == 0)
        {
            Console.Error.WriteLine($"{samples.Count + lost.Count} of {plan.Length} in {TimeProvider.System.GetElapsedTime(since).TotalMinutes:0.0} min, {lost.Count} lost");
        }
    });
}
catch (OperationCanceledException) when (stop.IsCancellationRequested)
{
    Console.Error.WriteLine("Stopped; these are the figures so far.");
}

var all = samples.OrderBy(sample => sample.Kind).ThenBy(sample => Array.IndexOf(names, sample.From)).ThenBy(sample => Array.IndexOf(names, sample.To)).ToList();
string report = GapReport.Markdown(all) + string.Create(
    CultureInfo.InvariantCulture,
    $"{all.Count} handovers in {TimeProvider.System.GetElapsedTime(since).TotalMinutes:0.0} minutes; {lost.Count} calls lost; the latest frame of a line came {line.WorstLateMs:0} ms late.\n");
Console.Write(report);
foreach (var call in lost.Distinct())
{
    Console.WriteLine($"LOST {call}");
}

if (arguments.Text("out") is { } file)
{
    await File.WriteAllTextAsync(file, report, CancellationToken.None);
}

bool well = lost.IsEmpty && all.Count == plan.Length && all.TrueForAll(sample => sample.Unheard == 0)
    && all.GroupBy(sample => (sample.Kind, sample.From, sample.To)).All(pair =>
        GapReport.Percentile(pair.Select(sample => sample.GapMs), 0.95) <= GapReport.MostMs(pair.Key.Kind));
return well ? 0 : 1;

void Stop(PosixSignalContext context)
{
    context.Cancel = true;
    stop.Cancel();
}
