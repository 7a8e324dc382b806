using System.Globalization;
using System.Runtime.InteropServices;
using Kraliki.Chaos;
using Kraliki.Simulators;

// Breaks a cluster under live calls and compares what everybody was told.
//   Kraliki.Chaos 500 [--seed S] [--others N] [--only kind,kind] [--nodes 5] [--calls 6] [--batch 100] [--out FILE] [--dir D] [--ports FROM-TO] [--server DIR]
//   Kraliki.Chaos report FILE
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

if (arguments.Names is ["report", var results])
{
    var read = ChaosReport.Read(results);
    Console.Write(ChaosReport.Markdown(ChaosReport.Figures(0, 0, read, [], read.Sum(batch => batch.Seconds))));
    return 0;
}

if (arguments.Names is not [var number] || !int.TryParse(number, CultureInfo.InvariantCulture, out var kills) || kills < 0)
{
    Console.Error.WriteLine("Say how many nodes to kill, or: report FILE.");
    return 2;
}

var seed = arguments.Number("seed") ?? Random.Shared.Next(1, 1_000_000);
var only = arguments.Text("only")?.Split(',').Select(kind => Enum.Parse<ClusterFault>(kind.Replace("_", "", StringComparison.Ordinal), ignoreCase: true)).ToArray();
var output = arguments.Text("out") ?? $"chaos-{seed}.jsonl";
var summary = Path.ChangeExtension(output, ".summary.json");
var plan = Plan(kills, arguments.Number("others") ?? 0, only, arguments.Number("batch") ?? 100, seed);
var planned = plan.Sum(batch => batch.Count);
var done = ChaosReport.Read(output).ToList();
var unfinished = new List<FaultResult>();
var before = done.Sum(batch => batch.Seconds);
var since = TimeProvider.System.GetTimestamp();
Console.WriteLine($"seed {seed}, {planned} faults in {plan.Count} batches, {done.Count} of them done before, results in {output}, figures in {summary}");

using var stop = new CancellationTokenSource();
using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
try
{
    var directory = arguments.Text("dir") ?? Path.Combine(Path.GetTempPath(), "kraliki-chaos");
    await using var run = await ChaosRun.StartAsync(
        directory, new(arguments.Number("nodes") ?? 5, arguments.Text("ports"), arguments.Text("server")), Console.WriteLine, stop.Token);
    while (done.Count < plan.Count)
    {
        Console.WriteLine($"batch {done.Count + 1} of {plan.Count}");
        // Each batch has a seed of its own, so that a run that goes on where it stopped does the same as one in a piece.
        var result = await run.RunAsync(plan[done.Count], unchecked((seed * 1000) + done.Count), arguments.Number("calls") ?? 6, Struck, stop.Token);
        ChaosReport.Append(output, result);
        done.Add(result);
        unfinished.Clear();
        ChaosReport.Summarise(summary, Figures());
        foreach (var finding in result.Comparison.Findings)
        {
            Console.WriteLine($"FOUND {finding.Kind} {finding.Session}: {finding.What}");
        }
    }
}
catch (OperationCanceledException) when (stop.IsCancellationRequested)
{
    Console.WriteLine("Stopped; the same command goes on after the last finished batch.");
}

var figures = Figures();
ChaosReport.Summarise(summary, figures);
Console.Write(ChaosReport.Markdown(figures));
return done.Count == plan.Count && figures.Findings.Count == 0 && figures.Faults.Values.All(fault => fault.Lost == 0) && figures.GoalMet ? 0 : 1;

ChaosFigures Figures() =>
    ChaosReport.Figures(seed, planned, done, unfinished, before + TimeProvider.System.GetElapsedTime(since).TotalSeconds);

// A line for each ten faults, and the summary on disk: a run that is stopped has its figures.
void Struck(FaultResult fault)
{
    unfinished.Add(fault);
    if (unfinished.Count % 10 != 0)
    {
        return;
    }

    var figures = Figures();
    ChaosReport.Summarise(summary, figures);
    Console.WriteLine($"{figures.Done} of {planned} faults in {figures.Minutes} min: " + string.Join("; ", figures.Faults.Select(kind =>
        $"{kind.Key} {kind.Value.Times} times, heard again {kind.Value.HeardAgainMs} ms, {kind.Value.Lost} calls lost")));
}

// Kills and the other faults in an order that the seed decides, the others spread over all batches.
static List<List<ClusterFault>> Plan(int kills, int others, ClusterFault[]? only, int batch, int seed)
{
    var kinds = only ?? [.. Enum.GetValues<ClusterFault>().Where(kind => kind != ClusterFault.KillNode)];
    var faults = Enumerable.Repeat(ClusterFault.KillNode, kills).Concat(Enumerable.Range(0, others).SelectMany(_ => kinds)).ToArray();
    new Random(seed).Shuffle(faults);
    return [.. faults.Chunk(batch).Select(chunk => chunk.ToList())];
}

void Stop(PosixSignalContext context)
{
    context.Cancel = true;
    stop.Cancel();
}
